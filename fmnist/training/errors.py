"""How a training fails."""

import errno

from fmnist.errors import ToldError, sentence


class TrainingError(ToldError):
    """A run that failed; the message is one sentence that says why and what to do."""


def failure_message(error: Exception) -> str:
    """One sentence for the person at the screen."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full; free some space, then resume the run."
    if isinstance(error, ToldError | OSError):
        return sentence(error)
    import torch  # here, since the server tells of failures without it

    if "gloo" in str(error) or "NCCL" in str(error):
        return (
            "Another process of this training ended unexpectedly; what it printed may say why. "
            "Resume the run from its last checkpoint."
        )
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error):
        return "There is not enough memory; choose a smaller batch size."
    if "Expected more than 1 value per channel" in str(error):
        return (
            "A batch has a single image, too few for the batch normalization of this model; choose "
            "another batch size, or another number of training images."
        )
    return f"{type(error).__name__}: {first_line(error)}"


def first_line(error: Exception) -> str:
    """First line of an error's message; torch adds advice for programmers below it."""
    return next(iter(str(error).strip().splitlines()), "").strip()
