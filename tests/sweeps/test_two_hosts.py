"""Two hosts work on a sweep in a folder that they share; one of them dies."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from fmnist import paths
from fmnist.runs import store
from fmnist.sweeps.space import Range
from fmnist.sweeps.sweep import Plan, Sweep, make_sweep
from fmnist.sweeps.trials import Trials
from tests.sweeps.fake import BASE
from tests.two_hosts import HOSTS, two_hosts

__all__ = ["two_hosts"]  # a fixture

SOON: Final = 240  # seconds that something may take on a busy machine before a test gives up
PLAN: Final = Plan(BASE, {"learning_rate": Range(1e-3, 1e-2, True)}, runs=4, pruner="none")

WORK: Final = """
import sys
from functools import partial
from fmnist.cli import main
from fmnist.training import worker
from tests.sweeps.fake import Fake

waited = []

def wait_once(fake, epoch):
    if epoch == 2 and not waited:
        waited.append(fake)
        print("here", fake.run.run_id, flush=True)
        sys.stdin.readline()

worker.Trainer = partial(worker.Trainer, start=lambda run: Fake(run, wait_once))
sys.exit(main(["sweep", "--resume", sys.argv[1]]))
"""


@contextmanager
def work_on(host: str, sweep: Sweep) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A worker on a host with a name of its own.

    It waits in its first run after two epochs, until it gets a line.

    Yields
    ------
    process
    str
        Id of that run.
    """
    process = subprocess.Popen(
        ["ip", "netns", "exec", host,
         "unshare", "--uts", "sh", "-c", f'hostname {host} && exec "$@"', "sh",
         sys.executable, "-c", WORK, sweep.sweep_id],
        env=paths.child_environment() | {"OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        assert process.stdout
        printed = []
        for line in process.stdout:
            printed.append(line)
            if line.startswith("here "):
                yield process, line.split()[1]
                return
        raise AssertionError("".join(printed))
    finally:
        process.kill()
        process.communicate(timeout=SOON)


@pytest.mark.slow
def test_a_second_host_goes_on_with_what_a_dead_one_left(two_hosts: None, artifacts: Path) -> None:
    sweep, root = make_sweep(PLAN), artifacts / "runs"
    with work_on(HOSTS[0], sweep) as (first, left), work_on(HOSTS[1], sweep) as (second, other):
        assert left != other
        assert [store.open_run(root, run).state for run in (left, other)] == ["running"] * 2
        assert sweep.workers() == 2  # seen from here, a third host
        first.kill()
        first.wait()
        assert store.open_run(root, left).state == "interrupted"
        assert store.open_run(root, other).state == "running" and sweep.workers() == 1
        printed = second.communicate("go on\n", timeout=SOON)[0]
    assert second.returncode == 0 and "Done." in printed, printed
    trials = Trials(sweep).all()
    assert [trial.state for trial in trials] == ["finished"] * 4
    assert {run.run_id for run in store.list_runs(root)} == {trial.run_id for trial in trials}
    for trial in trials:
        epochs = store.open_run(root, str(trial.run_id)).history.epochs
        assert [entry.epoch for entry in epochs] == [1, 2, 3, 4]
        assert trial.accuracies == {entry.epoch: entry.accuracy for entry in epochs}


WRITE: Final = """
import sys
from fmnist.sweeps.sweep import open_sweep
from fmnist.sweeps.trials import Trials

sweep = open_sweep(sys.argv[1])
trials = Trials(sweep)
print("ready", flush=True)
sys.stdin.readline()
for _ in range(20):
    with sweep.lock():
        number = trials.begin().number
    trials.note(number, reason=sys.argv[2])
"""


@pytest.mark.slow
def test_what_two_hosts_write_at_once_is_whole(two_hosts: None, artifacts: Path) -> None:
    sweep = make_sweep(replace(PLAN, runs=40, sampler="random"))
    hosts = [
        subprocess.Popen(
            ["ip", "netns", "exec", host, sys.executable, "-c", WRITE, sweep.sweep_id, host],
            env=paths.child_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for host in HOSTS
    ]  # fmt: skip
    for host in hosts:
        assert host.stdout and host.stdout.readline() == "ready\n"
    for host in hosts:
        assert host.stdin
        host.stdin.write("go\n")
        host.stdin.flush()
    for host in hosts:
        host.communicate(timeout=SOON)
        assert host.returncode == 0
    trials = Trials(sweep).all()
    assert [trial.number for trial in trials] == list(range(40))
    assert sorted(trial.reason for trial in trials) == sorted([*HOSTS] * 20)
    assert len({trial.params["learning_rate"] for trial in trials}) == 40
