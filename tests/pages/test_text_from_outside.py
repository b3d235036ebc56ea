"""Names, reasons, addresses and files of others: no page reads them as Markdown."""

import re
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from fmnist import paths
from fmnist.dashboard import navigation, run_catalog
from fmnist.files import read_json, write_json
from fmnist.runs import store
from fmnist.runs.run import Run, RunError
from fmnist.runs.store import owning
from tests.pages.test_pages import rename
from tools.made_up_run import made_up_run
from tools.small import small_dataset

APP = str(Path(__file__).resolve().parents[2] / "app.py")
PAGES = tuple(navigation.PAGES)

NASTY = "# ![zq](http://zq.example) [zq](x) $5 zq $6 :material/zq: <b>zq</b> `zq` *zq*"
MARKUP = ("# !", "[zq", "http://zq", "$5", "$6", ":material/zq", "<b>zq", "`zq", "*zq")
LETTERS = "a" * 100_000

NO_MARKDOWN = {
    "BidiComponent.json",
    "Code.code_text",
    "Dataframe.arrow_data.data",
    "Dataframe.columns",
    "EChartsChart.spec",
    "Html.body",
    "Json.body",
    "MultiSelect.options",
    "MultiSelect.raw_values",
    "PlotlyChart.spec",
    "Selectbox.options",
    "Selectbox.raw_value",
    "TextInput.default",
    "TextInput.value",
}
"""Fields that the browser shows as they are."""


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine with no data set, no runs and no shipped models; returns the folder of the runs."""
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path / "artifacts"))
    monkeypatch.setenv("FMNIST_DATA", "")
    monkeypatch.setenv("FMNIST_DOWNLOADS", str(tmp_path / "data"))
    for name in ("pretrained", "benchmark"):
        monkeypatch.setattr(paths, f"{name}_folder", lambda name=name: tmp_path / name)
    monkeypatch.setattr(
        "fmnist.data.fashion_mnist.draw_dataset", lambda _progress=None: small_dataset()
    )
    st.cache_data.clear()
    st.cache_resource.clear()
    yield tmp_path / "artifacts" / "runs"
    run_catalog.trainer().close()
    st.cache_resource.clear()


def outsider(root: Path, name: str = NASTY, **settings: Any) -> Run:
    """A run whose files somebody else wrote."""
    run = made_up_run(root, **settings)
    write_json(run.name_path, {"name": name})
    document = read_json(run.config_path)
    document["environment"] = dict.fromkeys(document["environment"], name)
    write_json(run.config_path, document)
    return store.open_run(root, run.run_id)


def open_app(page: str, **query: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    return app.switch_page(f"pages/{page}.py").run()


def widget(app: AppTest, key: str) -> Any:
    """A widget by its key."""
    return app.get_by_key(key)


def texts(message: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """All texts of a message to the browser, with the paths of their fields."""
    path = path or message.DESCRIPTOR.name
    for field, value in message.ListFields():
        is_one = isinstance(value, str | bytes | int | float) or hasattr(value, "ListFields")
        for one in [value] if is_one else value.values() if hasattr(value, "values") else value:
            if hasattr(one, "ListFields"):
                yield from texts(one, f"{path}.{field.name}")
            elif isinstance(one, str | bytes):
                text = one if isinstance(one, str) else one.decode(errors="replace")
                yield f"{path}.{field.name}", text


def check(app: AppTest, *, shown: bool = True) -> None:
    """No text is read as Markdown, or is long."""
    assert not app.exception
    protos = [node.proto for node in app._tree if getattr(node, "proto", None)]
    everything = [found for proto in protos for found in texts(proto)]
    found = [(field, text) for field, text in everything if "zq" in text]
    for field, text in found:
        if field in ("Html.body", "PlotlyChart.spec"):
            assert "<b>zq" not in text
        elif field not in NO_MARKDOWN:
            visible = re.sub(r"\\[^\w\s]", "", text).replace("\u2060", "¦")
            assert [markup for markup in MARKUP if markup in visible] == [], (field, text)
    assert not shown or [field for field, _ in found if field not in NO_MARKDOWN]
    for field, text in everything:
        assert not re.search("a{501}", text), (field, len(text))


@pytest.mark.parametrize("page", PAGES[:-1])
def test_names_of_runs(page: str, machine: Path) -> None:
    one, other = outsider(machine), outsider(machine)
    outsider(machine, LETTERS)
    outsider(machine, "\ud800\x1b")  # half a character cannot be sent to a browser
    app = open_app(page, run=one.run_id, compared=other.run_id, runs=f"{one.run_id}~{other.run_id}")
    check(app, shown=page not in ("draw", "sweeps"))


def test_the_panels_of_the_compare_page(machine: Path) -> None:
    one, other = outsider(machine), outsider(machine, protocol="notebook")
    outsider(machine, LETTERS)
    for panel in ("Curves", "Settings", "Size and time", "Classes", "Significance"):
        runs = f"{one.run_id}~{other.run_id}"
        check(open_app("compare", run=one.run_id, compared=other.run_id, runs=runs, panel=panel))


def test_two_runs_and_one_image(machine: Path) -> None:
    one, other = outsider(machine), outsider(machine)
    app = open_app("confusion", run=one.run_id, compared=other.run_id)
    app.session_state["panels"] = "Two runs"
    check(app.run())
    check(open_app("errors", run=one.run_id, compared=other.run_id, image="600"))
    elsewhere = outsider(machine, protocol="full", checkpoint="last")
    elsewhere.evaluation_path("test").unlink()
    check(open_app("errors", run=one.run_id, compared=elsewhere.run_id))


@pytest.mark.parametrize(
    ("state", "text"),
    [("failed", NASTY), ("failed", LETTERS), ("interrupted", NASTY), ("running", NASTY)],
)
def test_reasons_and_states(state: str, text: str, machine: Path) -> None:
    run = outsider(machine, text)
    status = read_json(run.status_path)
    write_json(run.status_path, status | {"state": state, "reason": text})
    run.log_event(text, time=1.0)
    with owning(run) if state == "running" else nullcontext():
        check(open_app("train", run=run.run_id), shown=text == NASTY)
        if state == "running":  # told in the sidebar, and above the other run
            check(open_app("train", run=outsider(machine).run_id))


def test_a_broken_run(machine: Path) -> None:
    run, other = outsider(machine), outsider(machine)
    document = read_json(run.config_path)
    write_json(run.config_path, document | {NASTY: 1})
    for page in ("start", "confusion"):
        check(open_app(page, run=run.run_id))
    check(open_app("compare", run=other.run_id))
    write_json(run.config_path, document | {LETTERS: 1})
    check(open_app("start", run=run.run_id))
    write_json(run.config_path, document | {"config": {"model": NASTY}})
    check(open_app("start", run=run.run_id))


def test_an_ensemble_and_teachers(machine: Path) -> None:
    run = outsider(machine)
    document = read_json(run.config_path)
    document["config"]["teachers"] = [NASTY]
    write_json(run.config_path, document)
    other = outsider(machine)
    write_json(other.config_path, read_json(other.config_path) | {"members": [NASTY, run.run_id]})
    app = open_app("train", run=run.run_id)
    check(app)
    check(open_app("train", run=other.run_id))
    check(open_app("compare", run=run.run_id, runs=f"{run.run_id}~{other.run_id}"))


def test_what_is_done_with_a_run(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = outsider(machine)
    app = open_app("train", run=run.run_id)
    rename(app, " \n ")
    check(app)
    assert app.error[0].value == "Give the run a name of 1 to 80 characters."
    widget(app, f"delete-{run.run_id}").click().run()
    check(app)
    assert any("was deleted" in element.value for element in app.markdown)

    def fail(*_arguments: object) -> None:
        raise RunError(NASTY)

    status = read_json(outsider(machine).status_path)
    stopped = outsider(machine)
    write_json(stopped.status_path, status | {"state": "stopped"})
    monkeypatch.setattr(run_catalog.trainer(), "submit", fail)
    app = open_app("train", run=stopped.run_id)
    widget(app, f"resume-run-{stopped.run_id}").click().run()
    check(app)
    assert app.toast
    widget(app, "start").click().run()
    check(app)


@pytest.mark.parametrize("text", [NASTY, LETTERS[:5000], "\x00\x1b[31m"])
def test_addresses(text: str, machine: Path) -> None:
    outsider(machine)
    parameters = ("run", "compared", "split", "epoch", "true", "confidence", "verdict", "image")
    app = open_app("errors", **dict.fromkeys(parameters, text))
    check(app, shown=text == NASTY)
    ignored = [w.value for w in app.warning if "Ignored unknown values" in w.value]
    assert ignored and ignored[0].count(", ") == len(parameters) - 1
    check(open_app("compare", runs="~".join([text] * 20), panel=text), shown=text == NASTY)


def test_the_gallery(machine: Path) -> None:
    folder = machine.parent / "drawings"
    folder.mkdir(parents=True)
    drawing = {
        "time": 1.7e9, "model": NASTY, "answer": "Bag", "confidence": 0.5, "meant": "Bag",
        "shapes": [], "picture": "",
    }  # fmt: skip
    write_json(folder / "20260101-000000-000001.json", drawing)
    write_json(folder / "20260101-000000-000002.json", drawing | {"model": LETTERS})
    write_json(folder / "20260101-000000-000003.json", drawing | {NASTY: 1})
    write_json(folder / "20260101-000000-000004.json", drawing | {"answer": NASTY})
    app = open_app("draw")
    check(app)
    assert len(app.error) == 2
    assert any("zq" in caption.value for caption in app.caption)


def test_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / NASTY[:9]).mkdir()
    for named in (str(tmp_path / NASTY), f"~{NASTY}", f"/{LETTERS[:5000]}"):
        monkeypatch.setenv("FMNIST_DATA", named)
        check(open_app("start"), shown="zq" in named)
    monkeypatch.setenv("FMNIST_ARTIFACTS", f"~{NASTY}")
    app = AppTest.from_file(APP, default_timeout=60).run()
    check(app)
    assert [error.value[:16] for error in app.error] == ["FMNIST_ARTIFACTS"]


def test_errors_are_told_in_one_place() -> None:
    """`failures.tell` makes them plain."""
    for path in [
        *(paths.PROJECT / "fmnist" / "dashboard").rglob("*.py"),
        *(paths.PROJECT / "pages").glob("*.py"),
    ]:
        text = path.read_text(encoding="utf-8")
        assert ("st.error(" in text) == (path.name == "failures.py"), path
