"""Model cards: every figure is the run's, computed here by other means."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from fmnist import paths
from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import SplitName
from fmnist.files import read_json, write_json
from fmnist.reports import model_card as cards
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.publish import publish
from fmnist.runs.run import RunError
from tools.made_up_run import CHECKSUM, made_up_evaluation, made_up_run, predictions


def _rows(card: str, title: str) -> list[list[str]]:
    """Cells of the table below a heading, titles first."""
    section = card.split(f"\n## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines if "--" not in line
    ]


def _figures(card: str) -> dict[str, str]:
    return dict(_rows(card, "Figures"))


def test_held_out_card_names_its_protocol_and_its_figures(tmp_path: Path) -> None:
    card = cards.model_card(made_up_run(tmp_path), companion=None)
    true, predicted = predictions()
    right = sum(t == p for t, p in zip(true, predicted, strict=True))
    # the predicted class has logit 2, the nine others 0
    nats = [np.log(np.exp(2) + 9) - 2 * (t == p) for t, p in zip(true, predicted, strict=True)]
    figures = _figures(card)
    assert figures["Best epoch (on validation)"] == "3 of 6"
    assert figures["Validation accuracy"] == "95.12%"
    assert figures["Validation loss"] == "0.3030"
    assert figures["**Test accuracy**"] == f"**{right / len(true) * 100:.2f}%**" == "**94.10%**"
    assert figures["Test loss"] == f"{sum(nats) / len(nats):.4f}"
    assert "## Protocol: held-out" in card
    assert "59,000 images to train on and 1,000 for validation" in card
    assert "evaluated once, at the end; they were not used for selection" in card
    assert "Classifies 28×28 images of garments as T-shirt/top, Trouser, Pullover" in card
    assert "notebook protocol" not in _rows(card, "Progression")[0][1].lower()


def test_full_card_says_that_nothing_chose(tmp_path: Path) -> None:
    run = made_up_run(tmp_path, protocol="full", checkpoint="last")
    card = cards.model_card(run, companion=None)
    figures = _figures(card)
    assert figures["Selected epoch, the last"] == "6 of 6"
    assert figures["Training accuracy (images trained on)"] == "85.60%"
    assert figures["**Test accuracy**"] == "**94.10%**"
    assert "## Protocol: full" in card and "settings that were fixed beforehand" in card
    assert "on some of the training images" in card and "this protocol has none" in card
    assert "Validation" not in card and "selected on validation" not in card


def test_notebook_card_tells_best_from_final_test_accuracy(tmp_path: Path) -> None:
    card = cards.model_card(made_up_run(tmp_path, protocol="notebook"), companion=None)
    figures = _figures(card)
    assert figures["Best epoch (on test)"] == "3 of 6"
    assert figures["Best test accuracy (selected on test)"] == "94.10%"
    assert figures["**Final test accuracy** (epoch 6)"] == "**85.60%**"
    assert figures["Final test loss"] == "0.3060"
    assert "All 60,000 training images" in card
    assert "selected on the test set, and is optimistic" in card


def test_progression_stands_beside_the_original_and_the_companion(tmp_path: Path) -> None:
    run = made_up_run(tmp_path, epochs=20)
    notebook = made_up_run(tmp_path, protocol="notebook", epochs=12, seed=4)
    titles, *rows = _rows(cards.model_card(run, companion=notebook), "Progression")
    assert titles[1:] == [
        "Validation accuracy",
        "Test accuracy, notebook protocol",
        "Original notebook, test accuracy",
    ]
    assert rows == [
        ["1", "85.10%", "85.10%", "88.23%"],
        ["5", "85.50%", "85.50%", "91.40%"],
        ["10", "86.00%", "86.00%", "92.30%"],
        ["17", "86.70%", "–", "93.04%"],
        ["20", "87.00%", "–", "92.69%"],
    ]
    alone = _rows(cards.model_card(notebook, companion=run), "Progression")
    assert alone[0] == ["Epoch", "Test accuracy", "Original notebook, test accuracy"]


def test_classes_are_those_of_the_test_images(tmp_path: Path) -> None:
    titles, *rows = _rows(cards.model_card(made_up_run(tmp_path), companion=None), "Classes (test)")
    true, predicted = predictions()
    assert [row[0] for row in rows] == list(CLASS_NAMES)
    for label, row in enumerate(rows):
        hits = sum(t == p == label for t, p in zip(true, predicted, strict=True))
        recall, precision = hits / true.count(label), hits / predicted.count(label)
        f1 = 2 * precision * recall / (precision + recall)
        assert row[1] == f"{hits} / 100"
        assert row[2:6] == [f"{100 * x:.2f}%" for x in (recall, precision, recall, f1)]
        assert row[6] == ("79.4%" if CLASS_NAMES[label] == "Shirt" else "not given")
    assert titles[6] == "Original notebook, accuracy"


def test_most_confused_pairs_come_by_number(tmp_path: Path) -> None:
    card = cards.model_card(made_up_run(tmp_path), companion=None)
    assert _rows(card, "Most confused (test)")[1:] == [
        ["Shirt", "T-shirt/top", "30", "30.00%"],
        ["Shirt", "Pullover", "12", "12.00%"],
        ["Coat", "Pullover", "9", "9.00%"],
        ["T-shirt/top", "Shirt", "7", "7.00%"],
        ["Ankle boot", "Sneaker", "1", "1.00%"],
    ]
    assert "Shirt↔T-shirt/top and Coat↔Pullover" in card


def test_recipe_is_a_command_that_makes_the_same_settings(tmp_path: Path) -> None:
    from fmnist.cli import make_parser

    run = made_up_run(tmp_path, learning_rate=3e-05, seed=7, batch_size=64, log_every=20)
    card = cards.model_card(run, companion=None)
    block = re.search(r"```sh\n(.*?)\n```", card, re.DOTALL)
    assert block
    words = shlex.split(block[1].replace("\\\n", " "))
    assert words[:3] == ["python", "-m", "fmnist"]
    options = vars(make_parser().parse_args(words[3:]))
    assert run.config
    settings = run.config.to_json()
    assert TrainConfig(**{name: options[name] for name in settings}) == run.config
    assert len(words) == 4 + 2 * len(settings)  # each setting is named
    recipe = dict(_rows(card, "Repeat it"))
    assert recipe["Seed"] == "7"
    assert recipe["Versions"] == "fmnist 0.1.0, Python 3.11.7, torch 9.8.7, NumPy 2.3.4"
    assert recipe["Device"] == "cpu"
    assert recipe["Threads"] == "2"
    assert recipe["Data set (SHA-256)"] == f"`{CHECKSUM}`"


def test_times_are_the_median_pace_and_the_last_epochs_clock(tmp_path: Path) -> None:
    card = cards.model_card(made_up_run(tmp_path, epochs=5), companion=None)
    assert "5 min 08 s for 5 epochs" in card  # 61.5 s each
    assert "1,003 training images per second" in card
    assert "shared machine" in card


def test_drawn_garments_are_not_measured_against_the_original(tmp_path: Path) -> None:
    card = cards.model_card(made_up_run(tmp_path, dataset="synthetic-garments"), companion=None)
    assert "riginal notebook" not in card
    assert "9,000 images to train on" in card


@pytest.mark.parametrize("split", ["validation", "test"])
def test_no_card_without_the_evaluations(tmp_path: Path, split: SplitName) -> None:
    run = made_up_run(tmp_path)
    run.evaluation_path(split).unlink()
    with pytest.raises(RunError, match=f"no evaluation of the {split} split"):
        cards.model_card(run, companion=None)
    run.evaluation_path(split).write_bytes(b"junk")
    with pytest.raises(RunError, match="broken"):
        cards.model_card(run, companion=None)


def test_stale_card_is_noticed_and_rewritten(tmp_path: Path) -> None:
    run = publish(made_up_run(tmp_path / "runs"), tmp_path, "x", card=cards.card_of)
    path = run.folder / "README.md"
    text = path.read_text()
    assert cards.is_card_current(run, tmp_path)
    path.write_text(text.replace("94.10%", "99.99%"))
    assert not cards.is_card_current(run, tmp_path)
    assert cards.write_card(tmp_path, "x") == path
    assert path.read_text() == text
    path.unlink()
    assert not cards.is_card_current(run, tmp_path)


def test_notes_beside_the_files_are_part_of_the_card(tmp_path: Path) -> None:
    run = made_up_run(tmp_path, folder="noted")
    cards.write_card(tmp_path, "noted")
    assert cards.is_card_current(run, tmp_path)
    (run.folder / "notes.md").write_text("## Human sketches\n\n| a | b |\n", encoding="utf-8")
    assert not cards.is_card_current(run, tmp_path)
    cards.write_card(tmp_path, "noted")
    assert cards.is_card_current(run, tmp_path)
    text = (run.folder / "README.md").read_text(encoding="utf-8")
    assert "\n\n## Human sketches\n\n| a | b |\n\n## Time\n" in text


def test_only_fashion_cnn_is_compared_with_the_original_notebook(tmp_path: Path) -> None:
    card = cards.model_card(made_up_run(tmp_path, model="residual"), companion=None)
    assert "riginal notebook" not in card
    assert [row[0] for row in _rows(card, "Progression")] == ["Epoch", "1", "5", "6"]


@pytest.mark.parametrize(
    ("drawings", "told"),
    [
        ("outlines", "drawings: outlines ("),
        ("non-garments", "drawings: outlines, sketches, non-garments ("),
    ],
)
def test_the_card_names_the_drawings_trained_on(tmp_path: Path, drawings: str, told: str) -> None:
    assert told in cards.model_card(
        made_up_run(tmp_path, training_drawings=drawings), companion=None
    )
    assert "synthetic drawings" not in cards.model_card(made_up_run(tmp_path), companion=None)


@pytest.mark.parametrize("name", store.run_ids(paths.pretrained_folder()))
def test_the_shipped_cards_agree_with_their_files(name: str) -> None:
    run = store.open_run(paths.pretrained_folder(), name)
    assert cards.is_card_current(run, paths.pretrained_folder())


def test_calibration_is_that_of_the_test_images(tmp_path: Path) -> None:
    rows = dict(
        _rows(cards.model_card(made_up_run(tmp_path), companion=None), "Calibration (test)")
    )
    confidence = np.exp(2) / (np.exp(2) + 9)  # of every image
    assert rows["Mean confidence"] == f"{confidence:.2%}"
    assert rows["Accuracy"] == "94.10%"
    assert rows["Expected calibration error (15 bins)"] == f"{0.941 - confidence:.4f}"
    right, wrong = (1 - confidence) ** 2, confidence**2 + (1 - 1 / (np.exp(2) + 9)) ** 2
    others = np.exp(-2) * confidence
    brier = 0.941 * (right + 9 * others**2) + 0.059 * (wrong + 8 * others**2)
    assert rows["Brier score"] == f"{brier:.4f}"


def test_accuracy_over_several_views_stands_beside(tmp_path: Path) -> None:
    run = made_up_run(tmp_path, tta="flip")
    assert "TTA" not in cards.model_card(run, companion=None)
    made_up_evaluation("test").save(run.tta_path)
    figures = dict(_rows(cards.model_card(run, companion=None), "Figures"))
    assert figures["Test accuracy with TTA (flip)"] == "94.10%"


def test_other_models_stand_beside_fashion_cnn(tmp_path: Path) -> None:
    publish(
        made_up_run(tmp_path / "runs", name="FashionCNN"),
        tmp_path,
        "fashion-cnn",
        card=cards.card_of,
    )
    publish(made_up_run(tmp_path / "runs", model="residual"), tmp_path, "other", card=cards.card_of)
    rows = [_rows(card.read_text(), "Classes (test)") for card in tmp_path.glob("*/README.md")]
    columns = {titles[-1]: [row[-1] for row in body] for titles, *body in rows}
    assert columns["FashionCNN, accuracy"][6] == "58.00%"  # 42 of 100 shirts are mistaken
    assert len(columns) == 2  # FashionCNN itself stands beside the original


def test_the_card_of_a_student_names_its_teacher(tmp_path: Path) -> None:
    run = made_up_run(tmp_path, teachers=("strong",))
    assert "Distilled from `strong`: " in cards.model_card(run, companion=None)
    run = made_up_run(tmp_path, teachers=("strong", "other"))
    told = "Distilled from `strong` and `other`: "
    card = cards.model_card(run, companion=None)
    assert told in card and "one of them sampled per batch" in card


def test_the_card_of_a_run_from_a_gpu_says_how_its_training_differed(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    assert "the figures are the same." in cards.model_card(run, companion=None)
    run = made_up_run(tmp_path)
    document = read_json(run.config_path)
    document.setdefault("environment", {})["recipe"] = "alternating flip"
    write_json(run.config_path, document)
    card = cards.model_card(store.open_run(run.folder.parent, run.run_id), companion=None)
    assert "`benchmarks/gpu.sh`, which differs from this command: alternating flip." in card
    assert "the figures are the same." not in card


def test_the_card_of_an_ensemble_names_its_members_and_makes_it_of_them(tmp_path: Path) -> None:
    run = made_up_run(tmp_path, epochs=1)
    averaged = {
        "config": {"models": ["swift", "residual"], "dataset": "fashion-mnist",
                   "protocol": "held-out"},
        "members": ["swift-0", "big"],
    }  # fmt: skip
    write_json(run.config_path, read_json(run.config_path) | averaged)
    run = store.open_run(tmp_path, run.run_id)
    card = cards.model_card(run, companion=None)
    assert "Its members are `swift-0`, `big`" in card
    assert "\npython -m fmnist ensemble swift-0 big\n" in card
    assert "\n2 networks whose probabilities are averaged: Swift and ResidualNet." in card
    assert "| Members | 2 |" in card and "| Seed | those of the members |" in card
    assert "for the training of all members" in card
    # epochs and their course are the members', and stand on their cards
    assert "Best epoch" not in card and "Progression" not in card and "of epoch" not in card


def test_the_card_of_a_fine_tuned_model_tells_its_base_and_own_classes(tmp_path: Path) -> None:
    run = made_up_run(tmp_path, epochs=1)
    config = {
        "base": "sketch", "base_weights": "0" * 64, "model": "residual", "seed": 3,
        "dataset": "fashion-mnist", "protocol": "held-out", "own_classes": ["*hat*"],
        "drawings_sha256": "0" * 64,
    }  # fmt: skip
    write_json(run.config_path, read_json(run.config_path) | {"config": config})
    run = store.open_run(tmp_path, run.run_id)
    card = cards.model_card(run, companion=None)
    assert "Fine-tuned from `sketch`, which was trained on Fashion-MNIST" in card
    assert "Its own classes beside these ten: \\*hat\\*." in card
    assert "| Fine-tuned from | sketch |" in card and "| Seed | 3 |" in card
    assert f"\npython -m fmnist fine-tune --again {run.run_id}\n" in card
    assert "Progression" not in card and "of epoch" not in card and "classifier.class_names" in card


def test_a_setting_that_a_run_did_not_know_is_not_in_its_command(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    document = read_json(run.config_path)
    del document["config"]["teachers"]
    write_json(run.config_path, document)
    card = cards.model_card(store.open_run(tmp_path, run.run_id), companion=None)
    assert "--teachers " not in card and "--distillation-weight " in card
