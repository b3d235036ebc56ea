"""`python -m fmnist`: train, evaluate and manage runs in a terminal."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Final

from fmnist import paths
from fmnist.cli import (
    corrections,
    evaluate,
    export,
    fine_tune,
    images,
    report,
    runs,
    serve,
    sweep,
    train,
)
from fmnist.errors import ToldError, sentence
from fmnist.runs import making
from fmnist.text import one_line

__all__ = ["main", "make_parser"]

_LONGEST_MESSAGE: Final = 1000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns
    -------
    int
        Exit status: 0 for success, 1 for a failure (with one sentence on the error stream), 2 for
        wrong arguments, 130 after Ctrl-C.
    """
    options = make_parser().parse_args(arguments)
    try:
        is_one_of_several = "RANK" in os.environ and os.environ.get("WORLD_SIZE", "1") != "1"
        if is_one_of_several and options.command.__module__ != train.__name__:
            raise ToldError("torchrun is for train alone; start this command without it.")
        paths.check()
        for root in (paths.runs_folder(), paths.sweeps_folder(), paths.pretrained_folder()):
            making.sweep(root)
        return int(options.command(options))
    except (ToldError, OSError) as error:
        print(one_line(sentence(error), _LONGEST_MESSAGE), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line, with all commands."""
    parser = argparse.ArgumentParser(
        prog="python -m fmnist",
        description="Train, evaluate and manage image classifiers on Fashion-MNIST.",
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    modules = (
        train, sweep, fine_tune, corrections, runs, images, evaluate, export, report, serve,
    )  # fmt: skip
    for module in modules:
        module.add_commands(commands)
    return parser
