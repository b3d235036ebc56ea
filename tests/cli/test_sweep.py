"""`python -m fmnist sweep`: made, stopped, gone on with, shown, measured once."""

import sys
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest

from fmnist.cli import main
from fmnist.data import fashion_mnist as datasets
from fmnist.data.fashion_mnist import DatasetError
from fmnist.runs import store
from fmnist.sweeps import worker as sweep_worker
from fmnist.sweeps.sweep import list_sweeps
from fmnist.training import measuring
from fmnist.training import worker as training_worker
from tests.sweeps.fake import Fake
from tools.small import small_dataset

Output = pytest.CaptureFixture[str]

SWEEP = [
    "sweep", "--dataset", "synthetic-garments", "--epochs", "2", "--name", "Rates",
    "--try", "learning_rate=0.0001..0.1:log", "--try", "optimizer=adam,adamw",
]  # fmt: skip


@pytest.fixture(autouse=True)
def artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(sweep_worker, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(datasets, "load_named", lambda _: small_dataset())
    fake = partial(training_worker.Trainer, start=Fake)  # type: ignore[arg-type]
    monkeypatch.setattr(training_worker, "Trainer", fake)
    return tmp_path


def test_a_sweep_from_its_start_to_the_measured_run(
    artifacts: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([*SWEEP, "--runs", "3", "--workers", "2"]) == 0
    printed = capsys.readouterr().out
    (sweep,) = list_sweeps()
    assert f"sweep --resume {sweep.sweep_id}" in printed and "Best so far: " in printed
    runs = store.list_runs(artifacts / "runs")
    assert sorted(run.name for run in runs) == [f"Run {n}, Rates" for n in (1, 2, 3)]
    assert main(["sweep", "--resume", sweep.sweep_id]) == 0  # nothing is left
    assert len(store.run_ids(artifacts / "runs")) == 3
    assert f"--resume {sweep.sweep_id} --runs 13" in capsys.readouterr().out
    assert main(["sweep", "--resume", sweep.sweep_id, "--runs", "3"]) == 1
    assert "give it more than that" in capsys.readouterr().err
    assert main(["sweep", "--resume", sweep.sweep_id, "--runs", "4"]) == 0
    assert "4 " in capsys.readouterr().out
    runs = store.list_runs(artifacts / "runs")
    assert len(runs) == 4
    assert main(["sweep", "--list"]) == 0
    assert f"{sweep.sweep_id}" in (listed := capsys.readouterr().out) and "4 runs" in listed
    assert main(["sweep", "--show", sweep.sweep_id]) == 0
    shown = capsys.readouterr().out
    assert shown.count("finished") == 4 and all(run.run_id in shown for run in runs)
    monkeypatch.setattr(measuring, "measure_run", lambda _run, _dataset: 0.9)
    assert main(["sweep", "--measure", sweep.sweep_id]) == 0
    assert "test accuracy 90.00%, measured once" in capsys.readouterr().out
    chosen = sweep.measured_run()
    other = next(run.run_id for run in runs if run.run_id != chosen)
    assert main(["sweep", "--measure", sweep.sweep_id, "--run", other]) == 1
    assert "was chosen before" in capsys.readouterr().err


def test_a_host_without_the_data_set_leaves_a_sweep_alone(
    artifacts: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([*SWEEP, "--runs", "2"]) == 0
    (sweep,) = list_sweeps()
    sweep.stop()

    def absent(_name: str) -> NoReturn:
        raise DatasetError("There is no data set here.")

    monkeypatch.setattr(datasets, "load_named", absent)
    assert main(["sweep", "--resume", sweep.sweep_id, "--runs", "4"]) == 1
    assert capsys.readouterr().err == "There is no data set here.\n"
    assert list_sweeps() == [sweep] and sweep.is_stopped()
    assert len(store.run_ids(artifacts / "runs")) == 2


def test_a_sweep_that_has_tried_all_is_not_offered_more(artifacts: Path, capsys: Output) -> None:
    lists = ["--try", "optimizer=adam,adamw"]
    assert main([*SWEEP[: SWEEP.index("--try")], *lists, "--runs", "1"]) == 0
    assert "Or train more: " in capsys.readouterr().out
    (sweep,) = list_sweeps()
    assert main(["sweep", "--resume", sweep.sweep_id, "--runs", "2"]) == 0
    printed = capsys.readouterr().out
    assert "Done. " in printed and "Or train more: " not in printed


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["sweep"], "Choose at least one setting"),
        (["sweep", "--try", "speed=1,2"], "no setting that a sweep can try"),
        ([*SWEEP, "--protocol", "notebook"], "held-out protocol"),
        ([*SWEEP, "--runs", "0"], "1 to 10,000 runs"),
        ([*SWEEP, "--workers", "0"], "at least 1"),
        ([*SWEEP, "--sampler", "grid"], "A grid needs lists"),
        (["sweep", "--resume", "../x"], "There is no sweep"),
        (["sweep", "--resume", "x", "--try", "epochs=1..3"], "leave --try out"),
        (["sweep", "--show", "none"], "There is no sweep"),
        (["sweep", "--measure", "none"], "There is no sweep"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    arguments: list[str], told: str, capsys: Output
) -> None:
    assert main(arguments) == 1
    assert told in (said := capsys.readouterr().err) and said.count("\n") == 1
    assert list_sweeps() == []


def test_without_optuna_no_sweep_is_made(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert main(SWEEP) == 1
    assert 'pip install -e ".[sweep]"' in capsys.readouterr().err
    assert list_sweeps() == []


def test_without_sweeps_the_list_says_so(capsys: Output) -> None:
    assert main(["sweep", "--list"]) == 0
    assert "no sweeps yet" in capsys.readouterr().out
