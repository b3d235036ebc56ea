"""The models that the API answers with, opened when they are first asked for."""

import asyncio
import logging
import os
import subprocess
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from fmnist import paths
from fmnist.checksums import file_digest
from fmnist.errors import ToldError, sentence
from fmnist.evaluation.predictions import stored_evaluation
from fmnist.export import kept
from fmnist.export.process import ExportProcess, ExportTask
from fmnist.reports.model_card import model_card
from fmnist.runs import store
from fmnist.runs.run import Run, RunError
from fmnist.runs.temperature import temperature_path
from fmnist.serve.documents import Accuracy
from fmnist.serve.engine import Engine
from fmnist.sketchpad.recognition import OOD_MODEL
from fmnist.text import quoted

_MOST_OPEN: Final = 4
_PATIENCE: Final = 20.0  # seconds that a request waits for its model; less than it may take in all
_LOOK_SECONDS: Final = 0.2
_RETRY_SECONDS: Final = 30.0
_log = logging.getLogger(__name__)

Progress = Callable[[str, float], None]
"""Called with what is being done, and the share that is done."""


class UnknownModelError(ToldError):
    """There is no such model here."""


class UnusableModelError(ToldError):
    """A model cannot be opened; the message says why."""


class NotReadyError(ToldError):
    """A model is being opened; the message says to come back later."""


@dataclass(frozen=True, eq=False)
class Served:
    """A model that is open.

    Attributes
    ----------
    run : Run
    files : tuple of str
        Weights and temperature of the run, and in `stamp` when they were written.
    stamp : tuple of int
    engine : Engine
    accuracy : Accuracy or None
        On test images, where they were evaluated.
    card : str or None
        Its model card, Markdown.
    """

    run: Run
    files: tuple[str, ...]
    stamp: tuple[int, ...]
    engine: Engine
    accuracy: Accuracy | None
    card: str | None

    @property
    def is_current(self) -> bool:
        """Whether the run still has the weights and the temperature that were opened."""
        return self.stamp == _stamp(self.files)


def _stamp(files: Sequence[str]) -> tuple[int, ...]:
    times = []
    for file in files:  # for each request: a `Path` would take ten times as long
        try:
            times.append(os.stat(file).st_mtime_ns)  # noqa: PTH116
        except OSError:
            times.append(0)
    return tuple(times)


class _Opening:
    """A model that is open, or is being opened."""

    def __init__(self) -> None:
        self.future: Future[Served] = Future()
        self.progress = ("Waiting", 0.0)
        self._failed = 0.0

    def report(self, text: str, share: float) -> None:
        self.progress = (text, share)

    def fail(self, error: BaseException) -> None:
        self._failed = time.monotonic()
        self.future.set_exception(error)

    @property
    def is_stale(self) -> bool:
        """Whether it is to be opened again: the run has changed, or it failed a while ago."""
        if not self.future.done():
            return False
        if self.future.exception():
            return time.monotonic() - self._failed > _RETRY_SECONDS
        return not self.future.result().is_current


class Models:
    """Models by the id of their run.

    Parameters
    ----------
    names : callable
        Gives the ids that may be asked for.
    default : str
        Which one answers where none is named.
    most_open : int
        How many stay open; the least recently used one is closed.
    on_batch : callable, optional
        Called with the number of images of each batch.
    """

    def __init__(
        self,
        names: Callable[[], Sequence[str]],
        *,
        default: str,
        most_open: int = _MOST_OPEN,
        on_batch: Callable[[int], None] | None = None,
    ) -> None:
        self.names = names
        self.default = default
        self.has_detector = OOD_MODEL in store.run_ids(paths.pretrained_folder())
        self._most_open = most_open
        self._asked: set[str] = set()  # that there are; listing all takes a while
        self._on_batch = on_batch
        self._known: OrderedDict[str, _Opening] = OrderedDict()
        self._exports = ExportProcess()
        self._thread = ThreadPoolExecutor(1, "opening")

    async def get(self, name: str | None = None) -> Served:
        """A model; the first request for it opens it, and so does the first after a change.

        Raises
        ------
        UnknownModelError
        UnusableModelError
        NotReadyError
            If it is not open within some seconds; it goes on being opened.
        """
        if name is not None and name not in self._asked:
            if name not in self.names():
                raise UnknownModelError(
                    f"There is no model {quoted(name)} here; /model lists them."
                )
            self._asked.add(name)
        return await self._get(name or self.default)

    async def detector(self) -> Served | None:
        """The model that tells garments from other things; None where it cannot be had.

        Raises
        ------
        NotReadyError
            As for `get`.
        """
        if not self.has_detector:
            return None
        try:
            return await self._get(OOD_MODEL)
        except UnusableModelError:
            _log.warning("In-distribution scores are missing", exc_info=True)
            return None

    def open_detector_now(self, progress: Progress | None = None) -> None:
        """Open the detector before the first request, or none ever.

        Raises
        ------
        ToldError, OSError
            As `open_now`; drawings are then answered without in-distribution scores.
        """
        try:
            self.open_now(OOD_MODEL, progress)
        except BaseException:
            self.has_detector = False
            raise

    def open_now(self, name: str, progress: Progress | None = None) -> Served:
        """Open a model before the first request.

        Raises
        ------
        ToldError, OSError
            If there is no such run, it cannot be exported, or a file cannot be read or written.
        """
        opening = self._known[name] = _Opening()
        served = self._open(name, progress or opening.report)
        opening.future.set_result(served)
        return served

    def close(self) -> None:
        """End the export under way, and the threads once they have done what they do now."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._exports.cancel()
        self._thread.shutdown()
        for opening in self._known.values():
            if opening.future.done() and not opening.future.exception():
                opening.future.result().engine.close()

    async def _get(self, name: str) -> Served:
        opening = self._known.get(name)
        if opening is None or opening.is_stale:
            opening = self._begin(name)
        self._known.move_to_end(name)
        future = opening.future
        if not future.done():
            waiting = asyncio.wrap_future(future)
            waiting.add_done_callback(lambda done: done.exception())  # which is told below
            await asyncio.wait([waiting], timeout=_PATIENCE)
        if not future.done():
            text, share = opening.progress
            raise NotReadyError(f"{name} is not ready ({text}, {share:.0%}); try again soon.")
        try:
            return future.result()
        except (ToldError, OSError) as error:
            raise UnusableModelError(sentence(error)) from error

    def _begin(self, name: str) -> _Opening:
        opening = self._known[name] = _Opening()
        while len(self._known) > self._most_open:
            self._known.popitem(last=False)  # its thread ends once no request holds it

        def work() -> None:
            try:
                made = self._open(name, opening.report)
            except BaseException as error:  # noqa: BLE001 - whoever waits is told, or it is logged
                opening.fail(error)
            else:
                opening.future.set_result(made)

        self._thread.submit(work)
        return opening

    def _open(self, name: str, progress: Progress) -> Served:
        run = store.find_run(name)
        files = (str(run.weights_path), str(temperature_path(run)))
        stamp = _stamp(files)
        engine = Engine(self._file(run, progress), on_batch=self._on_batch)
        accuracy = card = None
        with suppress(RunError):  # it answers without these, too
            assert run.config is not None  # what is exported has settings
            value = stored_evaluation(run, "test").accuracy
            accuracy = Accuracy(split="test", protocol=run.config.protocol, value=value)
            card = model_card(run, companion=None)
        return Served(run, files, stamp, engine, accuracy, card)

    def _file(self, run: Run, progress: Progress) -> bytes:
        """The ONNX file of a run; it is made and checked by another process if none is kept."""
        if problem := kept.why_not(run):
            raise RunError(problem)
        found = kept.find(run, "onnx", weights=file_digest(run.weights_path))
        if found is None:
            self._exports.start(ExportTask(run.folder, "onnx"))
            while (state := self._exports.poll()).running:
                progress(state.text, state.done)
                with suppress(subprocess.TimeoutExpired):
                    self._exports.wait(_LOOK_SECONDS)
            found = kept.find(run, "onnx", weights=file_digest(run.weights_path))
            if found is None:
                raise RunError(state.error or f"The export of {run.name} was ended; try again.")
        return found.read()
