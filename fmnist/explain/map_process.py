"""The computation of maps in another process, with progress and an end at any time."""

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from fmnist import paths
from fmnist.data.splits import SplitName
from fmnist.explain.embeddings import Method

_OUTPUT: Final = "progress"


@dataclass(frozen=True)
class MapTask:
    """What is computed.

    Attributes
    ----------
    method : {"pca", "pacmap", "tsne", "umap", "epochs"}
    split : {"train", "validation", "test"}
    runs : sequence of Path
        Folders of runs, one after the other.
    epoch : int or None
        None for the saved weights.
    """

    method: Method | Literal["epochs"]
    split: SplitName
    runs: tuple[Path, ...]
    epoch: int | None = None

    def arguments(self) -> Sequence[str]:
        """As `fmnist.explain.map_job` takes them."""
        epoch = [] if self.epoch is None else [f"--epoch={self.epoch}"]
        return [*epoch, self.method, self.split, *map(str, self.runs)]


@dataclass(frozen=True)
class MapState:
    """Progress of a computation.

    Attributes
    ----------
    task : MapTask or None
        What runs, or ended last.
    running : bool
    done : float
        Share that is done, in [0, 1].
    text : str
        What is being done.
    error : str or None
        Why it failed, in a sentence.
    """

    task: MapTask | None = None
    running: bool = False
    done: float = 0.0
    text: str = "Starting"
    error: str | None = None


class MapProcess:
    """At most one computation at a time; every method may be called from any thread."""

    def __init__(self) -> None:
        self._guard = threading.Lock()  # guards everything below
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._task: MapTask | None = None
        self._ended = MapState()

    def start(self, task: MapTask) -> None:
        """Start computing, unless something is being computed."""
        with self._guard:
            if self._process is not None and self._process.poll() is None:
                return
            self._end(MapState())
            self._folder = tempfile.TemporaryDirectory()
            # a file, not a pipe: nobody reads while it runs, and a full pipe would block it
            with Path(self._folder.name, _OUTPUT).open("wb") as output:
                # not by multiprocessing: that runs the main module again, the app's script
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "fmnist.explain.map_job", *task.arguments()],
                    cwd=paths.PROJECT,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,  # so that Ctrl-C ends the parent, which ends this
                )
            self._task = task

    def poll(self) -> MapState:
        """Return the progress now."""
        with self._guard:
            if self._process is None:
                return self._ended
            status = self._process.poll()
            said = self._last_line()
            if status is None:
                done, text = float(str(said.get("done", 0))), str(said.get("text", "Starting"))
                return MapState(self._task, True, done, text)
            error = None
            if status != 0:
                error = str(said.get("error") or f"The computation ended with status {status}.")
            self._end(MapState(self._task, done=1.0, error=error))
            return self._ended

    def cancel(self) -> None:
        """End the computation; what was kept stays."""
        with self._guard:
            if self._process is not None and self._process.poll() is None:
                self._process.terminate()
                self._process.wait()
            self._end(MapState())

    def wait(self, timeout: float) -> MapState:
        """Wait until it ends, at most so many seconds."""
        process = self._process
        if process is not None:
            process.wait(timeout)
        return self.poll()

    def _end(self, state: MapState) -> None:
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
