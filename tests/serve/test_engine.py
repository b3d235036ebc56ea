"""Requests that wait together are computed together, and each gets its own answer."""

import asyncio
import itertools
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from fmnist.checksums import file_digest
from fmnist.data.splits import Dataset
from fmnist.export import kept
from fmnist.models.classifier import Classifier
from fmnist.runs.run import Run
from fmnist.serve import limits
from fmnist.serve.engine import Engine, Outputs
from tests.serve import loops


@pytest.fixture
def batches() -> list[int]:
    return []


@pytest.fixture
def engine(run: Run, batches: list[int]) -> Iterator[Engine]:
    found = kept.find(run, "onnx", weights=file_digest(run.weights_path))
    assert found is not None
    made = Engine(found.read(), on_batch=batches.append)
    yield made
    made.close()


def test_what_comes_meanwhile_is_one_batch(
    engine: Engine, batches: list[int], small: Dataset, classifier: Classifier
) -> None:
    sizes = [1, 3, 2, 1, 5, 1, 1, 4]
    starts = np.cumsum([0, *sizes])
    parts = [small.test_images[i:j] for i, j in itertools.pairwise(starts)]

    async def ask_all() -> list[Outputs]:
        return await asyncio.gather(*map(engine, parts))

    for outputs, part in zip(loops.run(ask_all()), parts, strict=True):
        assert outputs.probabilities == pytest.approx(classifier.predict_proba(part), abs=1e-5)
        assert outputs.scores is None
    assert sum(batches) == sum(sizes)
    assert len(batches) == 1  # all of them asked before the thread began


def test_a_batch_has_a_limit(engine: Engine, batches: list[int], small: Dataset) -> None:
    async def ask(count: int, size: int) -> None:
        await asyncio.gather(*(engine(small.test_images[:size]) for _ in range(count)))

    loops.run(ask(10, 30))
    assert batches == [60] * 5
    batches.clear()
    loops.run(ask(1, 2 * limits.MAX_BATCH + 3))
    assert batches == [limits.MAX_BATCH, limits.MAX_BATCH, 3]


def test_what_was_given_up_is_not_computed(
    engine: Engine, batches: list[int], small: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_go_on = threading.Event(), threading.Event()
    compute = engine._compute

    def slowly(images: np.ndarray) -> Outputs:
        begun.set()
        assert may_go_on.wait(60)
        return compute(images)

    monkeypatch.setattr(engine, "_compute", slowly)

    async def give_up() -> Outputs:
        first = asyncio.create_task(engine(small.test_images[:1]))
        await asyncio.to_thread(begun.wait, 60)
        second = asyncio.create_task(engine(small.test_images[:7]))
        third = asyncio.create_task(engine(small.test_images[:2]))
        await asyncio.sleep(0)
        first.cancel()
        second.cancel()
        may_go_on.set()
        return await third

    assert len(loops.run(give_up()).probabilities) == 2
    assert batches == [1, 2]


def test_an_error_fails_its_batch_alone(
    engine: Engine, small: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_images: np.ndarray) -> Outputs:
        raise RuntimeError("no memory")

    async def ask_twice() -> list[Outputs | BaseException]:
        asked = (engine(small.test_images[:1]) for _ in range(2))
        return await asyncio.gather(*asked, return_exceptions=True)

    with monkeypatch.context() as patch:
        patch.setattr(engine, "_compute", fail)
        assert [*map(str, loops.run(ask_twice()))] == ["no memory"] * 2
    assert all(isinstance(one, Outputs) for one in loops.run(ask_twice()))
