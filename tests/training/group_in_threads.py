"""Processes that train one run together, played by threads of this one: no test waits for torch."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from fmnist.models.layers import Share
from fmnist.training.follower import follow
from fmnist.training.group import Group, Word
from tools.small import small_dataset

_SOON = 60  # seconds that a thread waits for another before the test fails


@dataclass
class _Meeting:
    """Where threads meet: what each brings is there for all, in the order of the ranks."""

    size: int
    brought: dict[int, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._barrier = threading.Barrier(self.size)

    def exchange(self, rank: int, value: Any) -> list[Any]:
        self.brought[rank] = value
        self._barrier.wait(_SOON)
        found = [self.brought[r] for r in range(self.size)]
        self._barrier.wait(_SOON)
        return found

    def abort(self) -> None:
        self._barrier.abort()


@dataclass(frozen=True)
class GroupInThreads(Group):
    """What torch.distributed does between processes, between threads."""

    meeting: _Meeting = field(default_factory=lambda: _Meeting(1))

    def agree(self, word: Word) -> Word:
        found: Word = self.meeting.exchange(self.rank, word)[0]
        return found

    def add_up(self, values: Tensor) -> Tensor:
        total = torch.stack(self.meeting.exchange(self.rank, values.clone())).sum(0)
        return values.copy_(total)

    def send(self, content: bytes) -> None:
        self.meeting.exchange(self.rank, content)

    def receive(self) -> bytes:
        found: bytes = self.meeting.exchange(self.rank, None)[0]
        return found

    def parallel(self, model: nn.Module) -> nn.Module:
        def average(parameter: Tensor) -> None:
            assert parameter.grad is not None
            self.add_up(parameter.grad).div_(self.size)

        for parameter in model.parameters():
            parameter.register_post_accumulate_grad_hook(average)  # type: ignore[no-untyped-call]
        return model


def together(size: int, work: Callable[[Group], Any]) -> Any:
    """What `work` returns to rank 0, while the other ranks follow it."""
    meeting = _Meeting(size)

    def one(rank: int) -> Any:
        group = GroupInThreads(rank, size, meeting)
        try:
            return work(group) if rank == 0 else follow(group, lambda _: small_dataset())
        except BaseException:
            meeting.abort()
            raise

    with ThreadPoolExecutor(size) as pool:
        results = [pool.submit(one, rank) for rank in range(size)]
        own, *_ = [result.result() for result in results]
    return own


def share_work(size: int, work: Callable[[Share, Callable[[Tensor], Tensor]], Any]) -> list[Any]:
    """What `work` returns in each of so many threads that share batches."""
    meeting = _Meeting(size)

    def one(rank: int) -> Any:
        group = GroupInThreads(rank, size, meeting)
        share = group.share()
        assert share is not None
        return work(share, group.add_up)

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(one, range(size)))


__all__ = ["share_work", "together"]
