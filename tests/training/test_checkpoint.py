"""Checkpoints: what is rejected, and what earlier versions wrote."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from fmnist import checksums
from fmnist.checksums import has_checksum, record
from fmnist.data.splits import Dataset
from fmnist.files import read_json, write_json
from fmnist.runs import store
from fmnist.runs.run import Run
from tests.training.helpers import CONFIG, fails, reread, run_until, run_whole
from tools.small import same_result, small_dataset


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_checkpoint_is_never_unpickled(tmp_path: Path) -> None:
    run = store.create_run(tmp_path, CONFIG)
    torch.save({"format": 1, "lines": Bomb(tmp_path / "blown")}, run.checkpoint_path)
    assert "cannot be resumed from its checkpoint" in fails(tmp_path, run=run)
    assert not (tmp_path / "blown").exists()


def test_changed_data_and_damaged_files_cannot_be_resumed(tmp_path: Path) -> None:
    run = store.create_run(tmp_path, CONFIG)
    assert run_until(run, 8, "pause") == "paused"
    values = vars(small_dataset()) | {"checksum": "another"}
    assert "data set has changed" in fails(tmp_path, Dataset(**values), run)
    epochs = run.epochs_path.read_bytes()
    run.epochs_path.write_bytes(epochs[:100])
    assert "epochs.npz is damaged" in fails(tmp_path, run=run)
    run.epochs_path.write_bytes(epochs)
    checkpoint = run.checkpoint_path.read_bytes()
    run.checkpoint_path.write_bytes(checkpoint[: len(checkpoint) // 2])
    assert "cannot be resumed from its checkpoint" in fails(tmp_path, run=run)
    run.checkpoint_path.write_bytes(checkpoint)
    assert run_until(run, 10**9, "continue") == "finished"  # nothing was lost by trying


def test_flipped_bits_are_not_trained_on(undisturbed: Run, tmp_path: Path) -> None:
    run = store.create_run(tmp_path, CONFIG)
    assert run_until(run, 8, "pause") == "paused"
    for path, begins in (
        (run.checkpoint_path, "The run cannot be resumed from its checkpoint: the file checkpoint"),
        (run.epochs_path, "The run cannot be resumed from its checkpoint (the file epochs.npz is"),
    ):
        whole = path.read_bytes()
        for place in range(0, len(whole), len(whole) // 3 + 1):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
            reason = fails(tmp_path, run=run)
            assert reason.startswith(begins) and "checksum differs" in reason
            assert reason.endswith("start a new run.")
        path.write_bytes(whole)
    assert run_until(run, 10**9, "continue") == "finished"
    same_result(undisturbed, reread(run))
    for path in (run.weights_path, run.last_weights_path, *run.epochs_path.parent.iterdir()):
        assert has_checksum(path), path.name
    assert not has_checksum(run.checkpoint_path)


def test_a_damaged_history_is_made_anew_from_the_checkpoint(
    undisturbed: Run, tmp_path: Path
) -> None:
    run = store.create_run(tmp_path, CONFIG)
    assert run_until(run, 8, "pause") == "paused"
    history = run.history_path.read_text()
    run.history_path.write_text(history.replace("1", "2", 1))
    broken = reread(run)
    assert broken.state == "broken"
    assert str(broken.reason).endswith(
        "or delete it and resume the run, whose checkpoint has the history."
    )
    run.history_path.unlink()
    assert reread(run).state == "interrupted"
    assert run_until(run, 10**9, "continue") == "finished"
    same_result(undisturbed, reread(run))


def test_a_run_without_checksums_goes_on_and_has_them_in_the_end(
    undisturbed: Run, tmp_path: Path
) -> None:
    run = store.create_run(tmp_path, CONFIG)
    assert run_until(run, 8, "pause") == "paused"
    (run.folder / checksums.FILE).unlink()  # as an earlier version leaves it
    assert run_until(run, 4, "pause") == "paused"
    assert run_until(run, 10**9, "continue") == "finished"
    same_result(undisturbed, reread(run))
    for path in (run.history_path, run.weights_path, run.evaluation_path("test")):
        assert has_checksum(path), path.name


def test_a_run_goes_on_from_a_checkpoint_older_than_a_setting(tmp_path: Path) -> None:
    undisturbed = run_whole(tmp_path / "undisturbed")
    run = store.create_run(tmp_path / "disturbed", CONFIG)
    assert run_until(run, 4, "pause") == "paused"
    checkpoint = torch.load(run.checkpoint_path, weights_only=True)
    settings = json.loads(checkpoint["config"])
    del settings["teachers"], settings["distillation_weight"]
    # names and forms of version 0.1.0
    for old, new, value in (
        ("dataset", "dataset", "drawn-garments"), ("augmentation", "augmentation", "none"),
        ("optimiser", "optimizer", CONFIG.optimizer), ("mixing", "batch_mix", "none"),
        ("mixing_share", "mix_probability", 1.0), ("keep", "checkpoint", "best"),
        ("views", "tta", "one"), ("drawings", "training_drawings", "none"),
    ):  # fmt: skip
        del settings[new]
        settings[old] = value
    torch.save(checkpoint | {"config": json.dumps(settings)}, run.checkpoint_path)
    record(run.checkpoint_path)
    write_json(run.config_path, read_json(run.config_path) | {"config": settings})
    run = reread(run)
    assert run.config == CONFIG
    assert run_until(run, 100, "pause") == "finished"
    same_result(undisturbed, reread(run))


def as_format_3(path: Path, batches: int) -> None:
    """Write a checkpoint as version 0.1 did, in November 2026."""
    values = torch.load(path, weights_only=True)
    state = values["state"]
    average = state["average"]
    if average is not None:
        assert average.pop("n_averaged") == (state["epoch"] - 1) * batches + state["batch"] + 1
        average = {name.removeprefix("module."): tensor for name, tensor in average.items()}
    totals = state["totals"]
    old = {
        "format": 3,
        "config": values["config"].replace('"optimizer"', '"optimiser"'),
        "dataset": values["dataset"],
        "model": state["model"],
        "average": average,
        "optimiser": state["optimizer"],
        "dropout_state": state["dropout"],
        "order_state": state["order"],
        "augmentation_state": state["augmentation"],
        "recent": state["recent"],
        "epoch": state["epoch"],
        "batch": state["batch"],
        "epoch_loss": totals["loss"],
        "epoch_correct": totals["correct"],
        "epoch_images": totals["images"],
        "epoch_seconds": state["epoch_seconds"],
        "seconds": state["seconds"],
        "lines": values["history"],
    }
    torch.save(old, path)
    record(path)


@pytest.mark.parametrize("step", [4, 7, 10])
def test_a_run_goes_on_from_a_checkpoint_of_format_3(tmp_path: Path, step: int) -> None:
    config = replace(
        CONFIG, model="swift", optimizer="sgd", weight_decay=4e-4, ema=0.99, augmentation=("flip",)
    )
    undisturbed = run_whole(tmp_path / "undisturbed", config)
    run = store.create_run(tmp_path / "disturbed", config)
    assert run_until(run, step, "pause") == "paused"
    as_format_3(run.checkpoint_path, batches=7)
    assert run_until(run, 100, "pause") == "finished"
    same_result(undisturbed, reread(run))


@pytest.mark.parametrize(
    "damage", ["empty", "text", "short", "program", "list", "tensor", "folder"]
)
def test_what_is_no_checkpoint_is_told_in_words_of_our_own(tmp_path: Path, damage: str) -> None:
    run = store.create_run(tmp_path / "runs", CONFIG)
    buffer = io.BytesIO()
    torch.save({"format": 4, "config": "{}"}, buffer)
    path = run.checkpoint_path
    if damage == "folder":
        path.mkdir()
    elif damage == "program":
        torch.save({"format": 4, "state": Bomb(tmp_path / "blown")}, path)
    elif damage in ("list", "tensor"):
        torch.save([1] if damage == "list" else torch.zeros(3), path)
    else:
        content = {"empty": b"", "text": b"no checkpoint", "short": buffer.getvalue()[:-40]}
        path.write_bytes(content[damage])
    told = fails(tmp_path, run=run)
    assert told.startswith("The run cannot be resumed from its checkpoint (")
    assert told.endswith("); start a new run.")
    says = "it is a folder" if damage == "folder" else "no checkpoint"
    assert says in told and "weights_only" not in told and "torch" not in told
    assert not (tmp_path / "blown").exists()


@pytest.mark.parametrize("values", [{"format": 4}, {"format": 4, "config": "{}", "dataset": 3}])
def test_a_checkpoint_that_lacks_a_part_is_rejected(tmp_path: Path, values: Any) -> None:
    run = store.create_run(tmp_path, CONFIG)
    torch.save(values, run.checkpoint_path)
    told = fails(tmp_path, run=run)
    assert "(it lacks a part, or has another's)" in told or "(it belongs to other" in told


def test_an_unknown_format_is_rejected(tmp_path: Path) -> None:
    run = store.create_run(tmp_path, CONFIG)
    torch.save({"format": 99}, run.checkpoint_path)
    assert fails(tmp_path, run=run) == (
        "The run cannot be resumed from its checkpoint (its format is 99); start a new run."
    )
