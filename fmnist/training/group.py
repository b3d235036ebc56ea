"""The processes that train one run together, which torchrun starts; usually one trains alone.

Every process has the whole state of the training and draws the random numbers of the whole batch.
It computes gradients for its share of the images; the mean over all shares is then the gradient of
the batch. So the number of processes does not decide what is learned, but for rounding.

The process of rank 0 has the run's folder, and tells the others what to do: they read and write
none of it.
"""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from fmnist.models.layers import Share
from fmnist.training.errors import TrainingError, failure_message

Word = Literal["continue", "pause", "stop", "prune"]
"""What rank 0 tells the others; after all but "continue", no step follows."""

_WORDS: Final[tuple[Word, ...]] = ("continue", "pause", "stop", "prune")
_TIMEOUT: Final = timedelta(hours=1)
"""How long a process waits for another, which may be measuring a run. A process that has died is
noticed at once, by its closed connections."""
_PAUSE: Final = 0.05


@dataclass(frozen=True)
class Group:
    """The processes that train one run, as one of them sees them.

    Attributes
    ----------
    rank : int
        Number of this process, from 0.
    size : int
        Number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_alone(self) -> bool:
        """Whether this process trains the run alone."""
        return self.size == 1

    def share(self) -> Share | None:
        """What this process has of each batch; None for all of it."""
        return None if self.is_alone else Share(self.rank, self.size)

    def agree(self, word: Word) -> Word:
        """The word of rank 0, for all processes; each must call this as often as the others."""
        if self.is_alone:
            return word
        number = torch.tensor(_WORDS.index(word))
        dist.broadcast(number, 0)
        return _WORDS[int(number)]

    def hear(self) -> Word:
        """What rank 0 says; of another process."""
        return self.agree("continue")

    def add_up(self, values: Tensor) -> Tensor:
        """The sums of all processes' `values`, which are replaced by them."""
        if not self.is_alone:
            dist.all_reduce(values)
        return values

    def send(self, content: bytes) -> None:
        """Give bytes to the other processes, which `receive` them; of rank 0."""
        if not self.is_alone:
            dist.broadcast(torch.tensor(len(content)), 0)
            dist.broadcast(torch.frombuffer(bytearray(content), dtype=torch.uint8), 0)

    def receive(self) -> bytes:
        """What rank 0 sends."""
        size = torch.tensor(0)
        dist.broadcast(size, 0)
        content = torch.empty(int(size), dtype=torch.uint8)
        dist.broadcast(content, 0)
        return content.numpy().tobytes()

    def parallel(self, model: nn.Module) -> nn.Module:
        """The model, its gradients averaged over all processes after each backward pass.

        Its parameters are those of `model`, which rank 0's are copied to.
        """
        if self.is_alone:
            return model
        # running statistics are alike already: each process computes them for the whole batch
        return DistributedDataParallel(model, forward_sync_buffers=False)


ALONE: Final = Group()


def is_launched() -> bool:
    """Whether torchrun started this process."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def default_device() -> str:
    """The GPU of this process where there are GPUs, else the processor.

    Raises
    ------
    TrainingError
        If the machine has fewer GPUs than torchrun has started processes on it.
    """
    if not torch.cuda.is_available():
        return "cpu"
    local, count = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if local >= count:
        raise TrainingError(
            f"This machine has {count} GPU{'s' * (count > 1)}; give torchrun --nproc-per-node "
            f"{count}, or hide the GPUs with CUDA_VISIBLE_DEVICES= to train on the processor."
        )
    return f"cuda:{local}"


def choose_device(name: str | None = None) -> torch.device:
    """A device by name, or the default one, set up so that a run can be repeated on it."""
    device = torch.device(name or default_device())
    if device.type == "cuda":  # the same kernels every time
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
    return device


def _meet(store: Store, rank: int, size: int) -> str:
    """A word that the processes of this start alone know, for the names of what they store.

    torchrun keeps its store over restarts: without such a word, a process might find the address of
    one that has died.
    """
    own = secrets.token_hex(8)
    if rank:
        store.set(f"fmnist/hello/{rank}", own)
        word: str = store.get(f"fmnist/answer/{own}").decode()  # waits for it
        store.set(f"fmnist/here/{word}/{rank}", "")
        return word
    missing = set(range(1, size))
    while missing:
        for other in sorted(missing):
            if store.check([f"fmnist/here/{own}/{other}"]):
                missing.remove(other)
            elif store.check([f"fmnist/hello/{other}"]):  # perhaps of one that has died
                store.set(f"fmnist/answer/{store.get(f'fmnist/hello/{other}').decode()}", own)
        time.sleep(_PAUSE)
    return own


@contextmanager
def joined() -> Iterator[Group]:
    """Join the processes that torchrun started; alone where it started none.

    The block ends when all processes have come to its end. After an error it does not wait: the
    process is expected to exit, so that torchrun ends the others.
    """
    if not is_launched():
        yield ALONE
        return
    device = torch.device(default_device())
    backend = "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device)
        backend = "cpu:gloo,cuda:nccl"  # words go over the processors: asking a GPU would wait
    try:
        store, rank, size = next(rendezvous("env://", timeout=_TIMEOUT))
        store = PrefixStore(_meet(store, rank, size), store)
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=_TIMEOUT)
    except RuntimeError as error:
        raise TrainingError(failure_message(error)) from error
    yield Group(rank, size)
    # A model that is trained together keeps the group, and with it gloo's threads, beyond its
    # destruction (PyTorch 2.15). One that still has a tensor of Python's while Python ends, such as
    # the last one of an all-reduce, aborts the process: "terminate called without an active
    # exception" (github.com/pytorch/pytorch/issues/190489). A barrier has none, and ends only when
    # the work before it has.
    dist.barrier()
    dist.destroy_process_group()
