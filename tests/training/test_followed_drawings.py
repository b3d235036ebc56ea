"""Drawings that a run predicts before it begins, and after every epoch."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fmnist.errors import DamagedFileError
from fmnist.files import save_arrays
from fmnist.models.classifier import Classifier
from fmnist.runs import drawings, store
from fmnist.runs.check import check_run
from fmnist.runs.drawings import MOST, FollowedDrawings
from fmnist.runs.run import Run, RunError
from fmnist.training.recorder import RunRecorder
from tests.training.helpers import CONFIG, fails, reread, run_until, run_whole
from tools.small import same_result, small_dataset

SHORT = replace(CONFIG, model="mlp", epoch_weights="float16")  # 7 steps an epoch
DRAWINGS = small_dataset().test_images[:MOST]


def new_run(root: Path, *images: NDArray[np.uint8]) -> Run:
    """A run that is to follow drawings."""
    run = store.create_run(root, SHORT)
    for image in images:
        drawings.choose(run, image)
    return run


def followed(run: Run) -> FollowedDrawings:
    return FollowedDrawings.load(run.followed_drawings_path)


@pytest.fixture(scope="module")
def following(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """An undisturbed run that follows two drawings from its beginning."""
    run = new_run(tmp_path_factory.mktemp("following"), *DRAWINGS[:2])
    assert run_until(run, 100, "pause") == "finished"
    return reread(run)


def test_probabilities_are_those_of_each_epochs_weights(following: Run) -> None:
    for number, image in enumerate(DRAWINGS[:2]):
        epochs, probabilities = followed(following).of(image)
        assert epochs.tolist() == [0, 1, 2, 3]
        for epoch in epochs:
            weights = Classifier.load(following.epoch_weights_path(int(epoch)))
            expected = weights.predict_proba(DRAWINGS[:2])[number]
            assert np.allclose(probabilities[epoch], expected, atol=0.01)
        assert not np.allclose(probabilities[0], probabilities[3], atol=0.05)  # it has learned


def test_training_does_not_depend_on_it(following: Run, tmp_path: Path) -> None:
    other = run_whole(tmp_path, SHORT)
    assert other.weights_path.read_bytes() == following.weights_path.read_bytes()
    assert not other.followed_drawings_path.exists()


@pytest.mark.parametrize("step", [0, 3, 7, 10])
def test_a_resumed_run_has_the_same_probabilities(
    following: Run, tmp_path: Path, step: int
) -> None:
    run = new_run(tmp_path, *DRAWINGS[:2])
    assert run_until(run, step, "pause") == "paused"
    assert run_until(run, 100, "pause") == "finished"
    same_result(following, reread(run))


def test_what_came_after_the_checkpoint_is_predicted_again(
    following: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(tmp_path, *DRAWINGS[:2])
    assert run_until(run, 8, "pause") == "paused"
    checkpoint = run.checkpoint_path.read_bytes()
    with monkeypatch.context() as patch:
        # the drawings of epoch 2 are written, then the process dies
        patch.setattr(RunRecorder, "log_epoch", lambda *_: (_ for _ in ()).throw(OSError("dead")))
        fails(tmp_path, run=run, config=SHORT)
    assert followed(run).epochs.max() == 2
    assert run.checkpoint_path.read_bytes() == checkpoint
    assert run_until(run, 100, "pause") == "finished"
    same_result(following, reread(run))


def test_a_drawing_added_to_a_run_is_followed_from_the_next_epoch_on(tmp_path: Path) -> None:
    run = new_run(tmp_path, DRAWINGS[0])
    assert run_until(run, 10, "pause") == "paused"  # within epoch 2
    drawings.choose(run, DRAWINGS[3])
    assert run_until(run, 100, "pause") == "finished"
    assert followed(run).of(DRAWINGS[0])[0].tolist() == [0, 1, 2, 3]
    assert followed(run).of(DRAWINGS[3])[0].tolist() == [2, 3]
    assert followed(run).of(DRAWINGS[4])[0].tolist() == []


def test_a_run_follows_a_few_and_none_twice(tmp_path: Path) -> None:
    run = new_run(tmp_path, *DRAWINGS, DRAWINGS[1])
    assert np.array_equal(drawings.chosen(run), DRAWINGS)
    with pytest.raises(RunError, match="follows 5 drawings already, which is the most"):
        drawings.choose(run, small_dataset().test_images[10])
    assert np.array_equal(drawings.chosen(run), DRAWINGS)


def damaged(good: dict[str, NDArray[Any]]) -> Iterator[dict[str, NDArray[Any]]]:
    """Arrays of a file that `FollowedDrawings.save` cannot have written."""
    yield {name: values for name, values in good.items() if name != "epochs"}
    yield good | {"epochs": good["epochs"][::-1]}
    yield good | {"epochs": -good["epochs"]}
    yield good | {"drawings": good["drawings"] + 2}
    yield good | {"drawings": good["drawings"][1:]}
    yield good | {"images": good["images"][:, :5]}
    yield good | {"probabilities": good["probabilities"] * np.nan}
    yield good | {"probabilities": good["probabilities"] + 1}


def test_a_file_that_cannot_be_is_refused(following: Run, tmp_path: Path) -> None:
    path = tmp_path / "drawings.npz"
    for arrays in damaged(dict(vars(followed(following)))):
        save_arrays(path, arrays)
        with pytest.raises(DamagedFileError, match=r"the file drawings\.npz"):
            FollowedDrawings.load(path)


def test_damaged_probabilities_are_told_and_the_training_goes_on(
    following: Run, tmp_path: Path
) -> None:
    run = new_run(tmp_path, *DRAWINGS[:2])
    assert run_until(run, 8, "pause") == "paused"
    run.followed_drawings_path.write_bytes(run.followed_drawings_path.read_bytes()[:-5])
    assert any("drawings.npz is damaged" in problem for problem in check_run(run).problems)
    assert run_until(run, 100, "pause") == "finished"
    assert any("predicted for drawings is lost" in event.text for event in run.read_events())
    assert followed(run).of(DRAWINGS[0])[0].tolist() == [2, 3]
    assert run.weights_path.read_bytes() == following.weights_path.read_bytes()


def test_damaged_drawings_are_told_and_the_training_goes_on(tmp_path: Path) -> None:
    run = new_run(tmp_path, DRAWINGS[0])
    run.chosen_drawings_path.write_bytes(b"PK no archive")
    with pytest.raises(DamagedFileError, match=r"followed_drawings\.npz is damaged"):
        drawings.choose(run, DRAWINGS[1])
    assert run_until(run, 100, "pause") == "finished"
    assert any("Drawings cannot be followed" in event.text for event in run.read_events())
    assert not run.followed_drawings_path.exists()
