"""Initial weights from a given generator."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class DrawFrom(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A `with` block in which this thread's random operations draw from a given generator.

    Layers draw their initial weights from the process's global generator and accept no other.
    Other threads may use that generator at the same time. A dispatch mode belongs to one thread,
    and the global generator is neither read nor changed.

    Parameters
    ----------
    generator : torch.Generator
        On the device of the weights.
    """

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.generator = generator

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = dict(kwargs or {})
        if any(argument.name == "generator" for argument in func._schema.arguments):
            named["generator"] = self.generator
        elif torch.Tag.nondeterministic_seeded in func.tags:
            raise NotImplementedError(f"{func} cannot draw from a generator; fill in place instead")
        return func(*args, **named)
