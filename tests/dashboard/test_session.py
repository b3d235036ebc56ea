"""The selection of a session and the address bar, without a browser."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from fmnist.dashboard import session
from fmnist.dashboard.selection import Selection


def page() -> None:
    """Change the selection as a widget's callback would; say what the address is then."""
    import streamlit as st

    from fmnist.dashboard import session

    if st.session_state.get("values") is not None:
        session.change(**st.session_state["values"])
        st.session_state["values"] = None
    session.sync()
    st.session_state["written"] = dict(st.query_params)


@pytest.fixture(autouse=True)
def no_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_validated", lambda requested: (requested, []))


def visit(app: AppTest, address: dict[str, str], **values: object) -> dict[str, str]:
    """Run the page as a browser at an address asks for it; return the address it writes."""
    app.query_params.clear()
    for name, value in address.items():
        app.query_params[name] = value
    app.session_state["values"] = values or None
    app.run()
    assert not app.exception
    written: dict[str, str] = app.session_state["written"]
    return written


def selection(app: AppTest) -> Selection:
    found: Selection = app.session_state["selection"]
    return found


def go_back(app: AppTest, address: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    with monkeypatch.context() as patched:
        patched.setattr(session, "_went_back_or_forward", lambda: True)
        return visit(app, address)


def test_back_and_forward_change_the_selection(monkeypatch: pytest.MonkeyPatch) -> None:
    app = AppTest.from_function(page)
    first = visit(app, {"run": "a", "true": "6", "verdict": "none"})
    second = visit(app, first, true=())
    assert second == {"run": "a", "verdict": "none"}
    third = visit(app, second, run="b", image=3)
    for address in (second, first, second, third, first):
        assert go_back(app, address, monkeypatch) == address
        assert selection(app).to_address() == address
    # the Undo of the page goes back to what was seen before
    with monkeypatch.context() as patched:
        patched.setattr(session, "sync", lambda: session.undo())
        app.run()
    assert selection(app).to_address() == third


def test_an_older_address_is_no_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second click may come before the browser has received the address of the first."""
    app = AppTest.from_function(page)
    first = visit(app, {"run": "a", "true": "6", "verdict": "none"})
    visit(app, first, true=())
    assert visit(app, first, verdict=None) == {"run": "a"}


def test_the_bare_address_of_the_first_visit_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = AppTest.from_function(page)
    address = visit(app, {}, run="a", sort="loss")
    assert go_back(app, {}, monkeypatch) == address


def test_nonsense_in_the_history_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    app = AppTest.from_function(page)
    visit(app, {"run": "a"})
    go_back(app, {"run": "a", "sort": "color"}, monkeypatch)
    assert app.session_state["ignored-params"] == (Selection(run="a"), ["sort 'color'"])


def test_a_slider_is_written_once_it_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    app = AppTest.from_function(page)
    monkeypatch.setattr(session, "REST_SECONDS", 1000.0)
    address = visit(app, {"run": "a"})
    for low in (0.1, 0.2, 0.3):
        assert visit(app, address, confidence=(low, 1.0)) == address
    monkeypatch.setattr(session, "REST_SECONDS", 0.0)
    rested = visit(app, address, confidence=(0.4, 1.0))
    assert rested == {"run": "a", "confidence": "0.4~1.0"}


def test_another_choice_does_not_wait_for_a_slider(monkeypatch: pytest.MonkeyPatch) -> None:
    app = AppTest.from_function(page)
    monkeypatch.setattr(session, "REST_SECONDS", 1000.0)
    address = visit(app, {"run": "a"})
    visit(app, address, confidence=(0.1, 1.0))
    assert visit(app, address, sort="loss") == {
        "run": "a", "confidence": "0.1~1.0", "sort": "loss",
    }  # fmt: skip
