"""`--notify`: a webhook is told once when a training ends, and delays or fails nothing."""

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from fmnist.cli import main, notify
from fmnist.cli import train as train_command
from fmnist.data import fashion_mnist as datasets
from fmnist.notices.webhook import VARIABLE, Notifier
from fmnist.runs import store
from fmnist.runs.history import StepEntry
from fmnist.sweeps import worker as sweep_worker
from fmnist.training import worker as training_worker
from fmnist.training.recorder import RunRecorder
from tests.notices.receiver import Receiver, receiving
from tests.sweeps.fake import Fake
from tools.small import small_dataset

Output = pytest.CaptureFixture[str]

TRAIN = [
    "train", "--dataset", "synthetic-garments", "--epochs", "1", "--subset", "40",
    "--batch-size", "20", "--log-every", "1", "--name", "Mine",
]  # fmt: skip


@pytest.fixture(autouse=True)
def artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(datasets, "load_named", lambda _: small_dataset())
    monkeypatch.setattr(notify, "Notifier", partial(Notifier, pauses=(0, 0)))
    return tmp_path


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


def told(receiver: Receiver) -> list[tuple[str, str, str]]:
    return [(each["kind"], each["name"], each["state"]) for each in receiver.documents]


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def log_step(_recorder: RunRecorder, _entry: StepEntry) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(RunRecorder, "log_step", log_step)


def test_a_run_is_told_once_and_keeps_no_address(
    receiver: Receiver, artifacts: Path, capsys: Output
) -> None:
    assert main([*TRAIN, "--notify", receiver.url]) == 0
    assert told(receiver) == [("run", "Mine", "finished")]
    (run,) = store.list_runs(artifacts / "runs")
    document = receiver.documents[0]
    assert document["id"] == run.run_id and document["epochs"] == 1
    assert run.history.selected
    assert document["best_validation_accuracy"] == run.history.selected.accuracy
    printed = capsys.readouterr()
    assert "Finished: epoch 1" in printed.out and "secret" not in printed.out + printed.err
    for path in artifacts.rglob("*"):
        assert not path.is_file() or b"secret-token" not in path.read_bytes(), path


def test_the_environment_names_an_address_and_the_option_another(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv(VARIABLE, receiver.url)
    assert main(TRAIN) == 0
    with receiving() as other:
        assert main([*TRAIN, "--notify", other.url]) == 0
        assert len(receiver.documents) == len(other.documents) == 1
    monkeypatch.setenv(VARIABLE, "secret")
    assert main(TRAIN) == 1
    assert "FMNIST_WEBHOOK: Give the webhook's whole address" in capsys.readouterr().err


def test_an_address_that_is_none_begins_nothing(artifacts: Path, capsys: Output) -> None:
    assert main([*TRAIN, "--notify", "ftp://x/secret"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("Give the webhook's whole address") and "secret" not in said
    assert not (artifacts / "runs").exists()


def test_a_webhook_that_fails_fails_no_training(artifacts: Path, capsys: Output) -> None:
    with receiving(500, 500, 500) as receiver:
        assert main([*TRAIN, "--notify", receiver.url]) == 0
        assert len(receiver.documents) == 3
    said = capsys.readouterr().err
    assert "The webhook at 127.0.0.1 was not told: it answers 500; try again later.\n" in said
    (run,) = store.list_runs(artifacts / "runs")
    assert run.state == "finished"


def test_a_webhook_that_never_answers_is_given_up(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setattr(notify, "_LONGEST_SECONDS", 0.2)
    receiver.holds.clear()
    assert main([*TRAIN, "--notify", receiver.url]) == 0
    assert "The webhook at 127.0.0.1 has not answered in" in capsys.readouterr().err


@pytest.mark.usefixtures("fails")
def test_a_failure_is_told(receiver: Receiver, capsys: Output) -> None:
    assert main([*TRAIN, "--notify", receiver.url]) == 1
    assert told(receiver) == [("run", "Mine", "failed")]
    assert receiver.documents[0]["message"].startswith("The disk is full")
    assert "failed. The disk is full" in capsys.readouterr().err


@pytest.mark.usefixtures("fails")
def test_a_failure_that_torchrun_repeats_is_told_at_the_last_try(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", "1")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "0")
    words = [*TRAIN, "--run-id", "mine", "--notify", receiver.url]
    assert main(words) == 1 and receiver.documents == []
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    assert main(words) == 1 and told(receiver) == [("run", "Mine", "failed")]


def test_the_first_process_of_several_tells(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr(train_command, "_follow", lambda: 0)
    assert main([*TRAIN, "--notify", receiver.url]) == 0
    assert receiver.documents == []


def test_ctrl_c_is_told_in_a_hurry_and_the_resumed_run_again(
    artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_step = RunRecorder.log_step

    def press(recorder: RunRecorder, entry: StepEntry) -> None:
        log_step(recorder, entry)
        os.kill(os.getpid(), signal.SIGINT)

    with receiving(503) as receiver, monkeypatch.context() as patched:
        patched.setattr(RunRecorder, "log_step", press)
        patched.setattr(notify, "Notifier", partial(Notifier, pauses=(1000,)))
        assert main([*TRAIN, "--notify", receiver.url]) == 1
        assert told(receiver) == [("run", "Mine", "interrupted")]  # one try
    (run,) = store.list_runs(artifacts / "runs")
    with receiving() as receiver:
        resume = ["train", "--resume", run.run_id, "--notify", receiver.url]
        assert main(resume) == 0
        assert told(receiver) == [("run", "Mine", "finished")]
        assert main(resume) == 1  # it is finished
        assert len(receiver.documents) == 1


def test_seeds_are_told_once(receiver: Receiver) -> None:
    assert main([*TRAIN, "--seeds", "1", "2", "--notify", receiver.url]) == 0
    assert told(receiver) == [("seeds", "Mine", "finished")]
    assert "(2 seeds)" in receiver.documents[0]["text"]


@pytest.mark.usefixtures("fails")
def test_seeds_of_which_one_fails_are_told_once(receiver: Receiver) -> None:
    assert main([*TRAIN, "--seeds", "1", "2", "--notify", receiver.url]) == 1
    assert told(receiver) == [("seeds", "Mine", "failed")]
    assert receiver.documents[0]["text"].endswith("0 of 2 seeds finished.")


def test_a_sweep_is_told_once(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_worker, "LOOK_SECONDS", 0.01)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    fake = partial(training_worker.Trainer, start=Fake)  # type: ignore[arg-type]
    monkeypatch.setattr(training_worker, "Trainer", fake)
    words = ["sweep", "--dataset", "synthetic-garments", "--epochs", "2", "--name", "Rates"]
    words += ["--try", "learning_rate=0.0001..0.1:log", "--runs", "3", "--workers", "2"]
    assert main([*words, "--notify", receiver.url]) == 0
    assert told(receiver) == [("sweep", "Rates", "finished")]
    assert receiver.documents[0]["text"].startswith("Finished: Rates. 3 runs: 3 finished. Best")
