"""Event files, as TensorBoard's own reader reads them."""

import importlib.util
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from fmnist.cli import make_parser
from fmnist.runs import store
from fmnist.runs.history import EpochEntry
from fmnist.runs.run import Run
from fmnist.training.loop import Signal, train
from fmnist.training.tensorboard import EventFiles
from tests.training.helpers import CONFIG, fails, reread, run_until, run_whole
from tools.small import small_dataset

pytest.importorskip("tensorboardX", reason="tensorboardX writes the event files")
reader = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator", reason="TensorBoard reads them"
)

WITH = replace(CONFIG, model="logistic", tensorboard="scalars", log_every=2)


def curves(run: Run) -> dict[str, list[tuple[int, float]]]:
    """Steps and values of each curve, as TensorBoard shows it."""
    events = reader.EventAccumulator(str(run.tensorboard_folder)).Reload()
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def agrees(run: Run) -> None:
    """Assert that the curves are the history's."""
    found = curves(run)
    same(found["loss/train"], [(entry.step, entry.loss) for entry in run.history.steps])
    for tag, name in (
        ("loss/validation", "loss"),
        ("accuracy/validation", "accuracy"),
        ("loss/train_epoch", "train_loss"),
        ("accuracy/train", "train_accuracy"),
        ("pace/images_per_second", "images_per_second"),
    ):
        same(found[tag], [(entry.step, getattr(entry, name)) for entry in run.history.epochs])


def same(curve: list[tuple[int, float]], expected: list[tuple[int, float]]) -> None:
    """Assert that two curves are the same in 32 bits."""
    assert [step for step, _ in curve] == [step for step, _ in expected]
    assert [value for _, value in curve] == pytest.approx([value for _, value in expected])


def test_tensorboard_reads_the_history(tmp_path: Path) -> None:
    agrees(run_whole(tmp_path, WITH))


def test_curves_of_a_resumed_run_do_not_go_back(tmp_path: Path) -> None:
    run = store.create_run(tmp_path, WITH)
    assert run_until(run, 8, "pause") == "paused"
    asked = 0

    def die() -> Signal:
        nonlocal asked
        asked += 1
        if asked == 6:
            raise KeyboardInterrupt  # as a kill: the losses from step 9 on are logged again
        return "continue"

    with store.owning(run), pytest.raises(KeyboardInterrupt):
        train(reread(run), small_dataset(), control=die)
    assert [step for step, _ in curves(run)["loss/train"]] == [2, 4, 6, 9, 11, 13]
    assert run_until(run, 10**9, "continue") == "finished"
    assert len(list(run.tensorboard_folder.iterdir())) == 3
    agrees(reread(run))


def test_what_was_logged_outlives_a_kill(tmp_path: Path) -> None:
    files = EventFiles(tmp_path / "tensorboard", 0)
    copied = tmp_path / "killed"
    for number in (1, 2, 3):
        files.add(EpochEntry(number, number, 1.0, 0.5, "validation", 1.0, 0.5, 1.0, 1.0))
        shutil.copytree(tmp_path / "tensorboard", copied)  # what another process would find
        events = reader.EventAccumulator(str(copied)).Reload()
        for tag in events.Tags()["scalars"]:
            assert [event.step for event in events.Scalars(tag)] == [*range(1, number + 1)]
        assert len(events.Tags()["scalars"]) == 5
        shutil.rmtree(copied)
    files.close()


def test_a_run_that_begins_anew_has_curves_of_its_own(tmp_path: Path) -> None:
    run = store.create_run(tmp_path, WITH)
    assert run_until(run, 5, "pause") == "paused"
    run.checkpoint_path.unlink()  # as a kill before the first checkpoint leaves it
    assert run_until(run, 10**9, "continue") == "finished"
    agrees(reread(run))


def test_without_the_setting_nothing_is_written(undisturbed: Run) -> None:
    assert not undisturbed.tensorboard_folder.exists()


def test_what_is_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert fails(tmp_path, config=WITH).startswith(
        "Event files for TensorBoard need tensorboardX: run pip install -e .[tensorboard]"
    )


@pytest.mark.parametrize(
    ("words", "value"),
    [([], "absent"), (["--tensorboard"], "scalars"), (["--tensorboard", "none"], None)],
)
def test_the_option_alone_asks_for_them(words: list[str], value: str | None) -> None:
    options = make_parser().parse_args(["train", *words])
    assert getattr(options, "tensorboard", "absent") == value
