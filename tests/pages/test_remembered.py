"""What the browser remembers of the tables of runs: columns, order and filters."""

import json
from urllib.parse import quote, unquote

import pytest
from streamlit.testing.v1 import AppTest

from fmnist.dashboard.train import run_table
from tests.pages.test_pages import machine, open_app, text
from tests.pages.test_run_table import names, runs, table

__all__ = ["machine", "runs"]  # fixtures


@pytest.fixture
def cookies(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The cookies that the browser sends when a visit begins."""
    sent: dict[str, str] = {}
    monkeypatch.setattr("streamlit.runtime.context.StreamlitCookies.to_dict", lambda _: dict(sent))
    return sent


def keep(app: AppTest, cookies: dict[str, str]) -> dict[str, object]:
    """Do what the browser does with the page's cookie; returns what is in it."""
    (component,) = (
        each
        for each in app.get("bidi_component")
        if each.proto.component_name == "fmnist_remembered"
    )
    data = json.loads(component.proto.json)
    cookies[data["name"]] = data["text"]
    kept: dict[str, object] = json.loads(unquote(data["text"]))
    return kept


def test_columns_order_and_filters_are_there_on_the_next_visit(
    runs: object, cookies: dict[str, str]
) -> None:
    app = open_app("train")
    assert keep(app, cookies) == {}  # the defaults are not worth remembering
    app.multiselect(key="run-tags").set_value(["seeds"])
    app.selectbox(key="run-order").set_value("Name")
    app.toggle(key="run-descending").set_value(False)
    app.button_group(key="run-values-at").set_value("Epoch…")
    app.button_group(key="run-columns").set_value(["Epoch", "Notes"]).run()
    app.number_input(key="run-epoch").set_value(2).run()
    kept = keep(app, cookies)
    assert kept["run-columns"] == ["Epoch", "Notes"]

    again = open_app("train")
    assert names(again) == ["A", "B"]
    assert list(table(again).value.columns) == [*run_table.FIXED, "Notes", "Epoch"]
    assert set(table(again).value["Epoch"]) == {2}
    assert keep(again, cookies) == kept

    again.toggle(key="run-descending").set_value(True).run()
    assert names(again) == ["B", "A"]
    assert "run-descending" not in keep(again, cookies)


def test_the_comparison_has_a_memory_of_its_own(runs: object, cookies: dict[str, str]) -> None:
    app = open_app("compare")
    app.button_group(key="compare-columns").set_value(["Seed"])
    app.text_input(key="compare-search").set_value("ä; b").run()
    kept = keep(app, cookies)
    assert kept == {"compare-columns": ["Seed"], "compare-search": "ä; b"}
    assert cookies.keys() == {"fmnist-compare"} and cookies["fmnist-compare"].isascii()
    assert not {";", ",", " "} & {*cookies["fmnist-compare"]}
    again = open_app("compare")
    assert again.text_input(key="compare-search").value == "ä; b"
    again.text_input(key="compare-search").set_value("").run()
    assert list(again.dataframe[0].value.columns) == ["Name", "Seed"]
    open_app("train")  # where it is unknown


def test_what_can_no_longer_be_chosen_is_forgotten(runs: object, cookies: dict[str, str]) -> None:
    cookies["fmnist-runs"] = quote(
        json.dumps(
            {
                "run-tags": ["gone", "wide"],
                "run-group": "gone",
                "run-order": "Weather",
                "run-epoch": -3,
                "run-values-at": True,
                "run-columns": ["Epoch", "Weather"],
                "unknown": 1,
            }
        )
    )
    app = open_app("train")
    assert names(app) == ["A"]
    assert list(table(app).value.columns) == [*run_table.FIXED, "Epoch"]
    assert app.selectbox(key="run-order").value == "Created"


@pytest.mark.parametrize("damaged", ["%7B", "nonsense", "[1]", "%7B%22a%22%3A1.5%7D", "%FF%00"])
def test_a_damaged_memory_is_told_and_begins_anew(
    runs: object, cookies: dict[str, str], damaged: str
) -> None:
    cookies["fmnist-runs"] = damaged
    app = open_app("train")
    assert "What the browser remembered of this table cannot be read" in text(app)
    assert sorted(names(app)) == ["A", "B", "C"]
    assert keep(app, cookies) == {}
    assert "cannot be read" not in text(open_app("train"))


def test_filters_that_are_too_long_are_not_remembered(
    runs: object, cookies: dict[str, str]
) -> None:
    app = open_app("train")
    app.text_input(key="run-search").set_value("x" * 5000).run()
    assert "too long for the browser to remember" in text(app)
    app.text_input(key="run-search").set_value("first").run()
    assert keep(app, cookies) == {"run-search": "first"}
