"""`python -m fmnist`: exit status, sentences, and what is left on disk."""

import dataclasses
import errno
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from sklearn.metrics import accuracy_score, log_loss

from fmnist import paths
from fmnist.cli import main, make_parser
from fmnist.data import fashion_mnist as datasets
from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import Dataset, DatasetName
from fmnist.data.synthetic.garments import draw_garments
from fmnist.evaluation.predictions import Evaluation
from fmnist.files import read_json, write_json
from fmnist.models.classifier import Classifier
from fmnist.reports.model_card import card_of
from fmnist.reports.text import trained_on
from fmnist.runs import annotations, store
from fmnist.runs.annotations import Annotations
from fmnist.runs.config import TrainConfig
from fmnist.runs.loading import load_run
from fmnist.runs.publish import publish
from fmnist.runs.recipes import RECIPES
from fmnist.runs.run import Run, RunError
from fmnist.sketchpad.preprocessing import Preparation, to_model_input

Output = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def garments() -> Dataset:
    images, labels = draw_garments(340, seed=1)
    train, test = slice(240), slice(240, None)
    return Dataset(
        "synthetic-garments", "a few drawn ones",
        images[train], labels[train], images[test], labels[test], "feed" * 16,
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(garments: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of artifacts with one finished run in it, trained by the command."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FMNIST_ARTIFACTS", str(folder))
        patch.setattr(datasets, "load_named", lambda _: garments)
        assert main([*TRAIN, "--epochs", "2", "--name", "Tiny"]) == 0
        yield folder


def test_names_and_errors_are_printed_on_one_line(capsys: Output) -> None:
    run = store.create_run(paths.runs_folder(), TrainConfig())
    write_json(run.name_path, {"name": "a\nb\x1b[31m" + "c" * 100_000})
    assert main(["runs"]) == 0
    printed = capsys.readouterr().out
    assert "a b [31mccc" in printed and "\x1b" not in printed
    assert max(map(len, printed.splitlines())) < 300
    assert main([*TRAIN, "--name", "x" * 81]) == 1
    assert "a name of 1 to 80 characters" in capsys.readouterr().err
    assert main(["evaluate", "\n\x1b" + "x" * 100_000]) == 1
    told = capsys.readouterr().err
    assert len(told) <= 1001 and told.count("\n") == 1 and "\x1b" not in told
    assert store.run_ids(paths.runs_folder()) == [run.run_id]


TRAIN = ["train", "--dataset", "synthetic-garments", "--batch-size", "40", "--log-every", "2"]


@pytest.fixture(autouse=True)
def artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, garments: Dataset) -> Path:
    """Empty folders of runs and shipped models; drawn garments are few."""

    def load(name: DatasetName) -> Dataset:
        assert name == "synthetic-garments"
        return garments

    monkeypatch.setattr(datasets, "load_named", load)
    _use(tmp_path, monkeypatch)
    return tmp_path


def _use(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(folder))
    monkeypatch.setattr(paths, "pretrained_folder", lambda: folder / "pretrained")


@pytest.fixture
def run(trained: Path, artifacts: Path) -> Run:
    """A copy of the finished run."""
    shutil.copytree(trained / "runs", artifacts / "runs")
    (found,) = store.list_runs(artifacts / "runs")
    return found


def _lines(text: str) -> list[list[str]]:
    """Cells of a printed table's lines."""
    return [
        [cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines()
    ]


# train


def test_train_leaves_a_finished_run_with_the_settings_asked_for(run: Run) -> None:
    assert (run.state, run.name) == ("finished", "Tiny")
    assert run.config == TrainConfig(
        dataset="synthetic-garments", batch_size=40, epochs=2, log_every=2, seed=0
    )
    assert [entry.epoch for entry in run.history.epochs] == [1, 2]
    assert [entry.step for entry in run.history.steps] == [2, 4, 6, 8, 10, 12]
    assert load_run(run.run_id).logits(np.zeros((1, 28, 28), dtype=np.uint8)).shape == (1, 10)


def test_train_says_what_it_reached(capsys: Output, artifacts: Path) -> None:
    arguments = [*TRAIN, "--subset", "40", "--epochs", "1", "--protocol", "notebook"]
    assert main(arguments) == 0
    (made,) = store.list_runs(artifacts / "runs")
    best = made.history.best
    assert best is not None
    assert made.training is not None
    assert (made.training.subset, made.training.protocol) == (40, "notebook")
    out = capsys.readouterr().out
    assert f"epoch 1 is the best, test accuracy {100 * best.accuracy:.2f}%" in out
    assert str(made.folder) in out
    assert out.count(trained_on(made.environment, is_active=True)) == 1
    assert "in float32" in trained_on(made.environment)  # the default on a processor


def test_train_makes_a_group_of_several_seeds(capsys: Output) -> None:
    arguments = [*TRAIN, "--subset", "40", "--epochs", "1", "--name", "Twice", "--seeds", "3", "4"]
    assert main(arguments) == 0
    assert "validation accuracy" in (printed := capsys.readouterr().out) and "2 seeds" in printed
    made = store.list_runs(paths.runs_folder())
    assert {(run.name, run.state, run.annotations.group) for run in made} == {
        ("Twice, seed 3", "finished", "Twice"), ("Twice, seed 4", "finished", "Twice"),
    }  # fmt: skip
    assert main([*TRAIN, "--seeds", "1"]) == 1
    assert "Give 2 to 50 seeds" in capsys.readouterr().err
    assert main(["train", "--seeds", "1", "2", "--run-id", "x"]) == 1
    assert "leave out --resume" in capsys.readouterr().err


def test_seeds_that_cannot_be_trained_are_not_made(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [*TRAIN, "--seeds", "3", "4"]
    before = store.run_ids(paths.runs_folder())
    with monkeypatch.context() as patch:
        patch.setattr("importlib.util.find_spec", lambda _: None)
        assert main([*arguments, "--tensorboard"]) == 1
    assert "need tensorboardX" in capsys.readouterr().err
    for name, value in (("WORLD_SIZE", "2"), ("RANK", "0")):
        monkeypatch.setenv(name, value)
    assert main(arguments) == 1
    assert "start it once for each seed" in capsys.readouterr().err
    assert store.run_ids(paths.runs_folder()) == before


def test_torchrun_starts_nothing_but_trainings(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("WORLD_SIZE", "2"), ("RANK", "1")):
        monkeypatch.setenv(name, value)
    assert main(["sweep", "--runs", "2", "--try", "seed=1..9"]) == 1
    assert capsys.readouterr().err == (
        "torchrun is for train alone; start this command without it.\n"
    )
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert main(["runs"]) == 0


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--epochs", "0", "epochs: must be between 1 and 1000, not 0."),
        ("--model", "resnet", "model: must be one of"),
        ("--learning-rate", "fast", "learning_rate: must be a number, not 'fast'."),
        ("--subset", "3", "subset: must be between 10 and 60000, not 3."),
    ],
)
def test_train_refuses_impossible_settings_in_a_sentence(
    capsys: Output, artifacts: Path, option: str, value: str, sentence: str
) -> None:
    assert main([*TRAIN, option, value]) == 1
    assert sentence in capsys.readouterr().err
    assert not (artifacts / "runs").exists()


def test_train_without_the_data_set_makes_no_run(
    capsys: Output, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(_name: DatasetName) -> Dataset:
        raise datasets.DatasetError("Fashion-MNIST is not on this machine.")

    monkeypatch.setattr(datasets, "load_named", load)
    assert main(["train"]) == 1
    assert capsys.readouterr().err == "Fashion-MNIST is not on this machine.\n"
    assert not (artifacts / "runs").exists()


def test_train_resumes_only_what_can_be_resumed(capsys: Output, run: Run) -> None:
    assert main(["train", "--resume", run.run_id]) == 1
    assert "is finished; it cannot be resumed" in capsys.readouterr().err
    assert main(["train", "--resume", "nothing"]) == 1
    assert "There is no run 'nothing'" in capsys.readouterr().err


def test_resume_goes_on_with_an_interrupted_run(capsys: Output, artifacts: Path) -> None:
    config = TrainConfig(dataset="synthetic-garments", epochs=1, batch_size=120)
    made = store.create_run(artifacts / "runs", config, name="Left alone")
    assert main(["train", "--resume", made.run_id]) == 0
    assert "Finished: epoch 1 is the best" in capsys.readouterr().out
    assert store.open_run(artifacts / "runs", made.run_id).state == "finished"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["runs", "--some"],
        ["publish", "a"],
        ["publish", "a", "b", "--epoch-weights", "all"],
    ],
)
def test_wrong_calls_exit_with_2(arguments: list[str], capsys: Output) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2
    assert "usage: python -m fmnist" in capsys.readouterr().err


# runs


def test_no_runs_says_how_to_start_one(capsys: Output) -> None:
    assert main(["runs"]) == 0
    assert "python -m fmnist train" in capsys.readouterr().out


def test_runs_lists_newest_first_with_reasons_and_shipped_models(
    capsys: Output, artifacts: Path, run: Run
) -> None:
    newer = store.create_run(
        artifacts / "runs", TrainConfig(protocol="notebook", epochs=9), name="Newer"
    )
    broken = store.create_run(artifacts / "runs", TrainConfig(), name="Broken one")
    broken.config_path.write_text("{")
    publish(run, artifacts / "pretrained", "garments", card=card_of, title="Shipped one")
    assert main(["runs"]) == 0
    out = capsys.readouterr().out
    lines = _lines(out)
    best = run.history.best
    assert best is not None
    accuracy = f"{100 * best.accuracy:.2f}% validation"
    assert lines[0][:3] == ["run", "name", "state"]
    assert lines[1][:7] == [
        newer.run_id, "Newer", "interrupted", "fashion-cnn", "notebook", "0/9", "–",
    ]  # fmt: skip
    assert lines[2][:7] == [
        run.run_id, "Tiny", "finished", "fashion-cnn", "held-out", "2/2", accuracy,
    ]  # fmt: skip
    assert lines[3][:6] == [broken.run_id, "Broken one", "broken", "–", "–", "0/?"]
    assert lines[4][0].startswith("config.json cannot be read")
    assert lines[5][:7] == [
        "garments", "Shipped one", "finished, shipped", "fashion-cnn", "held-out", "2/2", accuracy,
    ]  # fmt: skip
    assert len(lines) == 6
    starts = [line.index(state) for line, state in zip(
        out.splitlines()[:3], ("state", "interrupted", "finished"), strict=True
    )]  # fmt: skip
    assert len(set(starts)) == 1  # columns stand below each other


def test_runs_as_json_have_all_there_is(capsys: Output, artifacts: Path, run: Run) -> None:
    annotations.change(run, lambda _: Annotations(("a tag",), "a note", "a group", favorite=True))
    broken = store.create_run(artifacts / "runs", TrainConfig(), name="Broken one")
    broken.config_path.write_text("{")
    publish(run, artifacts / "pretrained", "garments", card=card_of)
    assert main(["runs", "--json"]) == 0
    own, damaged, shipped = json.loads(capsys.readouterr().out)
    assert (own["run_id"], own["state"], own["shipped"]) == (run.run_id, "finished", False)
    assert (own["tags"], own["notes"], own["group"], own["favorite"]) == (
        ["a tag"], "a note", "a group", True,
    )  # fmt: skip
    assert run.training and TrainConfig.from_json(own["config"]) == run.training
    best = run.history.best
    assert best and own["best_epoch"] == best.epoch and own["last_epoch"] == 2
    assert own["epochs"][best.epoch - 1]["accuracy"] == best.accuracy
    assert (damaged["config"], damaged["best_epoch"]) == (None, None)
    assert damaged["reason"].startswith("config.json cannot be read")
    assert (shipped["run_id"], shipped["shipped"], shipped["tags"]) == ("garments", True, [])


def test_older_runs_wait_for_all(capsys: Output, artifacts: Path) -> None:
    made = [store.create_run(artifacts / "runs", TrainConfig(), name=f"n{i}") for i in range(22)]
    assert main(["runs"]) == 0
    out = capsys.readouterr().out
    assert "… and 2 older" in out
    assert made[0].run_id not in out
    assert made[21].run_id in out
    assert main(["runs", "--all"]) == 0
    out = capsys.readouterr().out
    assert all(each.run_id in out for each in made)
    assert "older" not in out


# evaluate


def test_evaluate_agrees_with_what_training_stored(capsys: Output, run: Run) -> None:
    assert main(["evaluate", run.run_id]) == 0
    out = capsys.readouterr().out
    assert "The model agrees" in out
    assert "within 0.05 percentage points and cross-entropy within 0.001" in out
    assert "README" not in out
    rows = {row[0]: row for row in _lines(out)[1:3]}
    for split, size in (("validation", 20), ("test", 100)):
        stored = Evaluation.load(run.evaluation_path(split))  # type: ignore[arg-type]
        logits = stored.logits.astype(np.float64)
        probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        accuracy = f"{100 * accuracy_score(stored.labels, logits.argmax(axis=1)):.2f}%"
        loss = f"{log_loss(stored.labels, probabilities, labels=range(10)):.4f}"
        assert rows[split] == [split, str(size), accuracy, accuracy, loss, loss, "0", "0.0000"]


def test_evaluate_takes_one_split(capsys: Output, run: Run) -> None:
    assert main(["evaluate", run.run_id, "--split", "test"]) == 0
    assert [row[0] for row in _lines(capsys.readouterr().out)[:2]] == ["split", "test"]


def test_evaluate_differs_after_the_weights_were_altered(capsys: Output, run: Run) -> None:
    classifier = Classifier.load(run.weights_path)
    with torch.no_grad():
        next(classifier.model.parameters()).mul_(-1)
    classifier.save(run.weights_path)
    assert main(["evaluate", run.run_id]) == 1
    out = capsys.readouterr().out
    assert "The model differs" in out
    test = Evaluation.load(run.evaluation_path("test"))
    images = datasets.load_named("synthetic-garments").test_images
    now = classifier.logits(images).astype(np.float16)
    row = _lines(out)[2]
    assert row[3] == f"{100 * np.mean(now.argmax(axis=1) == test.labels):.2f}%"
    assert row[6] == str(np.sum(now.argmax(axis=1) != test.predicted_labels))
    largest = np.abs(now.astype(np.float64) - test.logits.astype(np.float64)).max()
    assert row[7] == f"{largest:.4f}"


def test_evaluate_differs_a_little_only_beyond_the_tolerance(run: Run) -> None:
    path = run.evaluation_path("test")
    test = Evaluation.load(path)
    for factor, status in ((1.0002, 0), (1.5, 1)):  # accuracy stays, the loss moves
        logits = (test.logits.astype(np.float32) * factor).astype(np.float16)
        altered = dataclasses.replace(test, logits=logits)
        assert (abs(altered.loss - test.loss) > 0.001) == bool(status)
        altered.save(path)
        assert main(["evaluate", run.run_id, "--split", "test"]) == status


@pytest.mark.parametrize("field", ["labels", "indices"])
def test_evaluate_differs_where_the_images_are_others(run: Run, capsys: Output, field: str) -> None:
    path = run.evaluation_path("validation")
    stored = Evaluation.load(path)
    values = getattr(stored, field).copy()
    wrong = np.flatnonzero(stored.predicted_labels != stored.labels)[0]
    values[wrong] = next(  # accuracy is the same as before
        label for label in range(10)
        if label not in (stored.labels[wrong], stored.predicted_labels[wrong], values[wrong])
    )  # fmt: skip
    dataclasses.replace(stored, **{field: values}).save(path)
    assert main(["evaluate", run.run_id]) == 1
    out = capsys.readouterr().out
    assert "The model differs" in out
    assert _lines(out)[1][6:] == ["other images", "–"]


def test_evaluate_looks_at_the_card_of_a_shipped_model(
    capsys: Output, run: Run, artifacts: Path
) -> None:
    published = publish(run, artifacts / "pretrained", "garments", card=card_of)
    assert main(["evaluate", "garments"]) == 0
    assert "README.md is up to date." in capsys.readouterr().out
    card = published.folder / "README.md"
    card.write_text(card.read_text() + "It is the best of all.\n")
    assert main(["evaluate", "garments"]) == 1
    out = capsys.readouterr().out
    assert "The model agrees" in out
    assert "README.md is out of date; rewrite it: python -m fmnist card garments" in out
    assert main(["card", "garments"]) == 0
    assert str(card) in capsys.readouterr().out
    assert main(["evaluate", "garments"]) == 0


def test_evaluate_says_what_is_missing(
    capsys: Output, run: Run, garments: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["evaluate", "nothing"]) == 1
    assert capsys.readouterr().err == "There is no run 'nothing'; it may have been deleted.\n"

    other = dataclasses.replace(garments, checksum="0")
    with monkeypatch.context() as patch:
        patch.setattr(datasets, "load_named", lambda _: other)
        assert main(["evaluate", run.run_id]) == 1
    assert "was trained on other images" in capsys.readouterr().err

    run.weights_path.write_bytes(b"junk")
    assert main(["evaluate", run.run_id]) == 1
    assert "Tiny is broken: the file model.safetensors is damaged" in capsys.readouterr().err

    run.weights_path.unlink()
    assert main(["evaluate", run.run_id]) == 1
    assert "has no weights" in capsys.readouterr().err

    run.evaluation_path("test").unlink()
    assert main(["evaluate", run.run_id]) == 1
    assert "no evaluation of the test split" in capsys.readouterr().err

    run.config_path.write_text("{")
    assert main(["evaluate", run.run_id]) == 1
    assert "config.json cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("protocol", [["notebook"], ["full", "--checkpoint", "last"]])
def test_evaluate_runs_without_validation_on_test_alone(
    capsys: Output, artifacts: Path, protocol: list[str]
) -> None:
    assert main([*TRAIN, "--protocol", *protocol, "--epochs", "1"]) == 0
    (made,) = store.list_runs(artifacts / "runs")
    capsys.readouterr()
    assert main(["evaluate", made.run_id]) == 0
    assert [row[0] for row in _lines(capsys.readouterr().out)[:2]] == ["split", "test"]
    assert main(["evaluate", made.run_id, "--split", "validation"]) == 1
    assert "has no validation split" in capsys.readouterr().err


# publish


def test_published_card_has_the_figures_of_the_weights(
    capsys: Output, run: Run, artifacts: Path, garments: Dataset
) -> None:
    assert main(["publish", run.run_id, "garments", "--title", "Few garments"]) == 0
    folder = artifacts / "pretrained" / "garments"
    assert str(folder) in capsys.readouterr().out
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert card.startswith("# Few garments\n")
    probabilities = Classifier.load(folder / "model.safetensors").predict_proba(
        garments.test_images
    )
    predicted = probabilities.argmax(axis=1)
    accuracy = accuracy_score(garments.test_labels, predicted)
    assert f"| **Test accuracy** | **{100 * accuracy:.2f}%** |" in card
    trousers = garments.test_labels == 1
    hits = int(np.sum(predicted[trousers] == 1))
    assert f"| Trouser | {hits} / {trousers.sum()} |" in card
    validation = load_run(run.run_id).logits(garments.split("validation").images)
    share = accuracy_score(garments.split("validation").labels, validation.argmax(axis=1))
    assert f"| Validation accuracy | {100 * share:.2f}% |" in card


def test_publish_leaves_the_weights_behind_when_told(run: Run, artifacts: Path) -> None:
    assert main(["publish", run.run_id, "light", "--no-weights"]) == 0
    folder = artifacts / "pretrained" / "light"
    assert (folder / "evaluation" / "test.npz").exists()
    assert not (folder / "model.safetensors").exists()


def test_publish_refuses_in_a_sentence(capsys: Output, run: Run, artifacts: Path) -> None:
    root = artifacts / "runs"
    unfinished = store.create_run(root, TrainConfig())
    assert main(["publish", unfinished.run_id, "garments"]) == 1
    assert "is interrupted; only a finished run is published." in capsys.readouterr().err

    assert main(["publish", "nothing", "garments"]) == 1
    assert "There is no run 'nothing'" in capsys.readouterr().err

    assert main(["card", "garments"]) == 1
    assert "There is no run 'garments'" in capsys.readouterr().err
    assert not (artifacts / "pretrained").exists()

    assert main(["publish", run.run_id, "garments"]) == 0
    capsys.readouterr()
    assert main(["publish", run.run_id, "garments"]) == 1
    assert "replace it with --force" in capsys.readouterr().err
    assert main(["publish", run.run_id, "garments", "--force"]) == 0


# classify


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Trousers in black on white."""
    image = Image.new("RGB", (300, 300), "white")
    points = [(90, 40), (210, 40), (230, 270), (170, 270), (150, 120), (130, 270), (70, 270)]
    ImageDraw.Draw(image).line([*points, points[0]], fill="black", width=6)
    path = tmp_path / "trousers.png"
    image.save(path)
    return path


def test_classify_names_the_classes_the_likeliest_first(
    capsys: Output, run: Run, picture: Path, tmp_path: Path
) -> None:
    seen = tmp_path / "seen.png"
    call = ["classify", str(picture), "--model", run.run_id, "--save", str(seen), "--fill", "0.5"]
    assert main(call) == 0
    rows = [line.rsplit(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["class", "probability"]
    assert sorted(name for name, _ in rows[1:]) == sorted(CLASS_NAMES)
    shares = [float(share.removesuffix("%")) for _, share in rows[1:]]
    assert shares == sorted(shares, reverse=True) and sum(shares) == pytest.approx(100, abs=0.6)
    pixels = np.asarray(Image.open(picture).convert("RGBA"))
    kept = np.asarray(Image.open(seen))
    assert (kept == to_model_input(pixels, Preparation(fill=0.5))).all()
    expected = load_run(run.run_id).predict_proba(kept[None])[0]
    assert rows[1][0] == CLASS_NAMES[int(expected.argmax())]


def test_classify_says_that_nothing_is_drawn(capsys: Output, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "empty.png"
    Image.new("RGB", (50, 50), "white").save(path)
    assert main(["classify", str(path), "--model", run.run_id]) == 1
    assert capsys.readouterr().err.startswith("No garment was found in the picture. Choose")


def test_classify_refuses_in_a_sentence(capsys: Output, run: Run, picture: Path) -> None:
    picture.write_bytes(b"GIF89a")
    assert main(["classify", str(picture), "--model", run.run_id]) == 1
    assert "is not a PNG, JPEG or WebP picture" in capsys.readouterr().err
    assert main(["classify", str(picture.parent / "nowhere.png"), "--model", run.run_id]) == 1
    assert "nowhere.png" in capsys.readouterr().err
    assert main(["classify", str(picture), "--model", "nobody"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("tone", ["nan", "inf", "-0.1", "1.1", "black", ""])
def test_classify_takes_tones_from_0_to_1(capsys: Output, picture: Path, tone: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["classify", str(picture), f"--fill={tone}"])
    assert ended.value.code == 2
    assert f"--fill: must be a number from 0 to 1, not {tone!r}" in capsys.readouterr().err


def test_classify_refuses_weights_that_are_no_numbers(
    capsys: Output, run: Run, picture: Path
) -> None:
    classifier = load_run(run.run_id)
    with torch.no_grad():
        next(classifier.model.parameters()).fill_(torch.nan)
    classifier.save(run.weights_path)
    assert main(["classify", str(picture), "--model", run.run_id]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "is broken: the weights in" in shown.err and "not all finite numbers" in shown.err
    assert shown.err.count("\n") == 1


def test_classify_refuses_outputs_that_are_no_numbers(
    capsys: Output, run: Run, picture: Path
) -> None:
    classifier = load_run(run.run_id)
    with torch.no_grad():
        for weights in classifier.model.parameters():
            weights.fill_(3e38)  # finite, but not their products
    classifier.save(run.weights_path)
    assert main(["classify", str(picture), "--model", run.run_id]) == 1
    assert capsys.readouterr().err == (
        "The model's outputs are not finite numbers; choose another model, or train it again.\n"
    )


def test_the_system_s_errors_are_told_in_words_of_our_own(
    capsys: Output, run: Run, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classify = ["classify", str(picture), "--model", run.run_id]
    (tmp_path / "folder.png").mkdir()
    for call, says in (
        (["classify", str(tmp_path)], f"{tmp_path} cannot be used, since it is a folder"),
        (["classify", str(tmp_path / "no.png")], "no.png cannot be used, since there is no such"),
        ([*classify, "--save", str(tmp_path / "folder.png")], "folder.png cannot be used, since "),
        ([*classify, "--save", str(picture / "x.png")], "since something else has its name"),
    ):
        assert main(call) == 1
        told = capsys.readouterr().err
        assert says in told and told.count("\n") == 1
        assert "Errno" not in told and ".tmp" not in told
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "runs").write_text("")
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path / "other"))
    for call in (["runs"], [*TRAIN, "--epochs", "1"]):
        assert main(call) == 1
        told = capsys.readouterr().err
        assert ("other/runs" in told and "is a file" in told) or "something else" in told


def test_a_full_disk_is_told_in_words_of_our_own(
    capsys: Output, artifacts: Path, run: Run, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    seen = ["--save", str(artifacts / "seen.png")]
    for call in (
        [*TRAIN, "--epochs", "1"],
        ["classify", str(picture), "--model", run.run_id, *seen],
    ):
        assert main(call) == 1
        told = capsys.readouterr().err
        assert "he disk is full; free some space" in told and "Errno" not in told
        assert not (artifacts / "seen.png").exists()


def test_a_recipe_is_taken_and_what_is_given_beside_it_wins(
    capsys: Output, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[TrainConfig] = []

    def create(_root: Path, config: TrainConfig, **_named: object) -> Run:
        made.append(config)
        raise RunError("Enough.")

    monkeypatch.setattr(store, "create_run", create)
    call = ["train", "--recipe", "sketch", "--dataset", "synthetic-garments", "--epochs", "2"]
    assert main(call) == 1
    expected = {**RECIPES["sketch"], "dataset": "synthetic-garments", "epochs": 2}
    assert made == [TrainConfig(**expected)]


def test_migrate_rewrites_settings_of_earlier_versions(
    capsys: Output, run: Run, artifacts: Path
) -> None:
    assert main(["migrate"]) == 0
    assert capsys.readouterr().out == ""  # it is of today's form
    document = read_json(run.config_path)
    del document["config"]["tta"]
    write_json(run.config_path, document | {"config": document["config"] | {"views": "one"}})
    assert main(["migrate"]) == 0
    assert str(run.config_path) in capsys.readouterr().out
    assert read_json(run.config_path)["config"]["tta"] is None
    assert store.open_run(run.folder.parent, run.run_id).config == run.config


def test_lists_are_words_with_spaces_between(capsys: Output) -> None:
    words = ["train", "--augmentation", "flip", "cutout", "--teachers", "a", "b", "--tta", "none"]
    options = make_parser().parse_args([*words, "--batch-mix", "cutmix", "--patience", "none"])
    assert (options.augmentation, options.teachers) == (("flip", "cutout"), ("a", "b"))
    assert (options.tta, options.batch_mix, options.patience) == (None, "cutmix", None)
    assert make_parser().parse_args(["train", "--augmentation", "none"]).augmentation == ()
    assert main(["train", "--augmentation", "cutout", "flip"]) == 1
    assert "augmentation: must be some of flip," in capsys.readouterr().err


def test_help_tells_every_setting(capsys: Output) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    for name, setting in TrainConfig.settings().items():
        assert f"--{name.replace('_', '-')}" in told and f"{setting.title}: " in told


def test_a_model_that_a_killed_process_was_replacing_is_back(
    run: Run, artifacts: Path, capsys: Output
) -> None:
    aside = artifacts / "pretrained" / ".making-0123" / "replaced-mine"
    shutil.copytree(run.folder, aside)
    aside.parent.with_name(".making-0123.lock").touch()
    assert main(["runs"]) == 0
    assert "finished, shipped" in capsys.readouterr().out
    assert [path.name for path in (artifacts / "pretrained").iterdir()] == ["mine"]
