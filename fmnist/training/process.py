"""A training in a process of its own, so that it does not wait for Python's lock behind pages.

Messages are lines. The process is told "continue", "pause", "stop" or "prune". It answers in JSON:
that it begins, then how it has ended or paused. It ends with its server: once nobody holds the
other end of its input, it exits at once, and its run can be resumed from the last checkpoint.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from fmnist import paths
from fmnist.data import fashion_mnist as datasets
from fmnist.data.fashion_mnist import DatasetError
from fmnist.data.splits import Dataset, DatasetName
from fmnist.errors import ToldError
from fmnist.runs import store
from fmnist.runs.run import Run, RunError
from fmnist.training.errors import TrainingError, failure_message

if TYPE_CHECKING:
    from fmnist.training.loop import Outcome, Signal

COMMAND: Final = ("-m", "fmnist.training.process")


Message = Mapping[str, Any]
"""What a training tells: "begun", its "outcome", or the reason of its "failure"."""


class ProcessEndedError(ToldError):
    """The process ended without a word; the run's folder does not say so yet."""


class TrainingProcess:
    """The server's side of a process that trains a run.

    Parameters
    ----------
    run : Run
        The caller holds its lock until after `close`.
    command : sequence of str
        What Python runs; the folder of the runs and the run's id are added.
    """

    def __init__(self, run: Run, *, command: Sequence[str] = COMMAND) -> None:
        self.has_begun = False
        """Whether there may be anything to save."""
        # no multiprocessing: it runs the main module again, which is a page of Streamlit's
        self._process = subprocess.Popen(
            [sys.executable, *command, str(run.folder.parent), run.run_id],
            env=paths.child_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def train(self) -> "Outcome":
        """Wait until the training has ended or paused.

        Raises
        ------
        TrainingError
            If it failed; the run's folder then says so too.
        ProcessEndedError
            If the process was killed, as for want of memory.
        """
        assert self._process.stdout
        for line in self._process.stdout:
            if outcome := outcome_of(json.loads(line)):
                return outcome
            self.has_begun = True
        raise ProcessEndedError(_ended(self._process.wait()))

    def send(self, signal: "Signal") -> None:
        """Tell it what to do after its current step."""
        assert self._process.stdin
        with suppress(OSError):  # it has ended; `train` says how
            self._process.stdin.write(f"{signal}\n")
            self._process.stdin.flush()

    def kill(self) -> None:
        """End it now; a run that has not ended can be resumed from its last checkpoint."""
        self._process.kill()

    def close(self) -> None:
        """End it, and wait until it has."""
        assert self._process.stdin and self._process.stdout
        self.kill()
        self._process.wait()
        with suppress(OSError):
            self._process.stdin.close()
        self._process.stdout.close()


def outcome_of(message: Message) -> "Outcome | None":
    """How a training has ended or paused; None if it has only begun.

    Raises
    ------
    TrainingError
        If it failed.
    """
    if "failure" in message:
        raise TrainingError(message["failure"])
    return message.get("outcome")


def _ended(status: int) -> str:
    how = f"signal {-status}" if status < 0 else f"status {status}"
    return (
        f"The training's process ended unexpectedly ({how}); the server's log may say why. If the "
        "memory was full, choose a smaller batch size. Resume the run from its last checkpoint."
    )


class Signals:
    """What the server wants of a training."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._signal: Signal = "continue"

    def send(self, signal: "Signal") -> None:
        """Change it."""
        with self._changed:
            self._signal = signal
            self._changed.notify_all()

    def now(self) -> "Signal":
        """The newest."""
        return self._signal  # reading an attribute is atomic, so a step needs no lock

    def wait_to_go_on(self) -> None:
        """Wait for the end of a pause."""
        with self._changed:
            self._changed.wait_for(lambda: self._signal != "pause")


def serve(
    root: Path,
    run_id: str,
    load_dataset: Callable[[DatasetName], Dataset],
    signals: Signals,
    tell: Callable[[Message], None],
) -> None:
    """Train a run through any number of pauses, and tell how it goes on.

    Parameters
    ----------
    root : Path
        The folder of its folder.
    run_id : str
    load_dataset : callable
        Returns the data set with a given name.
    signals : Signals
    tell : callable
        Called with each message.
    """
    try:
        run = store.open_run(root, run_id)
        try:
            dataset = load_dataset(run.config.dataset if run.config else "synthetic-garments")
            from fmnist.training.loop import train  # only now: the first to import torch

            tell({"begun": True})
            while True:
                outcome = train(store.open_run(root, run_id), dataset, control=signals.now)
                tell({"outcome": outcome})
                if outcome != "paused":
                    return
                signals.wait_to_go_on()
        except (DatasetError, RunError, OSError) as error:
            reason = failure_message(error)
            run.write_failure(reason, run.progress)
            raise TrainingError(reason) from error
    except ToldError as error:
        tell({"failure": str(error)})


def _listen(signals: Signals) -> None:
    # not through sys.stdin, whose lock this thread would hold when the process ends
    with os.fdopen(os.dup(0), "rb", buffering=0) as stream:
        while line := stream.readline():
            signals.send(cast("Signal", line.decode().strip()))
    # The server is gone, and its lock on the run with it: another may take the run over. What is
    # half-written is as after any kill.
    os._exit(1)


def main(load_dataset: Callable[[DatasetName], Dataset] = datasets.load_named) -> None:
    """The process: train the run that the last two arguments name."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print belongs in the server's log

    def tell(message: Message) -> None:
        channel.write(f"{json.dumps(message)}\n")
        channel.flush()

    # Ctrl-C and service managers signal the server, too: it then pauses the run, and waits
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    signals = Signals()
    threading.Thread(target=_listen, args=(signals,), name="signals", daemon=True).start()
    serve(Path(sys.argv[-2]), sys.argv[-1], load_dataset, signals, tell)


if __name__ == "__main__":
    main()
