"""When it ends: webhooks of a session, and what the browser is told, without a browser."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from fmnist.dashboard import ending, notices, run_catalog
from fmnist.dashboard.components import notices as component
from fmnist.dashboard.sweeps.gathering import workers
from fmnist.dashboard.webhooks import webhooks
from fmnist.files import write_json
from fmnist.notices.webhook import VARIABLE, Notifier
from fmnist.runs import annotations, store
from fmnist.runs.annotations import Annotations
from fmnist.runs.run import Run
from fmnist.sweeps import worker as sweep_worker
from fmnist.sweeps.sweep import list_sweeps
from fmnist.sweeps.worker import SweepWorker
from fmnist.training.worker import Trainer
from tests.notices.receiver import SOON, Receiver, receiving
from tests.pages.test_pages import choose, machine, open_app, text
from tests.sweeps.fake import Fake
from tools.made_up_run import made_up_run

__all__ = ["machine"]  # a fixture


class Held:
    """Trainings whose epochs wait until a test lets them go on."""

    def __init__(self) -> None:
        self.goes_on = threading.Event()
        self.goes_on.set()

    def __call__(self, fake: Fake, _epoch: int) -> None:
        if fake.signal == "continue":
            assert self.goes_on.wait(SOON)


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.fixture(autouse=True)
def at_once(machine: Path, held: Held, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Trainings take no time, unless a test holds them; tries follow each other at once."""
    start: Any = lambda run: Fake(run, held)  # noqa: E731
    monkeypatch.setattr(run_catalog, "Trainer", partial(Trainer, start=start))
    monkeypatch.setattr(sweep_worker, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr("fmnist.dashboard.webhooks.Notifier", partial(Notifier, pauses=(0, 0)))
    monkeypatch.setenv("no_proxy", "*")
    yield
    held.goes_on.set()
    workers().leave()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


def trained() -> None:
    """Wait until nothing trains any more, and all is told."""
    assert run_catalog.trainer().wait_for(lambda s: s.current is None and not s.queue, SOON)
    assert webhooks().notifier.wait(SOON)


def told(receiver: Receiver) -> list[tuple[str, str, str]]:
    return [(each["kind"], each["name"], each["state"]) for each in receiver.documents]


def with_webhook(address: str, page: str = "train") -> AppTest:
    app = open_app(page)
    app.text_input(key="webhook").set_value(address).run()
    assert not app.exception
    return app


def draw_sidebar(app: AppTest) -> None:
    """AppTest draws it with app.py alone."""
    app.switch_page("app.py").run()
    assert not app.exception


def start(app: AppTest, **fields: Any) -> None:
    for key, value in fields.items():
        app.get_by_key(key.replace("_", "-")).set_value(value).run()  # type: ignore[union-attr]
    app.button(key="start").click().run()
    assert not app.exception


def entries(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, dict[str, Any]]]:
    """What the component is given at each drawing, by key."""
    given: list[dict[str, dict[str, Any]]] = []

    def watch(entries: list[dict[str, Any]], _asked: list[str]) -> None:
        given.append({each["key"]: each for each in entries})

    monkeypatch.setattr(component, "watch", watch)
    return given


def test_a_run_is_told_to_the_webhook_of_the_session(receiver: Receiver, machine: Path) -> None:
    app = with_webhook(receiver.url)
    start(app, run_name="Mine")
    trained()
    assert told(receiver) == [("run", "Mine", "finished")]
    draw_sidebar(app)
    app.switch_page("pages/train.py").run()
    assert app.text_input(key="webhook").value == receiver.url  # kept in the session
    trained()
    assert len(receiver.documents) == 1
    assert "secret-token" not in str(dict(app.query_params))
    for path in machine.parent.rglob("*"):
        assert not path.is_file() or b"secret-token" not in path.read_bytes(), path


def test_sessions_have_webhooks_of_their_own(receiver: Receiver) -> None:
    with_webhook(receiver.url)
    start(open_app("train"), run_name="Another's")
    trained()
    assert receiver.documents == []


def test_several_seeds_are_told_once(receiver: Receiver) -> None:
    app = with_webhook(receiver.url)
    start(app, run_seeds=3, run_name="Three")
    trained()
    assert told(receiver) == [("seeds", "Three", "finished")]


def test_a_pause_and_a_resumed_run_are_told(receiver: Receiver, held: Held) -> None:
    held.goes_on.clear()
    app = with_webhook(receiver.url)
    start(app, run_name="Mine")
    (run,) = run_catalog.own_runs()
    trainer = run_catalog.trainer()
    assert trainer.wait_for(lambda s: s.state == "running", SOON)
    trainer.pause(run.run_id)
    held.goes_on.set()
    receiver.wait_for(1)
    held.goes_on.clear()
    trainer.resume(run.run_id)
    trainer.stop(run.run_id)
    held.goes_on.set()
    trained()
    assert told(receiver) == [("run", "Mine", "paused"), ("run", "Mine", "stopped")]
    app.run()
    app.button(key=f"resume-run-{run.run_id}").click().run()
    trained()
    assert told(receiver)[2:] == [("run", "Mine", "finished")]


def test_a_run_that_is_opened_while_it_trains_is_told(receiver: Receiver, held: Held) -> None:
    held.goes_on.clear()
    start(open_app("train"), run_name="Another's")
    app = with_webhook(receiver.url)  # opens the run that trains
    draw_sidebar(app)
    with receiving() as other:
        app.switch_page("pages/train.py").run()
        app.text_input(key="webhook").set_value(other.url).run()
        draw_sidebar(app)
        held.goes_on.set()
        trained()
        # the address of before is withdrawn
        assert told(other) == [("run", "Another's", "finished")] and receiver.documents == []


def test_a_webhook_is_withdrawn_from_what_has_ended_elsewhere(
    receiver: Receiver, machine: Path
) -> None:
    run = made_up_run(machine, name="Mine")
    with store.owning(run):  # another process trains it, and ends untold
        run.write_status("running", run.progress)
        app = open_app("train", run=run.run_id)
        app.text_input(key="webhook").set_value(receiver.url).run()
        draw_sidebar(app)
        assert webhooks()._given
        run.write_status("interrupted", run.progress)
    app.switch_page("pages/train.py").run()
    draw_sidebar(app)
    app.switch_page("pages/train.py").run()
    app.text_input(key="webhook").set_value("").run()
    run_catalog.trainer().submit(store.open_run(machine, run.run_id))
    trained()
    assert store.open_run(machine, run.run_id).state == "finished"
    assert receiver.documents == []


def test_a_sweep_is_told_once(receiver: Receiver) -> None:
    app = with_webhook(receiver.url, "sweeps")
    choose(app, "sweep-runs", 3)  # type: ignore[arg-type]
    app.button(key="sweep-start").click().run()
    assert not app.exception
    (sweep,) = list_sweeps()
    workers()._workers[sweep.folder].wait(SOON)
    trained()
    assert told(receiver) == [("sweep", sweep.name, "finished")]
    assert receiver.documents[0]["id"] == sweep.sweep_id


def test_a_sweep_that_the_servers_end_interrupts_is_told(
    receiver: Receiver, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "_AT_END", ExitStack())  # nothing of other tests
    held.goes_on.clear()
    app = with_webhook(receiver.url, "sweeps")
    app.button(key="sweep-start").click().run()
    trainer = run_catalog.trainer()
    assert trainer.wait_for(lambda s: s.state == "running", SOON)

    def end_the_epoch() -> None:
        if trainer.wait_for(lambda s: s.state == "pausing", SOON):
            held.goes_on.set()

    settle = SweepWorker._settle

    def settle_later(*arguments: Any, **options: Any) -> Any:
        time.sleep(0.3)  # as on a slow disk: the trainer has long been closed
        return settle(*arguments, **options)

    monkeypatch.setattr(SweepWorker, "_settle", settle_later)
    threading.Thread(target=end_the_epoch).start()
    ending.end()
    (sweep,) = list_sweeps()
    assert told(receiver) == [("sweep", sweep.name, "stopped")]


def test_the_servers_webhook_is_told_of_all(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, receiver.url)
    app = open_app("train")
    assert "This server notifies a webhook at 127.0.0.1 when any training ends." in text(app)
    assert not any(field.key == "webhook" for field in app.text_input)
    start(app, run_name="Mine")
    trained()
    assert told(receiver) == [("run", "Mine", "finished")]


@pytest.mark.parametrize("address", ["ftp://x/secret", "secret"])
def test_an_address_that_is_none_is_told_and_starts_nothing(address: str, machine: Path) -> None:
    app = with_webhook(address)
    assert "Give the webhook's whole address" in text(app) and "secret" not in text(app)
    start(app)
    assert text(app).count("Give the webhook's whole address") == 2
    assert store.run_ids(machine) == []
    app.switch_page("pages/sweeps.py").run()
    app.button(key="sweep-start").click().run()
    assert text(app).count("Give the webhook's whole address") == 2
    assert list_sweeps() == []


def test_a_wrong_variable_is_told(monkeypatch: pytest.MonkeyPatch, machine: Path) -> None:
    monkeypatch.setenv(VARIABLE, "secret")
    app = open_app("train")
    start(app)
    assert text(app).count(r"FMNIST_WEBHOOK: Give the webhook's whole") == 2
    assert store.run_ids(machine) == []


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("server.address", "0.0.0.0"),
        ("server.allowedHosts", ["localhost", "127.0.0.1", "::1", "app.example.com"]),  # a proxy's
        ("server.allowedHosts", ["localhost", "*"]),
        ("server.allowedHosts", []),
    ],
)
def test_an_app_that_others_can_reach_has_no_field(
    option: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    get_option = st.get_option
    others = {option: value}
    monkeypatch.setattr(
        st, "get_option", lambda name: others[name] if name in others else get_option(name)
    )
    app = open_app("train")
    assert not any(field.key == "webhook" for field in app.text_input)
    assert "To use a webhook, set FMNIST_WEBHOOK on the server." in text(app)


def test_a_test_is_sent_and_its_failure_told(receiver: Receiver) -> None:
    app = with_webhook(receiver.url)
    app.button(key="webhook-test").click().run()
    assert told(receiver) == [("test", "A test", "finished")]
    assert app.success[0].value == "The webhook at 127.0.0.1 has taken it."
    receiver.statuses = [404]
    app.button(key="webhook-test").click().run()
    assert "The webhook at 127.0.0.1 was not told: it answers 404; check the address" in text(app)


def test_a_webhook_that_fails_is_told_on_every_page_until_dismissed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with receiving(500, 500, 500) as receiver:
        app = with_webhook(receiver.url)
        start(app)
        trained()
        assert len(receiver.documents) == 3
    (run,) = run_catalog.own_runs()
    assert run.state == "finished"
    draw_sidebar(app)
    problem = "The webhook at 127.0.0.1 was not told: it answers 500; try again later."
    assert problem in text(app) and "secret" not in text(app)
    assert problem not in text(open_app(run=run.run_id))  # whose webhook it is not
    with monkeypatch.context() as patch:
        patch.setenv(VARIABLE, receiver.url)  # everybody's
        assert problem in text(open_app(run=run.run_id))
    app.button(key=f"webhook-dismiss-run:{run.run_id}").click().run()
    assert problem not in text(app)


def test_the_browser_is_told_what_is_opened_and_what_it_asks_for(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = entries(monkeypatch)
    run, other = made_up_run(machine, name="Mine"), made_up_run(machine, name="Other")
    open_app(run=run.run_id)
    assert given[-1] == {}  # it has ended long ago
    with store.owning(run):
        run.write_status("running", run.progress)
        open_app(run=run.run_id)
        assert given[-1].keys() == {f"run:{run.run_id}"}
        now = given[-1][f"run:{run.run_id}"]
        assert (now["state"], now["opened"]) == ("running", True)
    # after a reload, the browser asks
    asked = [f"run:{other.run_id}", "run:gone", "sweep:gone", "sweep:../x", "seeds:gone"]
    monkeypatch.setattr(component, "asked_keys", lambda: asked)
    open_app(run=other.run_id)
    assert {key: each["state"] for key, each in given[-1].items()} == {
        key: "finished" if key == asked[0] else "gone" for key in asked
    }
    assert given[-1][asked[0]]["title"] == "Finished: Other"


def test_the_browser_watches_seeds_as_a_group(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = entries(monkeypatch)

    def seed(number: int) -> Run:
        run = made_up_run(machine, name=f"Two {number}", seed=number)
        write_json(run.folder / annotations.FILE, Annotations(group="Two").__dict__)
        return run

    first, second = seed(0), seed(1)
    with store.owning(second):
        second.write_status("running", second.progress)
        open_app(run=first.run_id)
        assert {key: each["state"] for key, each in given[-1].items()} == {"seeds:Two": "running"}


@pytest.mark.parametrize("value", [None, {}, {"watched": 3}, {"watched": [1, None, "run:x"]}])
def test_what_the_browser_asks_for_is_checked(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "session_state", {"notices-watched": value})
    known = component.asked_keys()
    assert known == (["run:x"] if value and value.get("watched") != 3 else [])
    assert all(notices._look(key) is None for key in known)
