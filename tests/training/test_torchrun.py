"""torchrun starts several processes for a run: they end as one does, and after a kill, too."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from fmnist import paths
from fmnist.cli import main
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run
from fmnist.runs.setting import format_value
from tests.training.helpers import run_whole
from tests.training.test_group import PLAIN, alike
from tests.two_hosts import ADDRESSES, HOSTS, two_hosts

__all__ = ["two_hosts"]  # a fixture

SOON = 240  # seconds that something may take on a busy machine before a test gives up
TWO = ("--standalone", "--nproc-per-node=2")
LONG = replace(PLAIN, epochs=60, model="lenet-5")


def options(config: TrainConfig) -> list[str]:
    """The settings as the command line takes them."""
    default = TrainConfig()
    return [
        word
        for name in TrainConfig.settings()
        if (value := getattr(config, name)) != getattr(default, name)
        for word in (f"--{name.replace('_', '-')}", *format_value(value).split())
    ]


@contextmanager
def torchrun(
    folder: Path, *words: str, prefix: tuple[str, ...] = ()
) -> Iterator[subprocess.Popen[str]]:
    """torchrun, in a session of its own; it is ended, and its processes with it."""
    process = subprocess.Popen(
        [*prefix, sys.executable, "-m", "torch.distributed.run", *words],
        env=paths.child_environment() | {"FMNIST_ARTIFACTS": str(folder), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()  # it ends its processes, then itself
        process.communicate(timeout=SOON)


def train_words(run_id: str, config: TrainConfig) -> list[str]:
    return ["-m", "tools.small_main", "train", "--run-id", run_id, *options(config)]


def ranks_of(agent: int) -> dict[int, int]:
    """Ids of the processes that torchrun has started, by their ranks."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            words = (folder / "environ").read_bytes().split(b"\0")
        except OSError:  # it has ended meanwhile
            continue
        rank = next((w[5:] for w in words if w.startswith(b"RANK=")), None)
        if int(parent) == agent and rank is not None:
            found[int(rank)] = int(folder.name)
    return found


def wait_for_epoch(folder: Path, run_id: str, epoch: int) -> Run:
    for _ in range(SOON * 10):
        if run_id in store.run_ids(folder / "runs"):
            run = store.open_run(folder / "runs", run_id)
            if len(run.history.epochs) >= epoch:
                return run
        time.sleep(0.1)
    raise AssertionError("the run did not come so far")


@pytest.mark.slow
def test_two_processes_of_torchrun_learn_what_one_learns(tmp_path: Path) -> None:
    # rounding grows fast through batch normalization of few images
    normalized = replace(PLAIN, model="residual-small", subset=101, epochs=1)
    plain = [replace(PLAIN, model=model) for model in ("fashion-cnn", "lenet-5", "logistic")]
    for config in (*plain, normalized):
        model = config.model
        with torchrun(
            tmp_path, "--standalone", "--nproc-per-node=2", *train_words(model, config)
        ) as process:
            printed = process.communicate(timeout=SOON)[0]
        assert process.returncode == 0, printed
        assert "Finished: epoch" in printed
        alike(run_whole(tmp_path / "one", config), store.open_run(tmp_path / "runs", model), 1e-3)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").exists(), reason="only Linux tells who started a process")
@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_restarts_all_and_the_run_goes_on(tmp_path: Path, rank: int) -> None:
    words = [*TWO, "--max-restarts=1", *train_words("mine", LONG)]
    with torchrun(tmp_path, *words) as process:
        wait_for_epoch(tmp_path, "mine", 3)
        os.kill(ranks_of(process.pid)[rank], signal.SIGKILL)
        printed = process.communicate(timeout=SOON)[0]
    assert process.returncode == 0, printed
    (run,) = store.list_runs(tmp_path / "runs")
    assert (run.run_id, run.state) == ("mine", "finished")
    assert [entry.epoch for entry in run.history.epochs] == list(range(1, LONG.epochs + 1))
    texts = [event.text for event in run.read_events()]
    assert sum(text.startswith("Resumed at step") for text in texts) == 1
    alike(run_whole(tmp_path / "one", LONG), run, 1e-2)


@pytest.mark.slow
def test_ctrl_c_pauses_a_run_of_two_processes(tmp_path: Path) -> None:
    words = [*TWO, *train_words("mine", LONG)]
    with torchrun(tmp_path, *words) as process:
        wait_for_epoch(tmp_path, "mine", 2)
        process.send_signal(signal.SIGINT)
        printed = process.communicate(timeout=SOON)[0]
    assert "Paused. Continue with: python -m fmnist train --resume mine" in printed
    assert store.open_run(tmp_path / "runs", "mine").state == "interrupted"


@pytest.mark.slow
def test_two_hosts_learn_what_one_learns(two_hosts: None, tmp_path: Path) -> None:
    folders = [tmp_path / host for host in HOSTS]  # no common disk
    commands = [
        torchrun(
            folder, "--nnodes=2", "--nproc-per-node=1", "--rdzv-backend=c10d", "--rdzv-id=1",
            f"--rdzv-endpoint={ADDRESSES[0]}:29400", f"--local-addr={address}",
            f"--rdzv-conf=is_host={int(host == HOSTS[0])}",  # both have one name
            *train_words("mine", PLAIN),
            prefix=("ip", "netns", "exec", host, "env", "GLOO_SOCKET_IFNAME=eth0"),
        )
        for host, address, folder in zip(HOSTS, ADDRESSES, folders, strict=True)
    ]  # fmt: skip
    with commands[0] as first, commands[1] as second:
        printed = [each.communicate(timeout=SOON)[0] for each in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), "\n\n".join(printed)
    found = [run for folder in folders for run in store.list_runs(folder / "runs")]
    assert len(found) == 1  # the process of rank 0 alone keeps the run
    alike(run_whole(tmp_path / "one", PLAIN), found[0], 1e-3)


def test_the_same_command_starts_and_resumes_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from fmnist.data import fashion_mnist as datasets
    from tools.small import small_dataset

    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path))
    monkeypatch.setattr(datasets, "load_named", lambda _: small_dataset())
    config = replace(PLAIN, epochs=1, model="logistic")
    store.create_run(tmp_path / "runs", config, run_id="mine")  # as a killed command leaves it
    command = ["train", "--run-id", "mine", *options(config)]
    assert main(command) == 0
    assert "Finished: epoch 1" in capsys.readouterr().out
    assert main(command) == 0
    assert capsys.readouterr().out == "The run mine is finished already.\n"
    assert main([*command, "--seed", "8"]) == 1
    assert "The run mine has other settings" in capsys.readouterr().err
    assert main(["train", "--run-id", "a/b", *options(config)]) == 1
    assert "of letters, digits, dots" in capsys.readouterr().err
    assert store.run_ids(tmp_path / "runs") == ["mine"]


def test_restarts_need_the_id_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path))
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", "3")
    assert main(["train", "--dataset", "synthetic-garments"]) == 1
    assert "--run-id" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
