"""Long work in a process of its own, with progress and an end at any time.

The process is a module that calls `work`. It prints a line of JSON now and then: what is being
done, and how much of it is done; at last, if it fails, the reason.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TextIO, TypeVar

from fmnist import paths
from fmnist.errors import ToldError, sentence

NICENESS: Final = 10
"""Above 0: what trains or answers a click goes first."""

_OUTPUT: Final = "progress"
_REPORT_SECONDS: Final = 0.2
_Task = TypeVar("_Task")


@dataclass(frozen=True)
class JobState(Generic[_Task]):
    """Progress of a job.

    Attributes
    ----------
    task : object or None
        What runs, or ended last; None before the first, and after a cancelled one.
    running : bool
    done : float
        Share that is done, in [0, 1].
    text : str
        What is being done.
    error : str or None
        Why it failed, in a sentence.
    """

    task: _Task | None = None
    running: bool = False
    done: float = 0.0
    text: str = "Starting"
    error: str | None = None

    @property
    def finished(self) -> bool:
        """Whether the last one ended well."""
        return self.task is not None and not self.running and self.error is None


class Job(Generic[_Task]):
    """At most one process at a time; every method may be called from any thread.

    Parameters
    ----------
    module : str
        What Python runs; it calls `work`.
    arguments : callable
        From a task to the arguments of the module.
    """

    def __init__(self, module: str, arguments: Callable[[_Task], Sequence[str]]) -> None:
        self._module, self._arguments = module, arguments
        self._guard = threading.Lock()  # guards everything below
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._task: _Task | None = None
        self._ended: JobState[_Task] = JobState()

    def start(self, task: _Task) -> None:
        """Start a task, unless one is running.

        Raises
        ------
        OSError
            If no process can be started.
        """
        with self._guard:
            if self._process is not None and self._process.poll() is None:
                return
            self._end(JobState())
            self._folder = tempfile.TemporaryDirectory()
            # a file, not a pipe: nobody reads while it runs, and a full pipe would block it
            with Path(self._folder.name, _OUTPUT).open("wb") as output:
                # not by multiprocessing: that runs the main module again, the app's script
                self._process = subprocess.Popen(
                    [sys.executable, "-m", self._module, *self._arguments(task)],
                    # an ended task leaves no temporary file behind
                    env=paths.child_environment() | {"TMPDIR": self._folder.name},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,  # so that Ctrl-C ends the parent, which ends this
                )
            self._task = task

    def poll(self) -> JobState[_Task]:
        """Return the progress now."""
        with self._guard:
            if self._process is None:
                return self._ended
            status = self._process.poll()
            said = self._last_line()
            if status is None:
                done, text = float(str(said.get("done", 0))), str(said.get("text", "Starting"))
                return JobState(self._task, True, done, text)
            error = None
            if status != 0:
                error = str(said.get("error") or _ended_unexpectedly(status))
            self._end(JobState(self._task, done=1.0, error=error))
            return self._ended

    def cancel(self) -> None:
        """End the task; what was kept stays."""
        with self._guard:
            if self._process is not None and self._process.poll() is None:
                self._process.terminate()
                self._process.wait()
            self._end(JobState())

    def wait(self, timeout: float) -> JobState[_Task]:
        """Wait until it ends, at most so many seconds."""
        process = self._process
        if process is not None:
            process.wait(timeout)
        return self.poll()

    def _end(self, state: JobState[_Task]) -> None:
        if self._folder is not None:
            self._folder.cleanup()
        self._process, self._folder, self._ended = None, None, state

    def _last_line(self) -> dict[str, object]:
        """The last complete line that the process printed."""
        if self._folder is None:
            return {}
        for line in reversed(Path(self._folder.name, _OUTPUT).read_bytes().split(b"\n")[:-1]):
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict):
                return found
        return {}


def _ended_unexpectedly(status: int) -> str:
    how = f"signal {-status}" if status < 0 else f"status {status}"
    return f"Its process ended unexpectedly ({how}); if the memory was full, close other programs."


@dataclass(frozen=True)
class Reporter:
    """Prints progress, not more often than a person can read it.

    Attributes
    ----------
    stream : text stream
    start, end : float
        What share of the whole its parts are from and to.
    """

    stream: TextIO
    start: float = 0.0
    end: float = 1.0

    def part(self, start: float, end: float) -> "Reporter":
        """A reporter of a part, given as shares of this one."""
        width = self.end - self.start
        return Reporter(self.stream, self.start + width * start, self.start + width * end)

    def __call__(self, text: str, share: float = 0.0) -> Callable[[float], None]:
        """Print what is being done, and the share of this part that is done.

        Returns
        -------
        callable
            To call with the share that is done later.
        """
        said = [0.0]

        def report(share: float) -> None:
            now = time.monotonic()
            if now - said[0] >= _REPORT_SECONDS or share >= 1:
                said[0] = now
                done = self.start + (self.end - self.start) * share
                line = json.dumps({"done": round(done, 4), "text": text})
                self.stream.write(f"{line}\n")
                self.stream.flush()

        report(share)
        return report


def work(task: Callable[[Reporter], None]) -> int:
    """Do a task in the process of a `Job`, below the priority of a training.

    Parameters
    ----------
    task : callable
        Called with what reports its progress.

    Returns
    -------
    int
        Exit status: 0 for success, 1 after an error of a file, a disk or one that people are told.
    """
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    stream = sys.stdout
    sys.stdout = sys.stderr  # what libraries print is not for the page
    try:
        task(Reporter(stream))
    except (OSError, ToldError, ValueError) as error:
        stream.write(json.dumps({"error": sentence(error)}) + "\n")
        stream.flush()
        return 1
    return 0
