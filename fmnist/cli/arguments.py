"""Types of arguments."""

import argparse
from pathlib import Path

from fmnist import paths


def path(text: str) -> Path:
    """A path, with `~` for a home folder also where the shell leaves it."""
    try:
        return paths.expand(text)
    except paths.PathError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
