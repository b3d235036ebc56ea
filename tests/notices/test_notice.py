"""What is told of an end: words, documents, and of what."""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fmnist import paths
from fmnist.files import write_json
from fmnist.notices.notice import (
    Notice,
    ended_run,
    ended_sweep,
    find,
    key_of,
    of_run,
    of_sweep,
    state_of,
)
from fmnist.runs import annotations, store
from fmnist.runs.annotations import Annotations
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run, State
from fmnist.sweeps.space import Range
from fmnist.sweeps.sweep import RUN_FILE, Plan, Sweep, delete_sweep, make_sweep
from fmnist.sweeps.worker import SweepWorker
from fmnist.training.worker import Trainer
from tests.sweeps.fake import BASE, SOON, Fake
from tools.made_up_run import made_up_run


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path))
    return paths.runs_folder()


def ended(run: Run, failure: str | None = None) -> Notice:
    found = ended_run(run, failure)
    assert found is not None
    return found


def in_group(runs: Sequence[Run], group: str) -> list[Run]:
    for run in runs:
        write_json(run.folder / annotations.FILE, Annotations(group=group).__dict__)
    return [store.open_run(run.folder.parent, run.run_id) for run in runs]


def reach(run: Run, state: State, reason: str | None = None) -> Run:
    run.write_status(state, run.progress, reason=reason)
    return store.open_run(run.folder.parent, run.run_id)


def test_a_finished_run(root: Path) -> None:
    found = ended(made_up_run(root, name="Mine"))
    assert found.title == "Finished: Mine"
    assert found.body == (
        "Best validation accuracy 95.12%, test accuracy 94.10% (held-out protocol). 6 epochs in "
        "6 min 09 s."
    )
    document = found.to_json()
    assert document["text"] == document["content"] == f"{found.title}. {found.body}"
    assert json.loads(json.dumps(document)) == {
        "kind": "run", "id": found.id, "name": "Mine", "group": None, "model": "FashionCNN",
        "state": "finished", "protocol": "held-out", "epochs": 6,
        "best_validation_accuracy": pytest.approx(0.9512), "test_accuracy": pytest.approx(0.941),
        "seconds": 369.0, "message": "", "text": document["text"], "content": document["text"],
        "allowed_mentions": {"parse": []},
    }  # fmt: skip


def test_protocols_are_named_beside_the_figures(root: Path) -> None:
    notebook = ended(made_up_run(root, protocol="notebook"))
    assert notebook.facts.startswith("Best test accuracy 95.12% (notebook protocol).")
    assert notebook.best_validation_accuracy is None
    full = ended(made_up_run(root, protocol="full", checkpoint="last"))
    assert full.facts.startswith("Test accuracy 94.10% (full protocol).")
    assert full.best_validation_accuracy is None and full.test_accuracy == pytest.approx(0.941)


def test_a_run_that_did_not_finish(root: Path) -> None:
    run = made_up_run(root, epochs=6, name="Mine")
    lines = run.history_path.read_text().splitlines()[:2]
    run.history_path.write_text("".join(f"{line}\n" for line in lines))
    (run.folder / "checksums.json").unlink(missing_ok=True)
    run.evaluation_path("test").unlink()
    stopped = ended(reach(run, "stopped"))
    assert stopped.title == "Stopped: Mine" and "2 of 6 epochs" in stopped.facts
    assert stopped.test_accuracy is None and "est accuracy" not in stopped.facts.split("(")[1]
    failed = ended(reach(run, "failed", "The disk is full; free some space."))
    assert failed.title == "Failed: Mine" and failed.body.startswith("The disk is full; free some")
    assert failed.message == "The disk is full; free some space."
    # nobody holds its lock
    assert ended(reach(run, "paused")).title == "Interrupted: Mine"
    assert ended(run, "It was killed.").body.startswith("It was killed.")
    with store.owning(run):
        assert ended(reach(run, "paused")).state == "paused"
        assert ended_run(reach(run, "running")) is None


def test_a_run_whose_folder_is_gone(root: Path) -> None:
    run = store.create_run(root, TrainConfig(), name="Mine")
    store.delete_runs([run])
    found = ended(run, run.gone)
    assert (found.state, found.message) == ("failed", run.gone)


def test_names_call_nobody_and_link_nowhere(root: Path) -> None:
    name = "<!channel> @everyone <https://x.example|y>"
    text = ended(made_up_run(root, name=name)).to_json()["text"]
    assert "<" not in text and ">" not in text and "@everyone" not in text
    assert "everyone" in text and "https:\u200b//x.example" in text
    reason = "See [here](mailto:x) or www.x.example."
    text = Notice("run", "r", "n", "failed", message=reason).to_json()["text"]
    assert "[here]\u200b(mailto:x)" in text and "www\u200b.x.example" in text
    assert len(Notice("run", "r", "n", "failed", message="x" * 10_000).to_json()["content"]) < 2000


def test_seeds_are_told_as_a_group_when_the_last_has_ended(root: Path) -> None:
    runs = in_group(
        [made_up_run(root, seed=seed, name=f"Twice {seed}") for seed in (0, 1)], "Twice"
    )
    assert {key_of(run, runs) for run in runs} == {"seeds:Twice"}
    found = ended(runs[0])
    assert found.key == "seeds:Twice" and found.title == "Finished: Twice"
    assert found.body == (
        "Held-out protocol: validation accuracy 95.12% ± 0.00 (2 seeds), test accuracy 94.10% ± "
        "0.00 (2 seeds)."
    )
    assert (found.epochs, found.seconds, found.group) == (12, 738.0, "Twice")
    with store.owning(runs[1]):
        reach(runs[1], "queued")
        assert ended_run(runs[0]) is None
    failed = reach(runs[1], "failed", "The disk is full.")
    assert ended(failed).body.startswith("The disk is full. 1 of 2 seeds finished. Held-out")
    assert ended(failed).state == "failed"


def test_a_group_of_other_settings_is_none_of_seeds(root: Path) -> None:
    runs = [made_up_run(root), made_up_run(root, batch_size=32)]
    runs = in_group(runs, "Various")
    assert key_of(runs[0], runs) == f"run:{runs[0].run_id}"
    assert ended(runs[0]).group == "Various"
    assert find("seeds:Various", runs) is None


@pytest.mark.parametrize("active", [0, 2])
def test_of_two_settings_in_a_group_the_one_under_way_is_found(active: int, root: Path) -> None:
    made = [made_up_run(root, seed=seed, batch_size=size) for size in (32, 64) for seed in (0, 1)]
    runs = in_group(made, "Both")
    found = find("seeds:Both", runs)
    assert found is not None and found.state == "finished"
    with store.owning(runs[active]):
        runs[active] = reach(runs[active], "running")
        found = find("seeds:Both", runs)
    assert found is not None and found == of_run(runs[active], runs) and found.state == "running"


def test_what_a_key_stands_for(root: Path) -> None:
    single = made_up_run(root)
    seeds = in_group([made_up_run(root, seed=seed) for seed in (0, 1)], "Twice")
    runs = [*seeds, single]
    for run in runs:
        found = find(key_of(run, runs), runs)
        assert found is not None and found == of_run(run, runs)
    for key in ("run:none", "seeds:none", "run", "", "sweep:x", "../x:y"):
        assert find(key, runs) is None


@pytest.mark.parametrize(
    ("states", "together"),
    [
        (["finished", "finished"], "finished"),
        (["finished", "running"], "running"),
        (["failed", "queued"], "running"),
        (["paused", "queued"], "paused"),
        (["finished", "stopped", "failed"], "failed"),
        (["finished", "pruned"], "stopped"),
        (["interrupted", "stopped"], "interrupted"),
        (["broken"], "failed"),
    ],
)
def test_several_runs_are_as_the_worst_of_them(states: list[Any], together: str) -> None:
    runs = [Run(Path(f"r{n}"), "r", state) for n, state in enumerate(states)]
    assert state_of(runs) == together


def sweep_of(**changes: Any) -> Sweep:
    plan = Plan(BASE, {"learning_rate": Range(1e-4, 0.1, True)}, runs=3, pruner="none")
    return make_sweep(replace(plan, **changes), name="Rates")


def test_a_sweep_is_told_and_its_runs_are_not(root: Path) -> None:
    told: list[Run] = []
    trainer = Trainer(
        start=Fake,  # type: ignore[arg-type]
        on_end=lambda run, _failure: told.append(run),
    )
    sweep = sweep_of()
    left: list[str | None] = []
    assert of_sweep(sweep).title == "Stopped: Rates"
    worker = SweepWorker(sweep, trainer, on_leave=left.append)
    worker.start()
    assert not worker.wait(SOON).running
    trainer.close()
    assert left == [None] and len(told) == 3
    assert all(ended_run(run) is None for run in told)
    with sweep.working():
        assert {key_of(run, told) for run in told} == {f"sweep:{sweep.sweep_id}"}
    found = ended_sweep(sweep)
    assert found is not None and found.title == "Finished: Rates"
    assert found.facts.startswith("3 runs: 3 finished. Best validation accuracy ")
    assert found.facts.endswith("(held-out protocol).")
    assert found.epochs == 3 * BASE.epochs and found.seconds == 3 * 40.0
    with sweep.working():  # another worker goes on
        assert ended_sweep(sweep) is None
    assert ended_sweep(sweep, "3 runs in a row have failed.").state == "failed"  # type: ignore[union-attr]


def test_a_damaged_sweep_is_told_as_failed(root: Path) -> None:
    sweep = sweep_of()
    sweep.journal_path.write_text("{}\n")
    found = of_sweep(sweep)
    assert found.state == "failed" and "cannot be read" in found.message
    trial = store.create_run(
        root, BASE, fill=lambda f: write_json(f / RUN_FILE, {"sweep": sweep.sweep_id, "trial": 0})
    )
    assert ended_run(trial) is not None
    with sweep.working():
        assert ended_run(trial) is None
    assert ended_run(trial) is None  # it has ended before the worker has left


@pytest.mark.parametrize("what", ["left", "killed", "deleted"])
def test_a_run_of_a_sweep_that_goes_on_by_itself_is_told(what: str, root: Path) -> None:
    sweep = sweep_of()
    run = made_up_run(root, name="Run 1, Rates")
    write_json(run.folder / RUN_FILE, {"sweep": sweep.sweep_id, "trial": 0})
    with sweep.working():
        assert key_of(run, [run]) == f"sweep:{sweep.sweep_id}"
    if what == "killed":
        (sweep.folder / "workers" / "0.lock").touch()  # which nobody holds
    os.utime(sweep.folder / "workers", (1, 1))  # long ago
    if what == "deleted":
        delete_sweep(sweep)
    found = ended(run)
    assert found.title == "Finished: Run 1, Rates"
    assert key_of(run, [run]) == found.key == f"run:{run.run_id}"
