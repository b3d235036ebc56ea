"""Runs that learn from teachers."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from fmnist import paths
from fmnist.models.classifier import Classifier
from fmnist.models.ensemble import Ensemble
from fmnist.runs import store
from fmnist.runs.run import Run
from fmnist.training.ensemble import combine
from fmnist.training.errors import TrainingError
from fmnist.training.loop import train
from tests.training.helpers import CONFIG, fails, reread, run_until, run_whole
from tools.small import same_result, small_dataset

TEACHER = replace(CONFIG, model="mlp")
STUDENT = replace(
    CONFIG,
    model="lenet-5",
    teachers=("teacher",),
    augmentation=("flip",),
    batch_mix="mixup",
    epochs=2,
)


@pytest.fixture(scope="module")
def teachers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """Two finished runs of different seeds."""
    root = tmp_path_factory.mktemp("teachers")
    first, second = (run_whole(root, replace(TEACHER, seed=seed)) for seed in (7, 1))
    return first, second


@pytest.fixture
def teacher(own_artifacts: Path, teachers: tuple[Run, Run]) -> Run:
    """A finished run, where teachers are looked for."""
    shutil.copytree(teachers[0].folder, paths.runs_folder() / "teacher")
    return store.open_run(paths.runs_folder(), "teacher")


def test_a_run_that_learns_from_a_teacher_goes_on_bit_for_bit(tmp_path: Path, teacher: Run) -> None:
    undisturbed = run_whole(tmp_path / "undisturbed", STUDENT)
    alone = run_whole(tmp_path / "alone", replace(STUDENT, teachers=()))
    assert alone.history.epochs[0].train_loss != undisturbed.history.epochs[0].train_loss
    run = store.create_run(tmp_path / "disturbed", STUDENT)
    assert run_until(run, 4, "pause") == "paused"
    assert run_until(run, 100, "pause") == "finished"
    same_result(undisturbed, reread(run))
    (told,) = json.loads(run.config_path.read_text())["teachers"]
    assert told["run_id"] == "teacher"
    assert told["weights"] == hashlib.sha256(teacher.weights_path.read_bytes()).hexdigest()


def test_a_student_comes_to_say_what_its_teacher_says(tmp_path: Path, teacher: Run) -> None:
    # labels are wrong in one way, the teacher in none: with all the loss the teacher's, it wins
    config = replace(
        STUDENT, distillation_weight=1.0, augmentation=(), batch_mix=None, epochs=12,
        learning_rate=3e-3,
    )  # fmt: skip
    dataset = replace(small_dataset(), train_labels=(small_dataset().train_labels + 1) % 10)
    run = store.create_run(tmp_path, config)
    with store.owning(run):
        train(run, dataset)
    images = dataset.split("train").images
    taught = Classifier.load(teacher.weights_path).predict_proba(images).argmax(1)
    learned = Classifier.load(run.last_weights_path).predict_proba(images).argmax(1)
    assert (learned == taught).mean() > 0.8


def test_of_several_one_teaches_a_batch(
    tmp_path: Path, teacher: Run, teachers: tuple[Run, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(STUDENT, teachers=("both",), augmentation=(), batch_mix=None)
    other = teachers[1]
    combine([teacher, other], paths.runs_folder()).folder.rename(paths.runs_folder() / "both")

    def asked_as_a_whole(*_: object) -> None:
        raise AssertionError("all members were asked about a batch")

    monkeypatch.setattr(Ensemble, "forward", asked_as_a_whole)
    undisturbed = run_whole(tmp_path / "undisturbed", config)
    run = store.create_run(tmp_path / "disturbed", config)
    assert run_until(run, 4, "pause") == "paused"
    assert run_until(run, 100, "pause") == "finished"
    same_result(undisturbed, reread(run))

    shutil.copytree(other.folder, paths.runs_folder() / "other")
    losses = {undisturbed.history.epochs[0].train_loss}
    for name in ("teacher", "other"):
        alone = run_whole(tmp_path / name, replace(config, teachers=(name,), epochs=1))
        losses.add(alone.history.epochs[0].train_loss)
    assert len(losses) == 3  # it learns from both, not from one

    # two runs side by side are as good as the ensemble of them
    named = run_whole(tmp_path / "named", replace(config, teachers=("teacher", "other")))
    assert named.last_weights_path.read_bytes() == undisturbed.last_weights_path.read_bytes()
    told = json.loads(named.config_path.read_text())["teachers"]
    assert told == [
        {"run_id": run_id, "weights": hashlib.sha256(run.weights_path.read_bytes()).hexdigest()}
        for run_id, run in (("teacher", teacher), ("other", other))
    ]


def test_a_teacher_that_cannot_be_asked_is_told(tmp_path: Path, teacher: Run) -> None:
    assert "The teacher 'nobody' cannot be used: There is no run 'nobody'" in fails(
        tmp_path, config=replace(STUDENT, teachers=("teacher", "nobody"))
    )
    assert "has other classes" in fails(
        tmp_path, config=replace(STUDENT, training_drawings="non-garments", subset=100)
    )
    run = store.create_run(tmp_path, STUDENT)
    assert run_until(run, 4, "pause") == "paused"
    classifier = Classifier.load(teacher.weights_path)
    classifier.temperature = 2.0
    classifier.save(teacher.weights_path)
    with pytest.raises(TrainingError, match="'teacher' has changed since the run began"):
        run_until(run, 100, "pause")


def test_a_teacher_that_knows_the_held_out_images_is_refused(
    tmp_path: Path, own_artifacts: Path
) -> None:
    run_whole(
        paths.runs_folder(), replace(TEACHER, protocol="full", checkpoint="last")
    ).folder.rename(paths.runs_folder() / "teacher")
    assert "images that the held-out protocol holds out" in fails(tmp_path, config=STUDENT)
    assert (
        run_whole(tmp_path, replace(STUDENT, protocol="full", checkpoint="last")).state
        == "finished"
    )
