"""Notices of ends on every page: the browser's notifications, webhooks of this session."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import streamlit as st

from fmnist.dashboard import failures, run_catalog, session
from fmnist.dashboard.components import notices as component
from fmnist.dashboard.webhooks import webhooks
from fmnist.notices.notice import (
    UNDER_WAY,
    Notice,
    find,
    key_of,
    key_of_sweep,
    of_sweep,
    trial_notice,
)
from fmnist.notices.webhook import VARIABLE, Webhook, WebhookError, send
from fmnist.runs.run import ACTIVE_STATES
from fmnist.sweeps.space import SweepError
from fmnist.sweeps.sweep import is_worked_on, open_sweep
from fmnist.text import plain

_FIELD: Final = "webhook"
_USED: Final = "webhook-used"
_HANDED: Final = "webhook-handed"
_GIVEN: Final = "webhook-given"
_HERE: Final = ("localhost", "127.0.0.1", "::1")


def choices() -> None:
    """Whether and where this session is told of ends."""
    with st.popover("When it ends", icon=":material/notifications:"):
        component.switch("Notify me in this browser")
        st.caption(
            "For the runs and sweeps that you open while they train. It comes on all pages, as "
            "long as a tab of this app is open."
        )
        _webhook_choice()


def _webhook_choice() -> None:
    try:
        of_server = Webhook.of_environment()
    except WebhookError as error:
        failures.tell(str(error))
        return
    if of_server is not None:
        st.caption(
            f"This server notifies a webhook at {plain(of_server.host)} when any training ends."
        )
    elif _is_for_this_computer():
        # who reaches the app could else have its machine ask any other for them
        st.text_input(
            "Webhook (optional)",
            key=_FIELD,
            type="password",
            autocomplete="off",
            placeholder="https://…",
            persist_state="session",
            on_change=_withdraw_old,
            help="A POST of a small JSON document with name, accuracy and time, which Slack, "
            "Mattermost, Rocket.Chat and Discord show as a message. For the runs and sweeps that "
            "you open while they train. The address stays in the memory of the server.",
        )
        try:
            _offer_trial(_of_session())
        except WebhookError as error:
            failures.tell(str(error), icon=":material/link_off:")
    else:
        st.caption(f"To use a webhook, set {VARIABLE} on the server.")


def _is_for_this_computer() -> bool:
    """Whether nobody else reaches the app, not even by a proxy that asks it under another name."""
    hosts: list[str] = st.get_option("server.allowedHosts")  # none of them: whatever the name
    names = {host.strip().lower().rstrip(".") for host in hosts}
    return st.get_option("server.address") in _HERE and bool(names) and names <= {*_HERE}


def _offer_trial(webhook: Webhook | None) -> None:
    if webhook is None or not st.button(
        "Send a test", key="webhook-test", icon=":material/send:", type="tertiary"
    ):
        return
    with st.spinner("Sending…"):
        send(webhook, trial_notice().to_json())
    st.success(f"The webhook at {plain(webhook.host)} has taken it.", icon=":material/check:")


def _of_session() -> Webhook | None:
    text = st.session_state.get(_FIELD) or ""
    return Webhook.parse(text) if text.strip() else None


def _withdraw_old() -> None:
    """What was started for an address before is told to the new one from now on."""
    old: Webhook | None = st.session_state.pop(_USED, None)
    if old is not None:
        webhooks().withdraw(old, st.session_state.pop(_GIVEN, set()))


def is_waiting() -> bool:
    """Whether there is an end to come that this session is told of."""
    return any(_is_under_way(each) for each in _watched(_opened_keys()).values()) or _is_telling()


def show() -> bool:
    """Notify of what has ended, and hand what goes on over to the session's webhook.

    Returns
    -------
    bool
        As `is_waiting`, of what was looked at here.
    """
    opened = _opened_keys()
    watched = _watched(opened)
    under_way = {key for key, each in watched.items() if _is_under_way(each)}
    component.watch(
        [_entry(key, each, key in opened) for key, each in watched.items()],
        component.asked_keys(),
    )
    with suppress(WebhookError):  # the page says so beside the field
        hand_over(*(under_way & {*opened, *_handed()}))
    # another session's webhook is nobody else's business, not even its host
    may_see = {*_handed(), *_given(), *(opened if _has_servers() else ())}
    for key in dict.fromkeys((*opened, *_handed())):
        if key in may_see:
            _show_problems(key)
    if not _is_telling():
        told = {key for key in _handed() if not webhooks().notifier.problems(key)}
        _handed().difference_update(told - under_way)
    return bool(under_way) or _is_telling()


def _handed() -> set[str]:
    """Keys of what this session has handed over to its webhook, until that is told."""
    found: set[str] = st.session_state.setdefault(_HANDED, set())
    return found


def _given() -> set[str]:
    """Keys that the webhook now used may still be told of: those above, and what has ended."""
    found: set[str] = st.session_state.setdefault(_GIVEN, set())
    return found


def _has_servers() -> bool:
    """Whether the server has a webhook of its own."""
    with suppress(WebhookError):  # it is told of nothing
        return Webhook.of_environment() is not None
    return False


def _is_telling() -> bool:
    return webhooks().notifier.is_busy()


def _is_under_way(notice: Notice | None) -> bool:
    return notice is not None and notice.state in UNDER_WAY


def _watched(opened: Mapping[str, bool]) -> dict[str, Notice | None]:
    """What is opened and goes on, and what browser or webhook still wait for."""
    keys = [key for key, goes_on in opened.items() if goes_on]
    return {key: _look(key) for key in dict.fromkeys((*keys, *component.asked_keys(), *_handed()))}


def _opened_keys() -> dict[str, bool]:
    """Keys of the run and of the sweep that this session has opened, and whether they go on."""
    keys, own = {}, run_catalog.own_runs()
    run = next((run for run in own if run.run_id == session.selection().run), None)
    if run is not None:
        group = run.annotations.group
        kin = [run, *(r for r in own if group is not None and r.annotations.group == group)]
        keys[key_of(run, own)] = any(each.state in ACTIVE_STATES for each in kin)
    sweep_id = session.selection().sweep or st.session_state.get("sweep-picker")
    if sweep_id is not None:
        keys[key_of_sweep(sweep_id)] = _goes_on(sweep_id)
    return keys


def _goes_on(sweep_id: str) -> bool:
    from fmnist.dashboard.sweeps.gathering import workers

    # a worker of this server that has just begun holds no lock yet
    return workers().is_at_work(sweep_id) or is_worked_on(sweep_id)


def _look(key: str) -> Notice | None:
    """What there is to tell of a key, which may come from the browser; None if there is no such."""
    kind, _, name = key.partition(":")
    if kind != "sweep":
        return find(key, run_catalog.own_runs())
    try:
        sweep = open_sweep(name)
    except SweepError:
        return None
    return Notice("sweep", name, sweep.name, "running") if _goes_on(name) else of_sweep(sweep)


def _entry(key: str, notice: Notice | None, is_opened: bool) -> dict[str, str | bool]:
    if notice is None:
        return {"key": key, "state": "gone"}
    return {
        "key": key,
        "state": notice.state,
        "title": notice.title,
        "body": notice.body,
        "opened": is_opened,
    }


def hand_over(*keys: str) -> None:
    """Have the session's webhook told when these end, whose names `key_of` gives.

    Called before something begins: what takes no time may have ended before the page is drawn.

    Raises
    ------
    WebhookError
        If the address cannot be used, or that of the server.
    """
    Webhook.of_environment()
    webhook = _of_session()
    if webhook is None:
        return
    st.session_state[_USED] = webhook
    for key in keys:
        webhooks().hand_over(key, webhook)
    _handed().update(keys)
    _given().update(keys)


def _show_problems(key: str) -> None:
    """Why webhooks were not told of it."""
    notifier = webhooks().notifier
    problems = notifier.problems(key)
    for problem in problems:
        st.warning(plain(problem), icon=":material/notifications_off:")
    if problems:
        st.button(
            "Dismiss", key=f"webhook-dismiss-{key}", on_click=notifier.forget, args=(key,)
        )  # fmt: skip
