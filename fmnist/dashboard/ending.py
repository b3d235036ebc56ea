"""What is done once, when the server ends: a training is saved, other processes are ended."""

import atexit
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

_AT_END: Final = ExitStack()
atexit.register(_AT_END.close)


def register(action: Callable[[], object]) -> None:
    """Do something when the server ends."""
    _AT_END.callback(action)


def end() -> None:
    """Do it now, last come first; for a server that a signal ends without Python's own end."""
    _AT_END.close()
