"""Which webhooks this server tells of which trainings; kept in its memory alone."""

import logging
import os
import threading
from collections.abc import Iterable
from functools import partial
from typing import Final

import streamlit as st

from fmnist.dashboard import ending
from fmnist.notices.notice import UNDER_WAY, Notice, ended_run, ended_sweep
from fmnist.notices.webhook import VARIABLE, Notifier, Webhook, WebhookError
from fmnist.runs.run import Run
from fmnist.sweeps.sweep import Sweep

_log = logging.getLogger(__name__)
_CLOSE_SECONDS: Final = 3.0


class Webhooks:
    """The webhooks of all sessions. Every method may be called from any thread."""

    def __init__(self) -> None:
        self.notifier = Notifier(partial(_log.warning, "%s"))
        self._guard = threading.Lock()  # guards what sessions gave
        self._given: dict[str, set[Webhook]] = {}

    def hand_over(self, key: str, webhook: Webhook) -> None:
        """Tell a webhook when something ends.

        Parameters
        ----------
        key : str
            As `fmnist.notices.notice.key_of` gives it.
        webhook : Webhook
        """
        with self._guard:
            self._given.setdefault(key, set()).add(webhook)

    def withdraw(self, webhook: Webhook, keys: Iterable[str]) -> None:
        """Tell a webhook of these ends no more."""
        with self._guard:
            for key in keys:
                self._given.get(key, set()).discard(webhook)

    def run_ended(self, run: Run, failure: str | None) -> None:
        """Tell of a run that this server has trained, or that was paused. Returns at once."""
        if self._has_some():
            self.notifier.tell(partial(ended_run, run, failure), self._concerned)

    def sweep_ended(self, sweep: Sweep, error: str | None) -> None:
        """Tell of a sweep that a worker of this server has left. Returns at once."""
        if self._has_some():
            self.notifier.tell(partial(ended_sweep, sweep, error), self._concerned)

    def _has_some(self) -> bool:
        with self._guard:
            return any(self._given.values()) or bool(os.environ.get(VARIABLE))

    def _concerned(self, notice: Notice) -> Iterable[Webhook]:
        with self._guard:
            is_over = notice.state not in UNDER_WAY
            given = self._given.pop(notice.key, set()) if is_over else self._given.get(notice.key)
            webhooks = set(given or ())
        try:
            of_server = Webhook.of_environment()
        except WebhookError:
            return webhooks  # the page says so before anything is started
        return webhooks | {of_server} if of_server else webhooks

    def close(self) -> None:
        """Tell what has just ended, before the server does; it waits for a few seconds only."""
        self.notifier.close(_CLOSE_SECONDS)


@st.cache_resource(show_spinner=False)
def webhooks() -> Webhooks:
    """Shared by all sessions."""
    made = Webhooks()
    ending.register(made.close)
    return made
