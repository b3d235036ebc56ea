"""`--notify`: a webhook that is told when a command's training ends."""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from typing import Final

from fmnist.notices.notice import Notice
from fmnist.notices.webhook import VARIABLE, Notifier, Webhook

_LONGEST_SECONDS: Final = 60.0
_LONGEST_SECONDS_AFTER_CTRL_C: Final = 5.0


def add_option(parser: argparse.ArgumentParser) -> None:
    """Register the option."""
    parser.add_argument(
        "--notify",
        metavar="URL",
        help=f"POST a small JSON document there at the end (default: the address in {VARIABLE}, "
        "which other users of the computer do not see); see docs/machines.md",
    )


def given(options: argparse.Namespace) -> Webhook | None:
    """The webhook that the option names, else the environment variable.

    Raises
    ------
    WebhookError
        If the address cannot be used.
    """
    if options.notify is not None:
        return Webhook.parse(options.notify)
    return Webhook.of_environment()


def tell(
    webhook: Webhook | None, read: Callable[[], Notice | None], *, in_a_hurry: bool = False
) -> None:
    """Tell a webhook, if there is one; a failure is printed and changes nothing else.

    Parameters
    ----------
    webhook : Webhook or None
    read : callable
        Returns what there is to tell.
    in_a_hurry : bool
        Whether somebody waits for the command to end: one try, a few seconds.
    """
    if webhook is None:
        return
    notifier = Notifier(partial(print, file=sys.stderr))
    notifier.tell(read, lambda _notice: [webhook])
    seconds = _LONGEST_SECONDS_AFTER_CTRL_C if in_a_hurry else _LONGEST_SECONDS
    is_told = notifier.close(seconds) if in_a_hurry else notifier.wait(seconds)
    if not is_told:
        print(
            f"The webhook at {webhook.host} has not answered in {seconds:.0f} seconds.",
            file=sys.stderr,
        )
