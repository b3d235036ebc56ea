"""What a training writes to its run's folder."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from fmnist.files import read_json, write_json
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.history import Progress
from fmnist.runs.run import Run, State
from fmnist.training import optim, recorder
from tests.training.helpers import CONFIG, reread, run_until, run_whole
from tools.small import same_result, small_dataset


def test_history_has_a_line_every_few_steps_and_every_epoch(undisturbed: Run) -> None:
    history = undisturbed.history
    assert [(e.epoch, e.step) for e in history.steps] == [
        (1, 3), (1, 6), (2, 10), (2, 13), (3, 17), (3, 20)
    ]  # fmt: skip
    assert [(e.epoch, e.step, e.split) for e in history.epochs] == [
        (1, 7, "validation"), (2, 14, "validation"), (3, 21, "validation")
    ]  # fmt: skip
    assert history.epochs[-1].train_loss < history.epochs[0].train_loss  # it learns
    assert all(e.images_per_second > 0 for e in history.epochs)
    assert undisturbed.progress.step == undisturbed.progress.steps == 21
    assert not undisturbed.checkpoint_path.exists()


def test_lines_of_the_history_name_their_figures(undisturbed: Run) -> None:
    lines = [json.loads(line) for line in undisturbed.history_path.read_text().splitlines()]
    assert [line["kind"] for line in lines] == ["step", "step", "epoch"] * 3
    assert list(lines[0]) == ["kind", "epoch", "step", "loss", "seconds"]
    assert list(lines[2]) == [
        "kind", "epoch", "step", "train_loss", "train_accuracy", "validation_loss",
        "validation_accuracy", "seconds", "images_per_second",
    ]  # fmt: skip


def test_settings_data_and_versions_are_written_down(undisturbed: Run) -> None:
    document = json.loads(undisturbed.config_path.read_text())
    assert TrainConfig.from_json(document["config"]) == CONFIG
    assert document["dataset"]["checksum"] == small_dataset().checksum
    assert document["environment"]["torch"] == torch.__version__.partition("+")[0]


def test_the_precision_that_auto_came_to_is_written_down(tmp_path: Path) -> None:
    config = TrainConfig.from_json(CONFIG.to_json() | {"precision": "auto", "epochs": 1})
    run = store.open_run(tmp_path, run_whole(tmp_path, config).run_id)
    dtype = optim.resolve_dtype("auto", torch.device("cpu"))
    assert run.environment["precision"] == str(dtype).removeprefix("torch.")


def test_what_a_kill_left_half_written_is_cleared_away(tmp_path: Path) -> None:
    run = store.create_run(tmp_path, CONFIG)
    left = [run.folder / ".checkpoint.pt.x.tmp", run.folder / "evaluation" / ".epochs.npz.x.tmp"]
    renaming = run.folder / ".name.json.x.tmp"  # somebody renames the run at this moment
    for path in (*left, renaming):
        path.touch()
    assert run_until(run, 1, "pause") == "paused"
    assert not any(path.exists() for path in left)
    assert renaming.exists()


def test_progress_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "STATUS_SECONDS", 0)
    told: list[Progress] = []
    run_whole(tmp_path, on_progress=told.append)
    assert [p.step for p in told if p.step <= 7] == [1, 2, 3, 4, 5, 6, 7, 7]
    assert all(p.steps == 21 for p in told)
    assert told[-1].fraction == 1


def test_the_status_names_the_phase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    phases = []
    write = Run.write_status

    def remember(run: Run, state: State, progress: Progress, **named: Any) -> None:
        write(run, state, progress, **named)
        written = json.loads(run.status_path.read_text())
        phases.append(tuple(written[key] for key in ("state", "phase", "phase_fraction")))

    monkeypatch.setattr(Run, "write_status", remember)
    monkeypatch.setattr(recorder, "STATUS_SECONDS", 0)
    run_whole(tmp_path, replace(CONFIG, epochs=1, tta="flip"))
    assert phases == [
        ("queued", None, 0),
        ("running", "preparing data", 0),
        *[("running", "training", 0)] * 9,
        ("running", "evaluating", 0),
        ("running", "evaluating", 1),
        ("running", "evaluating", 0.5),
        ("running", "evaluating", 1),
        ("finished", None, 0),
    ]


def test_a_line_of_the_history_that_a_crash_cut_off_is_dropped(
    undisturbed: Run, tmp_path: Path
) -> None:
    run = store.create_run(tmp_path, CONFIG)
    assert run_until(run, 8, "pause") == "paused"
    whole = run.history_path.read_text()
    for cut_off in ('{"kind": "st', "{", '{"kind": "step", "epoch": 2, "step": 10}'):
        run.history_path.write_text(whole + cut_off)
        assert reread(run).state == "interrupted"
        assert reread(run).history.to_lines() == whole.splitlines()
        assert run_until(run, 0, "pause") == "paused"
        assert run.history_path.read_text() == whole
    run.history_path.write_text(whole + cut_off)
    assert run_until(run, 10**9, "continue") == "finished"
    same_result(undisturbed, reread(run))


def test_a_history_without_a_checkpoint_is_begun_anew(undisturbed: Run, tmp_path: Path) -> None:
    run = store.create_run(tmp_path, CONFIG)
    assert run_until(run, 4, "pause") == "paused"
    run.checkpoint_path.unlink()
    with run.history_path.open("a") as history:
        history.write('{"kind": "st')
    assert run_until(run, 10**9, "continue") == "finished"
    same_result(undisturbed, reread(run))


def test_a_run_that_is_resumed_elsewhere_names_that_machine(tmp_path: Path) -> None:
    run = store.create_run(tmp_path, CONFIG)
    assert run_until(run, 5, "pause") == "paused"
    first = read_json(run.config_path)
    there = {**first["environment"], "device": "NVIDIA H100", "precision": "bfloat16"}
    write_json(run.config_path, first | {"environment": there | {"processes": "8"}})
    assert run_until(run, 5, "pause") == "paused"
    assert read_json(run.config_path) == first
