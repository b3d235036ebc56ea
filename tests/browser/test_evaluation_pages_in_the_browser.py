"""A person at a browser on Confusion, Errors and Confidence, with real images if available."""

import math
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from fmnist import paths
from fmnist.data import fashion_mnist as datasets
from fmnist.data.fashion_mnist import DatasetError
from fmnist.data.labels import CLASS_NAMES
from fmnist.evaluation import misclassifications
from fmnist.evaluation.filters import Filters, matching, sort_positions
from fmnist.evaluation.metrics import most_confused_pairs
from fmnist.evaluation.prediction_sets import PredictionSets, calibrate
from fmnist.evaluation.predictions import EpochEvaluations, Evaluation
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run
from fmnist.training.loop import train
from tests.browser.conftest import Server
from tools.driver import SLOW, fits_the_screen, settle, small_run, start_training
from tools.small import drawn_dataset

StartServer = Callable[..., Server]


def real_images() -> bool:
    named = os.environ.get("FMNIST_DATA")
    try:
        return bool(named and datasets.find_files(Path(named)))
    except DatasetError:
        return False


@pytest.fixture(scope="session")
def drawn_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on drawn garments, trained for a moment, so that it errs."""
    config = TrainConfig(
        dataset="synthetic-garments", epochs=3, subset=600, batch_size=50, log_every=4
    )
    run = store.create_run(tmp_path_factory.mktemp("drawn"), config, name="On drawn garments")
    with store.owning(run):
        train(run, drawn_dataset())
    return store.open_run(run.folder.parent, run.run_id)


@dataclass(frozen=True)
class World:
    """A server, a run that it shows, and what the run says of the test images."""

    url: str
    run: Run

    @property
    def test(self) -> Evaluation:
        return Evaluation.load(self.run.evaluation_path("test"))

    @property
    def epochs(self) -> EpochEvaluations:
        return EpochEvaluations.load(self.run.epochs_path)

    def open(self, page: Page, path: str, **query: object) -> None:
        parts = {"run": self.run.run_id} | query
        page.goto(f"{self.url}/{path}?{'&'.join(f'{k}={v}' for k, v in parts.items())}")
        expect(page.locator(".st-key-selection-chips, .st-key-detail-steps")).to_be_visible()
        settle(page)


@pytest.fixture(scope="module")
def world(data_server: Server, request: pytest.FixtureRequest) -> World:
    run = store.open_run(paths.pretrained_folder(), "fashion-cnn")
    if not real_images():
        drawn_run: Run = request.getfixturevalue("drawn_run")
        copy = data_server.runs / drawn_run.run_id
        shutil.copytree(drawn_run.folder, copy)
        run = store.open_run(copy.parent, drawn_run.run_id)
    return World(data_server.url, run)


def exactly(text: str) -> re.Pattern[str]:
    # Playwright reads a slash in a pattern as its end
    return re.compile("^" + re.escape(text).replace("/", "."))


def cell(page: Page, true: int, predicted: int) -> Locator:
    what = "correct" if true == predicted else f"predicted as {CLASS_NAMES[predicted]}"
    return page.locator(".st-key-matrix").get_by_role(
        "button", name=exactly(f"{CLASS_NAMES[true]}, {what}: ")
    )


def tiles(page: Page, number: int) -> list[tuple[int, str]]:
    """Index and description of the images shown, once there are as many as expected."""
    wall = page.get_by_role("group", name=re.compile(rf"^{number} images?$"))
    expect(wall).to_be_visible()
    found: list[tuple[int, str]] = wall.locator(".tile").evaluate_all(
        "tiles => tiles.map(tile => [Number(tile.dataset.id), tile.title])"
    )
    assert len(found) == number
    return [(index, title) for index, title in found]


def chips(page: Page) -> Locator:
    return page.locator(".st-key-selection-chips")


def count_is(page: Page, number: int) -> None:
    expect(chips(page).get_by_text(re.compile(rf"^{number:,} images?$"))).to_be_visible()


def no_exception(page: Page) -> None:
    expect(page.get_by_test_id("stException")).to_have_count(0)


def go(page: Page, title: str) -> None:
    """Open another page by its link, and wait until it is drawn."""
    page.get_by_role("link", name=title, exact=True).first.click()
    heading = {
        "Confusion": "Confusion matrix",
        "Start": "Fashion-MNIST lab",
    }.get(title, title)
    expect(page.get_by_role("heading", level=1, name=heading, exact=True)).to_be_visible()
    settle(page)


def parameter(page: Page, name: str, value: object) -> None:
    expect(page).to_have_url(re.compile(rf"[?&]{name}={re.escape(str(value))}(&|$)"))


def test_a_click_on_a_cell_shows_its_images(page: Page, world: World) -> None:
    world.open(page, "confusion")
    test = world.test
    pair = most_confused_pairs(test.confusion)[0]
    expect(cell(page, pair.true_label, pair.predicted_label)).to_have_text(f"{pair.count:,}")
    cell(page, pair.true_label, pair.predicted_label).click()
    count_is(page, pair.count)
    shown = tiles(page, min(pair.count, 100))
    true, predicted = CLASS_NAMES[pair.true_label], CLASS_NAMES[pair.predicted_label]
    assert all(title.startswith(f"{true}, predicted as {predicted}, ") for _, title in shown)
    members = (test.labels == pair.true_label) & (test.predicted_labels == pair.predicted_label)
    assert {index for index, _ in shown} <= set(test.indices[members].tolist())
    marked = cell(page, pair.true_label, pair.predicted_label)
    expect(marked).to_have_attribute("aria-pressed", "true")
    # the pixels are those of the first image
    canvas = page.locator(".st-key-confusion-images .tile canvas").first
    middle = canvas.evaluate("c => c.getContext('2d').getImageData(14, 14, 1, 1).data[0]")
    dataset = datasets.load(datasets.locate()) if real_images() else drawn_dataset()
    assert middle == dataset.test_images[shown[0][0], 14, 14]
    marked.click()  # the same again: no longer selected
    expect(page.locator(".st-key-chip-true")).to_have_count(0)
    no_exception(page)


def test_names_of_rows_and_columns_and_select_boxes(page: Page, world: World) -> None:
    world.open(page, "confusion")
    test = world.test
    page.get_by_role("button", name="True class Coat").click()
    count_is(page, int((test.labels == 4).sum()))
    expect(page.locator(".st-key-chip-true")).to_contain_text("True: Coat")
    page.get_by_role("button", name="Predicted class Bag").click()
    count_is(page, int((test.predicted_labels == 8).sum()))
    for name, field in (("True class", "true"), ("Predicted class", "predicted")):
        page.get_by_role("combobox", name=name).click()
        page.get_by_role("option", name="Dress", exact=True).click()
        parameter(page, field, 3)
        settle(page)  # each box is set to what the selection says
    count_is(page, int(test.confusion[3, 3]))
    expect(cell(page, 3, 3)).to_have_attribute("aria-pressed", "true")


def test_the_matrix_by_keyboard(page: Page, world: World) -> None:
    world.open(page, "confusion")
    cell(page, 0, 0).focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    parameter(page, "true", 2)
    parameter(page, "predicted", 1)
    expect(cell(page, 2, 1)).to_have_attribute("aria-pressed", "true")
    settle(page)
    expect(cell(page, 2, 1)).to_be_focused()  # the focus has outlived the redraw
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    parameter(page, "predicted", 2)
    count_is(page, int(world.test.confusion[2, 2]))


def test_percentages_and_errors_only(page: Page, world: World) -> None:
    world.open(page, "confusion")
    confusion = world.test.confusion
    controls = page.locator(".st-key-matrix-controls")
    controls.get_by_role("radio", name="Row %").or_(
        controls.get_by_role("button", name="Row %")
    ).first.click()
    share = 100 * confusion[6, 6] / confusion[6].sum()
    expect(cell(page, 6, 6)).to_have_text(f"{share:.1f}")
    controls.get_by_text("Misclassified only").click()
    expect(cell(page, 6, 6)).to_have_text("")
    go(page, "Errors")
    go(page, "Confusion")
    expect(cell(page, 6, 6)).to_have_text("")  # the choice is remembered


def test_the_epoch_slider_and_play(page: Page, world: World) -> None:
    world.open(page, "confusion")
    epochs = world.epochs
    last = len(epochs.logits)
    slider = page.locator(".st-key-epoch-slider").get_by_role("slider")
    slider.focus()
    page.keyboard.press("Home")
    parameter(page, "epoch", 1)
    first = epochs.epoch(1).confusion
    expect(cell(page, 6, 0)).to_have_text(f"{first[6, 0]:,}" if first[6, 0] else "·")
    expect(
        page.get_by_text("5,000 validation images").or_(page.get_by_text("validation images")).first
    ).to_be_visible()
    expect(page.locator(".st-key-chip-epoch")).to_contain_text("Epoch 1")
    # played from there, since each epoch takes most of a second
    start = max(1, last - 3)
    slider.press("End")
    for _ in range(last - start):
        slider.press("ArrowLeft")
    parameter(page, "epoch", start)
    settle(page)
    main = page.get_by_test_id("stMain")  # Streamlit's own head has a button called Stop
    main.get_by_role("button", name=re.compile("Play")).click()
    expect(main.get_by_role("button", name=re.compile("Stop"))).to_be_visible()
    expect(page.locator(".st-key-chip-epoch")).to_contain_text(f"Epoch {last}")
    expect(main.get_by_role("button", name=re.compile("Play"))).to_be_visible()
    end = epochs.epoch(last).confusion
    expect(cell(page, 6, 6)).to_have_text(f"{end[6, 6]:,}")
    no_exception(page)


def test_the_matrix_is_taken_along(page: Page, world: World) -> None:
    world.open(page, "confusion")
    page.get_by_role("button", name="Export").click()
    found = {}
    for kind in ("CSV", "PNG", "SVG"):
        with page.expect_download() as download:
            page.get_by_role("button", name=kind, exact=True).click()
        assert download.value.suggested_filename.endswith(f"-test.{kind.lower()}")
        found[kind] = Path(download.value.path()).read_bytes()
    rows = found["CSV"].decode().split("\r\n")
    assert rows[1].split(",")[1:] == [str(count) for count in world.test.confusion[0]]
    assert found["PNG"].startswith(b"\x89PNG")
    assert b"<svg" in found["SVG"]


def press_on(page: Page, key: str, expected: int) -> None:
    """Press a slider's keys at a person's pace: the page is drawn for some while others follow."""
    slider = page.locator(f".st-key-{key}").get_by_role("slider").first
    slider.press("Home")
    settle(page)
    for _ in range(8):
        slider.press("ArrowRight", delay=120)
    expect(slider).to_have_value(str(expected))


def test_no_key_on_a_slider_is_lost(page: Page, world: World) -> None:
    world.open(page, "confidence")
    press_on(page, "range-confidence", 40)
    parameter(page, "confidence", "0.4~1.0")
    world.open(page, "errors")
    page.get_by_role("button", name="Filters").click()
    press_on(page, "filter-confidence", 8)
    parameter(page, "confidence", "0.08~1.0")
    if len(world.epochs.logits) > 8:
        world.open(page, "confusion")
        press_on(page, "epoch-slider", 9)
        parameter(page, "epoch", 9)


def test_a_chip_is_removed_and_a_change_taken_back(page: Page, world: World) -> None:
    test = world.test
    world.open(page, "confidence", true=6, confidence="0.5~0.75")
    wrong = matching(test, Filters(true=(6,), correctness="wrong", confidence=(0.5, 0.75)))
    count_is(page, int(wrong.sum()))
    page.locator(".st-key-chip-confidence").get_by_role("button").click()
    count_is(page, int(matching(test, Filters(true=(6,), correctness="wrong")).sum()))
    expect(page).not_to_have_url(re.compile("confidence="))
    page.locator(".st-key-chips-undo").get_by_role("button").click()
    count_is(page, int(wrong.sum()))
    parameter(page, "confidence", "0.5~0.75")
    page.locator(".st-key-chips-reset").get_by_role("button").click()
    count_is(page, int((~test.correct).sum()))


def test_an_address_shows_the_same_elsewhere(
    page: Page, world: World, other_context: BrowserContext
) -> None:
    world.open(page, "confusion")
    pair = most_confused_pairs(world.test.confusion)[0]
    cell(page, pair.true_label, pair.predicted_label).click()
    count_is(page, pair.count)
    go(page, "Errors")
    count_is(page, pair.count)  # kept while moving between pages
    shown = tiles(page, min(pair.count, 100))
    parameter(page, "true", pair.true_label)
    elsewhere = other_context.new_page()
    elsewhere.goto(page.url)
    count_is(elsewhere, pair.count)
    assert tiles(elsewhere, min(pair.count, 100)) == shown
    assert elsewhere.url == page.url


def test_nonsense_in_the_address_is_said(page: Page, world: World) -> None:
    world.open(page, "confusion", true="hat", epoch=4711, image=999999, error_type="systematic")
    said = page.get_by_text("Ignored unknown values in the URL")
    for part in ("true 'hat'", "epoch 4711", "image 999999"):
        expect(said).to_contain_text(part)
    expect(page.locator(".st-key-chip-error_type")).to_contain_text("Systematic errors")
    no_exception(page)


def chart(page: Page) -> Locator:
    """The area of the page's first chart, once it listens and lies still."""
    page.wait_for_function(
        "() => document.querySelector('.js-plotly-plot')?._ev?._events?.plotly_selected"
    )
    return page.locator(".js-plotly-plot .nsewdrag").first


def brush(page: Page, low: float, high: float) -> None:
    """Drag over the histogram, from one confidence to another."""
    area = chart(page)
    box = area.bounding_box()
    assert box
    middle = box["height"] / 2
    area.hover(position={"x": low * box["width"], "y": middle})  # waits until it lies still
    box = area.bounding_box()
    assert box
    page.mouse.down()
    for share in ((low + high) / 2, high):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + middle, steps=4)
    page.mouse.up()


def test_brushing_a_histogram_shows_its_images(page: Page, world: World) -> None:
    world.open(page, "confidence")
    brush(page, 0.51, 0.74)  # touches the bars from 0.5 to 0.75
    parameter(page, "confidence", "0.5~0.75")
    test = world.test
    count_is(page, int(((test.confidence >= 0.5) & (test.confidence < 0.75)).sum()))
    expect(page.locator(".st-key-chip-confidence")).to_contain_text("Confidence 50% to 75%")


def test_a_bin_of_the_reliability_diagram_shows_its_images(page: Page, world: World) -> None:
    world.open(page, "confidence")
    page.get_by_role("tab", name="Calibration").click()
    # the histograms of the tab before have no such trace
    bars = page.locator(".js-plotly-plot .barlayer .trace").first.locator(".point path")
    expect(page.get_by_text("Click a bar to see its images")).to_be_visible()
    bars.last.wait_for()
    settle(page)
    area = chart(page)
    box = area.bounding_box()
    assert box
    # just below the last bin's top edge, left of the diagonal and of the other line
    area.click(position={"x": box["width"] * 14.5 / 15, "y": 0.8 * box["height"]})
    parameter(page, "confidence", f"{14 / 15}~1.0")
    count_is(page, int((world.test.confidence >= 14 / 15).sum()))


def test_a_temperature_is_saved_and_removed(page: Page, world: World) -> None:
    world.open(page, "confidence")
    page.get_by_role("tab", name="Calibration").click()
    expect(page.get_by_text("The test images were not used")).to_be_visible()
    page.get_by_role("button", name="Save with the run").click()
    expect(
        page.get_by_text(re.compile(r"temperature \d\.\d+ \(saved with the run\)"))
    ).to_be_visible()
    go(page, "Errors")
    expect(page.get_by_text(re.compile("saved with the run"))).to_be_visible()
    go(page, "Confidence")
    page.get_by_role("tab", name="Calibration").click()
    page.get_by_role("button", name="Remove the saved temperature").click()
    expect(page.get_by_role("button", name="Save with the run")).to_be_visible()


def test_selective_prediction(page: Page, world: World) -> None:
    world.open(page, "confidence")
    page.get_by_role("tab", name="Selective prediction").click()
    test = world.test
    kept = test.confidence >= 0.9
    coverage = page.locator(".st-key-selective-figures").get_by_text(
        f"{kept.mean():.2%}", exact=True
    )
    expect(coverage).to_be_visible()
    avoided = int((~kept & ~test.correct).sum())
    page.get_by_role("button", name=f"Show {avoided:,} misclassified, rejected").click()
    count_is(page, avoided)


def test_prediction_sets_by_keyboard_and_click(page: Page, world: World) -> None:
    world.open(page, "confidence")
    page.get_by_role("tab", name="Prediction sets").click()
    settle(page)
    slider = page.get_by_role("slider", name="Coverage")
    slider.press("ArrowLeft")  # 95 to 94%
    settle(page)
    validation = Evaluation.load(world.run.evaluation_path("validation"))
    thresholds = calibrate(validation.probabilities, validation.labels, 0.94)
    test = world.test
    sets = PredictionSets.of(test.probabilities, test.labels, thresholds)
    figures = page.locator(".st-key-sets-figures")
    expect(figures.get_by_text(f"{sets.coverage:.2%}", exact=True)).to_be_visible()
    expect(figures.get_by_text(f"{sets.mean_size:.2f}", exact=True)).to_be_visible()
    charts = page.locator("[class*='st-key-set-sizes-'] .js-plotly-plot")
    one = charts.locator(".barlayer .trace").first.locator(".point path").nth(1)
    one.wait_for()
    settle(page)
    one.scroll_into_view_if_needed()
    box = one.bounding_box()
    assert box
    # the sets of one class that is the true one; the chart's own layer lies over its bars
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    count_is(page, int((sets.covered & (sets.sizes == 1)).sum()))


def test_a_weak_slice_shows_its_images(page: Page, world: World) -> None:
    world.open(page, "errors")
    page.get_by_text("Weak slices", exact=True).click()
    table = page.locator("[class*='st-key-weak-slices-table']")
    table.or_(page.get_by_text("by more than chance")).first.wait_for()
    if not table.count():
        pytest.skip("this run has no weak slice")
    settle(page)
    images = int(table.get_by_test_id("glide-cell-5-0").inner_text().replace(",", ""))
    table.locator(".dvn-scroller").click(position={"x": 15, "y": 36 + 17})
    count_is(page, images)
    expect(page.locator("[class*='st-key-chip-']")).not_to_have_count(0)


def test_ten_errors_by_keyboard(page: Page, world: World) -> None:
    test = world.test
    order = sort_positions(test, np.flatnonzero(~test.correct), "confidence")
    world.open(page, "errors")
    tile = page.locator(f".st-key-error-images [data-id='{test.indices[order[0]]}']")
    tile.focus()
    expect(tile).to_be_focused()
    page.keyboard.press("Enter")
    for number in range(10):
        parameter(page, "image", test.indices[order[number]])
        steps = page.locator(".st-key-detail-steps")
        expect(steps).to_contain_text(f"{number + 1} of {len(order):,} filtered images")
        predicted = CLASS_NAMES[test.predicted_labels[order[number]]]
        expect(page.get_by_test_id("stMain")).to_contain_text(f"predicted as {predicted}")
        settle(page)  # the buttons listen once they are there
        page.keyboard.press("ArrowRight")
    steps = page.locator(".st-key-detail-steps")
    for key, number in (("ArrowLeft", 10), ("Escape", 9)):
        parameter(page, "image", test.indices[order[number]])
        expect(steps).to_contain_text(f"{number + 1} of {len(order):,} filtered images")
        settle(page)
        page.keyboard.press(key)
    expect(page.locator(".st-key-error-types")).to_be_visible()
    expect(page).not_to_have_url(re.compile("image="))
    no_exception(page)


def test_focus_on_the_wall_outlives_a_redraw(page: Page, world: World) -> None:
    pair = next(pair for pair in most_confused_pairs(world.test.confusion) if pair.count <= 100)
    chosen = {"true": pair.true_label, "predicted": pair.predicted_label, "correctness": "all"}
    world.open(page, "errors", **chosen)
    tiles(page, pair.count)
    tile = page.locator(".st-key-error-images .tile").first
    image = tile.get_attribute("data-id")
    tile.focus()
    # not by the mouse, which would take the focus along
    page.locator(".st-key-order button").first.evaluate("button => button.click()")
    expect(page.locator(".st-key-order")).to_contain_text("Lowest first")
    last = page.locator(".st-key-error-images .tile").last
    expect(last).to_have_attribute("data-id", str(image))
    expect(last).to_be_focused()


def test_a_verdict_given_here_is_seen_there(
    page: Page, world: World, other_context: BrowserContext
) -> None:
    test = world.test
    image = int(test.indices[sort_positions(test, np.flatnonzero(~test.correct), "margin")[3]])
    world.open(page, "errors", image=image)
    ambiguous = page.locator("[class*=st-key-verdict-ambiguous] button").first
    expect(ambiguous).to_be_visible()
    page.keyboard.press("2")
    expect(ambiguous).to_have_attribute("data-testid", re.compile("primary"))
    note = page.get_by_role("textbox", name="Note")
    note.fill("sleeves hidden")
    note.press("Enter")
    expect(page.get_by_text(re.compile(r"^Ambiguous, .* with your note$"))).to_be_visible()
    elsewhere = other_context.new_page()
    world.open(elsewhere, "errors", verdict="ambiguous")
    tiles(elsewhere, 1)
    elsewhere.locator(f".st-key-error-images [data-id='{image}']").click()
    expect(elsewhere.get_by_role("textbox", name="Note")).to_have_value("sleeves hidden")
    settle(elsewhere)
    elsewhere.keyboard.press("3")
    wrong = elsewhere.locator("[class*=st-key-verdict-label-wrong] button").first
    expect(wrong).to_have_attribute("data-testid", re.compile("primary"))
    elsewhere.get_by_role("button", name=re.compile("Undo verdict")).click()
    there = elsewhere.locator("[class*=st-key-verdict-ambiguous] button").first
    expect(there).to_have_attribute("data-testid", re.compile("primary"))
    settle(elsewhere)
    elsewhere.keyboard.press("2")  # the same again takes it away
    expect(there).to_have_attribute("data-testid", re.compile("secondary"))


def test_kinds_and_filters(page: Page, world: World) -> None:
    test = world.test
    kinds = misclassifications.error_types(test)
    world.open(page, "errors")
    page.locator(".st-key-error-type-random").get_by_role("button").click()
    count_is(page, int((kinds == 2).sum()))
    page.locator(".st-key-order").get_by_role("button").click()
    expect(page.locator(".st-key-order")).to_contain_text("Lowest first")
    lowest = sort_positions(test, np.flatnonzero(kinds == 2), "confidence", descending=False)
    first = page.locator(".st-key-error-images .tile").first
    expect(first).to_have_attribute("data-id", str(test.indices[lowest[0]]))
    settle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("Contact sheet")).click()
    assert download.value.suggested_filename.endswith(".png")


def test_an_image_opens_from_the_confusion_page(page: Page, world: World) -> None:
    world.open(page, "confusion")
    page.locator(".st-key-confusion-images .tile").first.click()
    expect(page.locator(".st-key-detail-steps")).to_contain_text("1 of ")
    expect(page).to_have_url(re.compile("/errors\\?"))


def test_start_leads_to_a_cell_and_to_an_image(page: Page, world: World) -> None:
    test = world.test
    pair = most_confused_pairs(test.confusion)[0]
    page.goto(f"{world.url}/?run={world.run.run_id}&error_type=random&split=validation")
    settle(page)
    cell(page, pair.true_label, pair.predicted_label).click()
    count_is(page, pair.count)
    go(page, "Start")
    page.locator(".st-key-start-images .tile").nth(2).click()
    steps = page.locator(".st-key-detail-steps")
    expect(steps).to_contain_text(f"3 of {int((~test.correct).sum()):,} filtered images")


def test_two_runs(page: Page, bare_server: Server) -> None:
    a, b = (
        Evaluation.load(store.open_run(paths.pretrained_folder(), name).evaluation_path("test"))
        for name in ("fashion-cnn", "fashion-cnn-notebook")
    )
    page.goto(f"{bare_server.url}/confusion?run=fashion-cnn&compared=fashion-cnn-notebook")
    settle(page)
    page.get_by_role("tab", name="Two runs").click()
    only_b = int((b.correct & ~a.correct).sum())
    page.get_by_role("button", name=re.compile(f"Only the compared run correct: {only_b}")).click()
    count_is(page, only_b)
    controls = page.locator(".st-key-matrix-controls")
    controls.get_by_role("radio", name="Difference").or_(
        controls.get_by_role("button", name="Difference")
    ).first.click()
    # of the images that only the other run gets right, this one gets none right
    mask = b.correct & ~a.correct
    right = int((mask & (b.labels == 6)).sum())
    expect(cell(page, 6, 6)).to_have_text(f"-{right}")
    expect(page.get_by_text("McNemar")).to_be_visible()
    page.get_by_role("tab", name="Two cells").click()
    expect(page.get_by_text("First cell", exact=True).first).to_be_visible()
    no_exception(page)


def test_without_the_pixels(page: Page, bare_server: Server) -> None:
    test = Evaluation.load(
        store.open_run(paths.pretrained_folder(), "fashion-cnn").evaluation_path("test")
    )
    for path in ("confusion", "errors", "confidence"):
        page.goto(f"{bare_server.url}/{path}?run=fashion-cnn")
        count_is(page, int((~test.correct).sum()))
        expect(page.get_by_text("Images are unavailable; showing image numbers")).to_be_visible()
        expect(page.get_by_role("button", name="Download Fashion-MNIST (31 MB)")).to_be_visible()
        blank = page.locator(".tile .blank").first
        expect(blank).to_have_text(re.compile(r"^#\d+$"))
        no_exception(page)
    page.locator(".js-plotly-plot").first.wait_for()


@pytest.mark.slow
def test_the_newest_epoch_of_a_running_training(page: Page, start_server: StartServer) -> None:
    server = start_server()
    page.goto(f"{server.url}/train")
    settle(page)
    small_run(page, epochs=400, images=300)
    start_training(page)
    page.get_by_role("link", name="Confusion", exact=True).first.click()
    newest = page.get_by_text(re.compile(r"epoch \d+, the newest so far"))
    expect(newest).to_be_visible()
    first = int(re.findall(r"epoch (\d+)", newest.inner_text())[0])
    page.wait_for_function(
        r"first => Number(/epoch (\d+), the newest so far/"
        r".exec(document.body.innerText)?.[1] ?? 0) > first",
        arg=first,
        timeout=SLOW,
    )
    count = cell(page, 0, 0)
    expect(count).to_have_text(re.compile(r"^(\d+|·)$"))
    no_exception(page)


def test_pages_fit_the_screen(page: Page, world: World) -> None:
    image = int(world.test.indices[np.flatnonzero(~world.test.correct)[0]])
    for path, query in (("confusion", {}), ("errors", {}), ("confidence", {}),
                        ("errors", {"image": image})):  # fmt: skip
        world.open(page, path, **query)
        no_exception(page)
        fits_the_screen(page)


def test_entropy_goes_to_its_highest_value(page: Page, world: World) -> None:
    world.open(page, "confidence", entropy=f"0~{math.log(10)}", correctness="all")
    count_is(page, len(world.test.labels))
