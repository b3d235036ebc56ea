"""Model cards: every figure is the run's, computed here by other means."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from fmnist import paths
from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import Protocol, SplitName
from fmnist.evaluation.predictions import EpochEvaluations, Evaluation
from fmnist.files import read_json, write_json
from fmnist.reports import model_card as cards
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.history import Progress
from fmnist.runs.run import Run, RunError, State

CHECKSUM = "c0ffee" * 10
BEST = 3  # the epoch of the highest accuracy in every made-up run

# (true, predicted, how often) of the test images; everything else is right
MISTAKES = [(6, 0, 30), (6, 2, 12), (4, 2, 9), (0, 6, 7), (9, 7, 1)]


def _predictions() -> tuple[list[int], list[int]]:
    """True and predicted labels of 1,000 test images."""
    true = [label for label in range(10) for _ in range(100)]
    predicted = list(true)
    for label, taken_for, count in MISTAKES:
        start = next(i for i, t in enumerate(true) if t == label == predicted[i])
        predicted[start : start + count] = [taken_for] * count
    return true, predicted


def _evaluation(split: str) -> Evaluation:
    true, predicted = _predictions()
    logits = np.zeros((len(true), 10), dtype=np.float16)
    logits[np.arange(len(true)), predicted] = 2
    indices = np.arange(len(true), dtype=np.int32)
    return Evaluation(split, logits, np.array(true, dtype=np.uint8), indices)  # type: ignore[arg-type]


def make_run(
    root: Path, *, protocol: Protocol = "held-out", epochs: int = 6, name: str = "A run",
    folder: str | None = None, **settings: object,
) -> Run:  # fmt: skip
    """A finished run on Fashion-MNIST, with made-up figures."""
    config = TrainConfig.from_json({"protocol": protocol, "epochs": epochs, **settings})
    run = store.create_run(root, config, name=name)
    document = read_json(run.config_path)
    document["dataset"] = {"name": config.dataset, "checksum": CHECKSUM, "source": "x"}
    document["environment"] = {
        "fmnist": "0.1.0", "python": "3.11.7", "torch": "9.8.7", "numpy": "2.3.4",
        "device": "cpu", "threads": "2",
    }  # fmt: skip
    write_json(run.config_path, document)
    measured = {"held-out": "validation", "notebook": "test", "full": "train"}[protocol]
    named = "measured_train" if measured == "train" else measured
    lines = [
        {
            "kind": "epoch", "epoch": e, "step": 10 * e, "train_loss": 0.5, "train_accuracy": 0.8,
            f"{named}_loss": 0.3 + e / 1000, f"{named}_accuracy": _accuracy(e),
            "seconds": 61.5 * e, "images_per_second": 1000.0 + e,
        }
        for e in range(1, epochs + 1)
    ]  # fmt: skip
    run.history_path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    _evaluation("test").save(run.evaluation_path("test"))
    if protocol == "held-out":
        _evaluation("validation").save(run.evaluation_path("validation"))
    one = _evaluation(measured)
    logits = np.stack([one.logits] * epochs)
    EpochEvaluations(one.split, logits, one.labels, one.indices).save(run.epochs_path)
    run.weights_path.write_bytes(b"weights")
    for path in (run.checkpoint_path, run.last_weights_path, run.folder / ".lock"):
        path.write_bytes(b"left behind")
    run.write_status("finished", Progress(epochs, 10 * epochs, 10 * epochs, 61.5 * epochs))
    if folder:
        run = Run(run.folder.rename(root / folder), name, "finished")
    return store.open_run(root, run.run_id)


def _accuracy(epoch: int) -> float:
    return 0.9512 if epoch == BEST else 0.85 + epoch / 1000


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
    card = cards.model_card(make_run(tmp_path), companion=None)
    true, predicted = _predictions()
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
    assert "measured once, at the end" in card
    assert "notebook protocol" not in _rows(card, "Progression")[0][1].lower()


def test_full_card_says_that_nothing_chose(tmp_path: Path) -> None:
    run = make_run(tmp_path, protocol="full", keep="last")
    card = cards.model_card(run, companion=None)
    figures = _figures(card)
    assert figures["Epoch kept, the last"] == "6 of 6"
    assert figures["Training accuracy (images trained on)"] == "85.60%"
    assert figures["**Test accuracy**"] == "**94.10%**"
    assert "## Protocol: full" in card and "settings that were fixed beforehand" in card
    assert "on some of the images trained on" in card and "the protocol keeps none" in card
    assert "alidation" not in card


def test_notebook_card_tells_best_from_final_test_accuracy(tmp_path: Path) -> None:
    card = cards.model_card(make_run(tmp_path, protocol="notebook"), companion=None)
    figures = _figures(card)
    assert figures["Best epoch (on test)"] == "3 of 6"
    assert figures["Best test accuracy (chosen on the test set)"] == "94.10%"
    assert figures["**Final test accuracy** (epoch 6)"] == "**85.60%**"
    assert figures["Final test loss"] == "0.3060"
    assert "All 60,000 training images" in card
    assert "a choice made on the test set" in card


def test_progression_stands_beside_the_original_and_the_companion(tmp_path: Path) -> None:
    run = make_run(tmp_path, epochs=20)
    notebook = make_run(tmp_path, protocol="notebook", epochs=12, seed=4)
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
    titles, *rows = _rows(cards.model_card(make_run(tmp_path), companion=None), "Classes (test)")
    true, predicted = _predictions()
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
    card = cards.model_card(make_run(tmp_path), companion=None)
    assert _rows(card, "Most confused (test)")[1:] == [
        ["Shirt", "T-shirt/top", "30", "30.00%"],
        ["Shirt", "Pullover", "12", "12.00%"],
        ["Coat", "Pullover", "9", "9.00%"],
        ["T-shirt/top", "Shirt", "7", "7.00%"],
        ["Ankle boot", "Sneaker", "1", "1.00%"],
    ]
    assert "Shirt↔T-shirt/top and Coat↔Pullover" in card


def test_recipe_is_a_command_that_makes_the_same_settings(tmp_path: Path) -> None:
    from fmnist.cli import _parser

    run = make_run(tmp_path, learning_rate=3e-05, seed=7, batch_size=64, log_every=20)
    card = cards.model_card(run, companion=None)
    block = re.search(r"```sh\n(.*?)\n```", card, re.DOTALL)
    assert block
    words = shlex.split(block[1].replace("\\\n", " "))
    assert words[:3] == ["python", "-m", "fmnist"]
    options = vars(_parser().parse_args(words[3:]))
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
    card = cards.model_card(make_run(tmp_path, epochs=5), companion=None)
    assert "5 min 08 s for 5 epochs" in card  # 61.5 s each
    assert "1,003 training images a second" in card
    assert "shared machine" in card


def test_drawn_garments_are_not_measured_against_the_original(tmp_path: Path) -> None:
    card = cards.model_card(make_run(tmp_path, dataset="drawn-garments"), companion=None)
    assert "riginal notebook" not in card
    assert "9,000 images to train on" in card


@pytest.mark.parametrize("split", ["validation", "test"])
def test_no_card_without_the_evaluations(tmp_path: Path, split: SplitName) -> None:
    run = make_run(tmp_path)
    run.evaluation_path(split).unlink()
    with pytest.raises(RunError, match=f"no evaluation of the {split} split"):
        cards.model_card(run, companion=None)
    run.evaluation_path(split).write_bytes(b"junk")
    with pytest.raises(RunError, match="broken"):
        cards.model_card(run, companion=None)


def test_published_folder_holds_what_it_should_and_no_more(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs", name="Mine")
    published = cards.publish(run, tmp_path / "shipped", "fashion-cnn")
    files = {
        str(p.relative_to(published.folder)) for p in published.folder.rglob("*") if p.is_file()
    }
    assert files == {
        "README.md", "config.json", "name.json", "status.json", "history.jsonl",
        "model.safetensors", "evaluation/validation.npz", "evaluation/test.npz",
        "evaluation/epochs.npz",
    }  # fmt: skip
    assert [p.name for p in (tmp_path / "shipped").iterdir()] == ["fashion-cnn"]
    assert (published.state, published.name, published.config) == ("finished", "Mine", run.config)
    assert published.history == run.history
    assert 'fmnist.load_pretrained("fashion-cnn")' in (published.folder / "README.md").read_text()
    # smaller, and still the same
    assert published.epochs_path.stat().st_size < run.epochs_path.stat().st_size / 2
    before, after = (
        EpochEvaluations.load(run.epochs_path),
        EpochEvaluations.load(published.epochs_path),
    )
    assert np.array_equal(before.logits, after.logits)
    assert np.array_equal(before.labels, after.labels)
    assert (before.split, after.split) == ("validation", "validation")


def test_publishing_without_weights_says_so(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs")
    published = cards.publish(
        run, tmp_path / "shipped", "a", title=" Another  title ", weights=False
    )
    card = (published.folder / "README.md").read_text()
    assert not published.weights_path.exists()
    assert card.startswith("# Another title\n")
    assert "weights are not shipped" in card
    assert "load_pretrained" not in card
    run.weights_path.unlink()
    with pytest.raises(RunError, match="no weights"):
        cards.publish(run, tmp_path / "shipped", "b")


@pytest.mark.parametrize("state", ["stopped", "interrupted", "failed", "paused"])
def test_unfinished_runs_are_refused(tmp_path: Path, state: State) -> None:
    run = make_run(tmp_path / "runs")
    run.write_status(state, run.progress)
    run = store.open_run(tmp_path / "runs", run.run_id)
    with pytest.raises(RunError, match="only a finished run"):
        cards.publish(run, tmp_path / "shipped", "a")
    assert not (tmp_path / "shipped").exists()


def test_subset_runs_and_impossible_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="500 images only"):
        cards.publish(make_run(tmp_path / "runs", subset=500), tmp_path / "shipped", "a")
    run = make_run(tmp_path / "runs")
    for name in ("", "..", "a/b", ".hidden", "Capital", "a" * 80):
        with pytest.raises(RunError, match="cannot be used"):
            cards.publish(run, tmp_path / "shipped", name)


def test_shipped_model_is_replaced_only_by_force_and_survives_failure(tmp_path: Path) -> None:
    root = tmp_path / "shipped"
    cards.publish(make_run(tmp_path / "runs", name="First"), root, "a")
    second = make_run(tmp_path / "runs", name="Second")
    with pytest.raises(RunError, match="--force"):
        cards.publish(second, root, "a")
    damaged = make_run(tmp_path / "runs", name="Damaged")
    damaged.epochs_path.write_bytes(b"junk")
    with pytest.raises(RunError, match=r"epochs\.npz is damaged"):
        cards.publish(damaged, root, "a", force=True)
    assert store.open_run(root, "a").name == "First"
    assert cards.publish(second, root, "a", force=True).name == "Second"
    assert [p.name for p in root.iterdir()] == ["a"]


def test_old_model_comes_back_when_the_new_one_cannot_be_moved_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "shipped"
    cards.publish(make_run(tmp_path / "runs", name="First"), root, "a")
    second = make_run(tmp_path / "runs", name="Second")
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if self.name == target.name == "a" and target.parent == root:
            raise OSError("disk trouble")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match="disk trouble"):
        cards.publish(second, root, "a", force=True)
    assert [p.name for p in root.iterdir()] == ["a"]
    assert store.open_run(root, "a").name == "First"


def test_publishing_either_companion_rewrites_the_others_card(tmp_path: Path) -> None:
    root = tmp_path / "shipped"
    held_out = cards.publish(make_run(tmp_path / "runs", name="Held out"), root, "x")
    card = held_out.folder / "README.md"
    assert "Test accuracy, notebook protocol" not in card.read_text()
    notebook = make_run(tmp_path / "runs", protocol="notebook", name="The notebook's")
    published = cards.publish(notebook, root, "x-notebook")
    assert "Test accuracy, notebook protocol" in card.read_text()
    other = (published.folder / "README.md").read_text()
    assert "[Held out](../x/README.md) has a test accuracy of 94.10%" in other
    assert cards.is_card_current(held_out, root)
    again = make_run(tmp_path / "runs", name="Held out again")
    cards.publish(again, root, "x", force=True)
    assert "[Held out again](../x/README.md)" in (published.folder / "README.md").read_text()


@pytest.mark.parametrize(
    "settings",
    [{"protocol": "held-out"}, {"protocol": "notebook", "dataset": "drawn-garments"}],
    ids=["same protocol", "other data set"],
)
def test_only_the_other_protocol_of_the_same_recipe_is_a_companion(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    run = make_run(tmp_path, folder="x")
    make_run(tmp_path, folder="x-notebook", **settings)  # type: ignore[arg-type]
    assert cards.companion_of(run, tmp_path) is None


def test_broken_or_unfinished_neighbors_are_no_companions(tmp_path: Path) -> None:
    run = make_run(tmp_path, folder="x")
    notebook = make_run(tmp_path, folder="x-notebook", protocol="notebook")
    found = cards.companion_of(run, tmp_path)
    assert found is not None
    assert found.run_id == "x-notebook"
    back = cards.companion_of(notebook, tmp_path)
    assert back is not None
    assert back.run_id == "x"
    notebook.write_status("stopped", notebook.progress)
    assert cards.companion_of(run, tmp_path) is None
    notebook.config_path.write_text("junk")
    assert cards.companion_of(run, tmp_path) is None


def test_stale_card_is_noticed_and_rewritten(tmp_path: Path) -> None:
    run = cards.publish(make_run(tmp_path / "runs"), tmp_path, "x")
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
    run = make_run(tmp_path, folder="noted")
    cards.write_card(tmp_path, "noted")
    assert cards.is_card_current(run, tmp_path)
    (run.folder / "notes.md").write_text("## Human sketches\n\n| a | b |\n", encoding="utf-8")
    assert not cards.is_card_current(run, tmp_path)
    cards.write_card(tmp_path, "noted")
    assert cards.is_card_current(run, tmp_path)
    text = (run.folder / "README.md").read_text(encoding="utf-8")
    assert "\n\n## Human sketches\n\n| a | b |\n\n## Time\n" in text


def test_only_fashion_cnn_is_compared_with_the_original_notebook(tmp_path: Path) -> None:
    card = cards.model_card(make_run(tmp_path, model="residual"), companion=None)
    assert "riginal notebook" not in card
    assert [row[0] for row in _rows(card, "Progression")] == ["Epoch", "1", "5", "6"]


@pytest.mark.parametrize(
    ("drawings", "told"),
    [("outlines", "makes: outlines ("), ("doodles", "makes: outlines, sketches, doodles (")],
)
def test_the_card_names_the_drawings_trained_on(tmp_path: Path, drawings: str, told: str) -> None:
    assert told in cards.model_card(make_run(tmp_path, drawings=drawings), companion=None)
    assert "drawings that" not in cards.model_card(make_run(tmp_path), companion=None)


@pytest.mark.parametrize("name", store.run_ids(paths.pretrained_folder()))
def test_the_shipped_cards_say_what_their_files_say(name: str) -> None:
    run = store.open_run(paths.pretrained_folder(), name)
    assert cards.is_card_current(run, paths.pretrained_folder())


def test_calibration_is_that_of_the_test_images(tmp_path: Path) -> None:
    rows = dict(_rows(cards.model_card(make_run(tmp_path), companion=None), "Calibration (test)"))
    confidence = np.exp(2) / (np.exp(2) + 9)  # of every image
    assert rows["Mean confidence"] == f"{confidence:.2%}"
    assert rows["Accuracy"] == "94.10%"
    assert rows["Expected calibration error (15 bins)"] == f"{0.941 - confidence:.4f}"
    right, wrong = (1 - confidence) ** 2, confidence**2 + (1 - 1 / (np.exp(2) + 9)) ** 2
    others = np.exp(-2) * confidence
    brier = 0.941 * (right + 9 * others**2) + 0.059 * (wrong + 8 * others**2)
    assert rows["Brier score"] == f"{brier:.4f}"


def test_accuracy_over_several_views_stands_beside(tmp_path: Path) -> None:
    run = make_run(tmp_path, views="flip")
    assert "several views" not in cards.model_card(run, companion=None)
    _evaluation("test").save(run.tta_path)
    figures = dict(_rows(cards.model_card(run, companion=None), "Figures"))
    assert figures["Test accuracy over several views (flip)"] == "94.10%"


def test_other_models_stand_beside_fashion_cnn(tmp_path: Path) -> None:
    cards.publish(make_run(tmp_path / "runs", name="FashionCNN"), tmp_path, "fashion-cnn")
    cards.publish(make_run(tmp_path / "runs", model="residual"), tmp_path, "other")
    rows = [_rows(card.read_text(), "Classes (test)") for card in tmp_path.glob("*/README.md")]
    columns = {titles[-1]: [row[-1] for row in body] for titles, *body in rows}
    assert columns["FashionCNN, accuracy"][6] == "58.00%"  # 42 of 100 shirts are mistaken
    assert len(columns) == 2  # FashionCNN itself stands beside the original


def test_the_card_of_a_student_names_its_teacher(tmp_path: Path) -> None:
    run = make_run(tmp_path, teacher="strong")
    assert "the probabilities of `strong` (distillation)" in cards.model_card(run, companion=None)
    run = make_run(tmp_path, teacher="strong+other")
    told = "the probabilities of `strong` and `other` (distillation, one of them drawn for every"
    assert told in cards.model_card(run, companion=None)


def test_the_card_of_an_ensemble_names_its_members_and_makes_it_of_them(tmp_path: Path) -> None:
    run = make_run(tmp_path, model="swift+residual", epochs=1)
    write_json(run.config_path, read_json(run.config_path) | {"members": ["swift-0", "big"]})
    run = store.open_run(tmp_path, run.run_id)
    card = cards.model_card(run, companion=None)
    assert "Its members are `swift-0`, `big`" in card
    assert "\npython -m fmnist ensemble swift-0 big\n" in card
    assert "\n2 networks whose probabilities are averaged: Swift and ResidualNet." in card
    assert "| Members | 2 |" in card and "| Seed | the members' own |" in card
    assert "for the training of all members" in card
    # epochs and their course are the members', and stand on their cards
    assert "Best epoch" not in card and "Progression" not in card and "of epoch" not in card


def test_a_setting_that_a_run_did_not_know_is_not_in_its_command(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    document = read_json(run.config_path)
    del document["config"]["teacher"]
    write_json(run.config_path, document)
    card = cards.model_card(store.open_run(tmp_path, run.run_id), companion=None)
    assert "--teacher " not in card and "--teacher-share " in card
