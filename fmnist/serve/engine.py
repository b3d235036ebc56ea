"""Runs an ONNX file for many requests at once."""

import asyncio
import json
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from fmnist.export.names import IN_DISTRIBUTION, INPUT
from fmnist.serve import limits

_THREADS: Final = max(1, min(4, (os.cpu_count() or 1) - 1))  # one core is left to the requests


class Outputs(NamedTuple):
    """What a model says about images.

    Attributes
    ----------
    probabilities : float32 (N, C)
    scores : float32 (N,) or None
        In-distribution scores, where the network knows other things than garments.
    """

    probabilities: NDArray[np.float32]
    scores: NDArray[np.float32] | None


class _Waiting(NamedTuple):
    images: NDArray[np.uint8]
    answer: "asyncio.Future[Outputs]"


class Engine:
    """An ONNX file, and the images that wait for it.

    A thread computes. What comes while it is busy is its next batch (dynamic batching): a lone
    request never waits for others, and many of them share the cost of a call.

    Parameters
    ----------
    file : bytes
        As `fmnist.export` writes it.
    on_batch : callable, optional
        Called with the number of images of each batch.
    """

    def __init__(self, file: bytes, *, on_batch: Callable[[int], None] | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = _THREADS
        options.inter_op_num_threads = 1
        # threads that spin while they wait take the core from those that read requests
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            file, options, providers=["CPUExecutionProvider"]
        )
        # exports of this project only: the metadata are there
        told = self._session.get_modelmeta().custom_metadata_map["classes"]
        self.class_names: tuple[str, ...] = tuple(json.loads(told))
        self.has_ood_class = IN_DISTRIBUTION in [one.name for one in self._session.get_outputs()]
        self._on_batch = on_batch
        self._thread = ThreadPoolExecutor(1, "inference")
        self._waiting: deque[_Waiting] = deque()
        self._pump: asyncio.Task[None] | None = None

    async def __call__(self, images: NDArray[np.uint8]) -> Outputs:
        """Outputs for uint8 (N, 28, 28), N at least 1; for the tasks of one event loop."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(images, loop.create_future())
        self._waiting.append(waiting)
        if self._pump is None:
            self._pump = loop.create_task(self._compute_all())
        return await waiting.answer

    def close(self) -> None:
        """Wait for the batch under way, and end the thread."""
        self._thread.shutdown()

    async def _compute_all(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while batch := self._next_batch():
                parts = [waiting.images for waiting in batch]
                images = parts[0] if len(parts) == 1 else np.concatenate(parts)
                try:
                    outputs = await loop.run_in_executor(self._thread, self._compute, images)
                except Exception as error:  # noqa: BLE001 - each request of the batch fails with it
                    for waiting in batch:
                        if not waiting.answer.done():
                            waiting.answer.set_exception(error)
                    continue
                _distribute(outputs, batch)
        finally:
            self._pump = None

    def _next_batch(self) -> list[_Waiting]:
        """What waits, from the first on, up to the size of a batch; what was given up is out."""
        batch: list[_Waiting] = []
        count = 0
        while self._waiting:
            size = len(self._waiting[0].images)
            if batch and count + size > limits.MAX_BATCH:
                break
            waiting = self._waiting.popleft()
            if not waiting.answer.done():
                batch.append(waiting)
                count += size
        return batch

    def _compute(self, images: NDArray[np.uint8]) -> Outputs:
        parts = []
        for start in range(0, len(images), limits.MAX_BATCH):
            batch = images[start : start + limits.MAX_BATCH]
            parts.append(self._session.run(None, {INPUT: batch}))
            if self._on_batch:
                self._on_batch(len(batch))
        columns = parts[0]
        if len(parts) > 1:
            columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        return Outputs(columns[0], columns[1] if self.has_ood_class else None)


def _distribute(outputs: Outputs, batch: list[_Waiting]) -> None:
    start = 0
    for waiting in batch:
        rows = slice(start, start + len(waiting.images))
        start = rows.stop
        if not waiting.answer.done():  # it may have been given up meanwhile
            scores = None if outputs.scores is None else outputs.scores[rows]
            waiting.answer.set_result(Outputs(outputs.probabilities[rows], scores))
