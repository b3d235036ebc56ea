"""A person at a browser puts the shipped models side by side."""

import csv
import re
from pathlib import Path

import pytest
from PIL import ImageColor
from playwright.sync_api import BrowserContext, Locator, Page, expect

from fmnist import paths
from fmnist.dashboard import run_catalog
from fmnist.dashboard.compare.panels import PANELS
from fmnist.data.corruptions import CORRUPTIONS
from fmnist.data.labels import CLASS_NAMES
from fmnist.evaluation import significance
from fmnist.evaluation.predictions import Evaluation
from fmnist.reports.charts import OTHER_COLOR
from fmnist.reports.sentences import mcnemar_in_words
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.names import distinct_names
from fmnist.runs.run import Run
from fmnist.training.loop import train
from tests.browser.conftest import Server
from tests.pages.test_compare import keep_robustness
from tools.driver import fits_the_screen, settle
from tools.small import drawn_dataset

HELD_OUT, NOTEBOOK, SKETCH = "fashion-cnn", "fashion-cnn-notebook", "sketch"
APART = "vit-tiny-0"
"""Its point lies below no other one."""
HEADER, ROW = 36, 35  # pixels
GRAY = f"rgb{ImageColor.getrgb(OTHER_COLOR)}"  # of a run that is not chosen, to CSS


def shipped(name: str) -> Run:
    return store.open_run(paths.pretrained_folder(), name)


def open_compare(page: Page, server: Server, **query: str) -> None:
    """Three runs side by side, unless the query names others."""
    query = {"runs": f"{HELD_OUT}~{NOTEBOOK}~{SKETCH}", **query}
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    page.goto(f"{server.url}/compare?{asked}")
    expect(page.locator(".st-key-compare-legend")).to_be_visible()
    # the table listens, and the sizes that it waits for once are counted
    expect(cell(page, 0, 1)).to_have_text(re.compile("."))
    expect(page.get_by_text("Counting the parameters")).to_have_count(0)
    settle(page)


def cell(page: Page, row: int, column: int) -> Locator:
    """A cell of the table of runs; column 1 is the first."""
    return page.locator(".st-key-compare-table").get_by_test_id(f"glide-cell-{column}-{row}")


def click_table(page: Page, x: float, y: float) -> None:
    page.locator(".st-key-compare-table .dvn-scroller").click(position={"x": x, "y": y})


def close_list(page: Page) -> None:
    """Close the open list of a select box, which hides all else from screen readers.

    A click while it is about to close may close it and do nothing else.
    """
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_have_count(0)
    settle(page)


def legend(page: Page, *names: str) -> None:
    """Exactly these runs stand side by side."""
    marks = page.locator(".st-key-compare-legend span[style*='inline-block']")
    expect(marks).to_contain_text(list(names))
    expect(marks).to_have_count(len(names))


def parameter(page: Page, name: str, value: str) -> None:
    expect(page).to_have_url(re.compile(rf"[?&]{name}={re.escape(value)}(&|$)"))


def press(page: Page, key: str, name: str) -> None:
    """Press one of a control's buttons."""
    control = page.locator(f".st-key-{key}")
    control.get_by_role("radio", name=name).or_(
        control.get_by_role("button", name=name)
    ).first.click()


def no_exception(page: Page) -> None:
    expect(page.get_by_test_id("stException")).to_have_count(0)


def search(page: Page, words: str) -> None:
    box = page.get_by_role("searchbox", name="Search")
    field = box.or_(page.get_by_role("textbox", name="Search")).first
    field.fill(words)
    field.press("Enter")


def all_runs() -> list[Run]:
    """Those that come with the project, all of them measured; the bare server has no others."""
    return [*run_catalog.shipped_runs(), *run_catalog.benchmark_runs()]


def test_the_table_is_sorted_by_a_click_and_searched(page: Page, bare_server: Server) -> None:
    open_compare(page, bare_server)
    expect(page.get_by_text(f"{len(all_runs())} of {len(all_runs())} runs")).to_be_visible()
    search(page, "shipped")
    models = store.list_runs(paths.pretrained_folder())
    expect(page.get_by_text(f"{len(models)} of {len(all_runs())} runs")).to_be_visible()
    expect(cell(page, 0, 1)).to_have_text("FashionCNN, held-out")
    settle(page)
    for _ in range(2):  # upwards, then downwards
        click_table(page, 120, HEADER / 2)
    last = max(models, key=lambda run: run.name)
    expect(cell(page, 0, 1)).to_have_text(last.name)
    # what is chosen by its place in the table is the run that stands there
    click_table(page, 16, HEADER + ROW / 2)
    taken = "" if last.run_id == SKETCH else f"~{SKETCH}~{last.run_id}"
    parameter(page, "runs", f"{HELD_OUT}~{NOTEBOOK}{taken}")
    settle(page)
    search(page, "fashioncnn, notebook")
    expect(page.get_by_text(f"1 of {len(all_runs())} runs")).to_be_visible()
    expect(cell(page, 0, 1)).to_have_text("FashionCNN, notebook")
    expect(cell(page, 1, 1)).to_have_count(0)
    settle(page)
    click_table(page, 16, HEADER + ROW / 2)  # the runs that the search hides stay chosen
    parameter(page, "runs", f"{HELD_OUT}{taken}")
    no_exception(page)


def test_the_models_that_came_along_stand_side_by_side_at_first(
    page: Page, bare_server: Server
) -> None:
    open_compare(page, bare_server, runs="")
    models = sorted(store.list_runs(paths.pretrained_folder()), key=lambda run: run.run_id)
    others = [run.name for run in models if run.run_id not in (HELD_OUT, NOTEBOOK)]
    legend(page, "FashionCNN, held-out", "FashionCNN, notebook", *others)


def test_rows_and_the_list_choose_the_same_runs(page: Page, bare_server: Server) -> None:
    open_compare(page, bare_server)
    legend(page, "FashionCNN, held-out", "FashionCNN, notebook", "Sketch")
    click_table(page, 16, HEADER + 1.5 * ROW)
    parameter(page, "runs", f"{HELD_OUT}~{SKETCH}")
    legend(page, "FashionCNN, held-out", "Sketch")
    settle(page)
    field = page.locator(".st-key-compare-runs").get_by_role("combobox")
    field.focus()
    page.keyboard.press("Backspace")
    legend(page, "FashionCNN, held-out")
    close_list(page)
    field.focus()
    page.keyboard.type("notebook")
    page.keyboard.press("Enter")
    legend(page, "FashionCNN, held-out", "FashionCNN, notebook")
    close_list(page)
    page.locator(".st-key-chips-undo").get_by_role("button").click()
    legend(page, "FashionCNN, held-out")
    no_exception(page)


def test_curves_along_another_axis(page: Page, bare_server: Server) -> None:
    open_compare(page, bare_server)
    axis = page.get_by_test_id("stEChartsChart")
    expect(axis).to_contain_text("Epoch")
    press(page, "compare-axis", "Minutes")
    expect(axis).to_contain_text("Minutes of training")
    parameter(page, "axis", "minutes")
    settle(page)
    press(page, "compare-curve", "Loss")
    expect(page.get_by_text("Cross-entropy in nats after each epoch")).to_be_visible()
    parameter(page, "curve", "loss")


def point(page: Page, number: int) -> Locator:
    """A point of the chart of parameters: the runs not chosen, then those chosen."""
    page.wait_for_function(
        """() => document.querySelector('.st-key-compare-parameters .js-plotly-plot')
          ?._ev?._events?.plotly_selected"""
    )
    return page.locator(".st-key-compare-parameters .points path.point").nth(number)


def click_point(page: Page, number: int) -> None:
    settle(page)
    area = page.locator(".st-key-compare-parameters .nsewdrag").first
    marker = point(page, number).bounding_box()
    area.hover()  # waits until the chart lies still
    marker, box = point(page, number).bounding_box(), area.bounding_box()
    assert marker and box
    area.click(
        position={
            "x": marker["x"] + marker["width"] / 2 - box["x"],
            "y": marker["y"] + marker["height"] / 2 - box["y"],
        }
    )


def test_a_click_on_a_point_takes_a_run_away_and_back(page: Page, bare_server: Server) -> None:
    chosen = f"{HELD_OUT}~{NOTEBOOK}~{APART}"
    open_compare(page, bare_server, runs=chosen, panel="Size and time")
    points = page.locator(".st-key-compare-parameters .points path.point")
    expect(points).to_have_count(len(all_runs()))
    click_point(page, len(all_runs()) - 1)  # the third of the chosen
    parameter(page, "runs", f"{HELD_OUT}~{NOTEBOOK}")
    legend(page, "FashionCNN, held-out", "FashionCNN, notebook")
    # the chart is drawn after the legend, and until then its points stand in the old order
    expect(points.nth(len(all_runs()) - 3)).to_have_css("fill", GRAY)
    # it is one of those in gray now, which stand in the order of the table
    shown = [run.run_id for run in all_runs() if run.run_id not in (HELD_OUT, NOTEBOOK)]
    click_point(page, shown.index(APART))
    parameter(page, "runs", chosen)
    legend(page, "FashionCNN, held-out", "FashionCNN, notebook", "ViT-Tiny, seed 0")
    no_exception(page)


def test_a_link_opens_the_same_view_elsewhere(
    page: Page, other_context: BrowserContext, bare_server: Server
) -> None:
    open_compare(page, bare_server)
    click_table(page, 16, HEADER + ROW / 2)
    legend(page, "FashionCNN, notebook", "Sketch")
    settle(page)
    press(page, "compare-axis", "Step")
    parameter(page, "axis", "step")
    settle(page)
    page.get_by_role("tab", name="Significance").click()
    parameter(page, "panel", "Significance")
    elsewhere = other_context.new_page()
    elsewhere.goto(page.url)
    legend(elsewhere, "FashionCNN, notebook", "Sketch")
    tab = elsewhere.get_by_role("tab", name="Significance")
    expect(tab).to_have_attribute("aria-selected", "true")
    settle(elsewhere)
    elsewhere.get_by_role("tab", name="Curves").click()
    expect(elsewhere.get_by_test_id("stEChartsChart")).to_contain_text("Step")


def choose_option(page: Page, box: str, option: str) -> None:
    # by keyboard: a list opened by a click closes when the page scrolls to where that was
    field = page.get_by_role("combobox", name=box)
    field.focus()
    field.press("ArrowDown")
    page.get_by_role("option", name=option, exact=True).click()


def test_significance_and_the_matrix_of_a_chosen_pair(page: Page, bare_server: Server) -> None:
    open_compare(page, bare_server, panel="Significance")
    choose_option(page, "Second run", "Sketch")
    correct = [
        Evaluation.load(shipped(name).evaluation_path("test")).correct
        for name in (HELD_OUT, SKETCH)
    ]
    test = significance.mcnemar(*correct)
    said = page.get_by_test_id("stMain")
    expect(said).to_contain_text(
        mcnemar_in_words(test, shipped(HELD_OUT).name, shipped(SKETCH).name)
    )
    parameter(page, "compared", SKETCH)
    settle(page)
    choose_option(page, "First run", "Sketch")  # the other one's: they change places
    parameter(page, "run", SKETCH)
    parameter(page, "compared", HELD_OUT)
    settle(page)
    page.get_by_role("button", name="Two-run confusion matrix").click()
    expect(page.get_by_role("heading", level=1, name="Confusion matrix")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/confusion\?"))
    parameter(page, "run", SKETCH)
    parameter(page, "compared", HELD_OUT)
    # the matrix of differences, and what the two are right about, are what is shown
    expect(page.get_by_text("McNemar")).to_be_visible()
    a, b = (
        Evaluation.load(shipped(name).evaluation_path("test")).confusion
        for name in (SKETCH, HELD_OUT)
    )
    label = int(abs(a - b).diagonal().argmax())  # a class in which the two differ
    shown = page.locator(".st-key-matrix").get_by_role(
        "button", name=re.compile(f"^{CLASS_NAMES[label]}, correct: ")
    )
    expect(shown).to_have_text(f"{a[label, label] - b[label, label]:+d}")
    no_exception(page)


def test_the_table_is_taken_along(page: Page, bare_server: Server) -> None:
    open_compare(page, bare_server)
    press(page, "compare-protocol", "Held-out")
    held_out = {
        run.run_id for run in all_runs() if run.config and run.config.protocol == "held-out"
    }
    names = [name for run_id, name in distinct_names(all_runs()).items() if run_id in held_out]
    expect(page.get_by_text(f"{len(names)} of {len(all_runs())} runs")).to_be_visible()
    settle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))
    accuracy = Evaluation.load(shipped(SKETCH).evaluation_path("test")).accuracy
    assert sorted(row["Name"] for row in rows) == sorted(names)
    (sketch,) = (row for row in rows if row["Name"] == "Sketch")
    assert float(sketch["Test %"]) == pytest.approx(100 * accuracy, abs=0.005)
    assert sketch["Parameters"] == "464106"


def test_all_panels_fit_the_screen(page: Page, bare_server: Server) -> None:
    open_compare(page, bare_server)
    for panel in PANELS:
        tab = page.get_by_role("tab", name=panel)
        tab.click()
        expect(tab).to_have_attribute("aria-selected", "true")
        settle(page)
        no_exception(page)
        fits_the_screen(page)


def test_robustness_is_begun_cancelled_shown_and_leads_to_a_mistake(
    page: Page, own_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = own_server
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(server.artifacts))
    config = TrainConfig(model="logistic", dataset="synthetic-garments", epochs=1, subset=600)
    run = store.create_run(server.runs, config, name="On drawn garments")
    with store.owning(run):
        train(run, drawn_dataset())
    run = store.open_run(server.runs, run.run_id)
    open_compare(page, server, runs=run.run_id, panel="Robustness")
    job = page.locator(".st-key-robustness-job")
    job.get_by_role("button", name="Measure robustness").click()
    job.get_by_role("button", name="Cancel").click()
    expect(job.get_by_role("button", name="Measure robustness")).to_be_visible()
    # made up, since the measurement takes a while; the process is tested without a browser
    found = keep_robustness(run, 0, drawn_dataset())
    open_compare(page, server, runs=run.run_id, panel="Robustness")
    table = page.locator(".st-key-robustness-table")
    table.wait_for()
    expect(job).to_have_count(0)
    mean = table.get_by_test_id("glide-cell-2-1")
    expect(mean).to_have_text(re.compile(f"^{100 * found.mean_accuracy:.1f}"))
    settle(page)
    number = list(CORRUPTIONS).index("inversion")
    table.locator(".dvn-scroller").click(position={"x": 15, "y": HEADER + ROW * (number + 2.5)})
    expect(page.get_by_text("Worst mistakes of On drawn garments")).to_be_visible()
    settle(page)
    worst = int(found.indices[found.worst("inversion", 3, 1)[0]])
    page.locator(".st-key-robustness-worst .tile").first.click()
    parameter(page, "image", str(worst))
    expect(page.get_by_role("heading", level=1, name="Errors", exact=True)).to_be_visible()
    no_exception(page)
