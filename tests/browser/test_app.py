"""A person at a browser: trains, leaves, comes back; on drawn garments, and on the real ones."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from fmnist.data.labels import CLASS_NAMES
from fmnist.runs import store
from fmnist.runs.drawings import FollowedDrawings
from fmnist.runs.run import Run
from tests.browser import drawing
from tests.browser.conftest import Server, serving
from tools.driver import (
    ROOT,
    SLOW,
    choose_preset,
    settle,
    small_run,
    start_training,
    train_original_recipe,
)
from tools.mirror import Mirror

StartServer = Callable[..., Server]


@pytest.fixture(scope="module")
def server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An app without data set, whose runs several tests make; no download comes through."""
    with serving(tmp_path_factory.mktemp("app"), FMNIST_MIRROR="http://127.0.0.1:9/") as server:
        yield server


POINTS = """() => {
  const foot = document.querySelector('.st-key-curves-foot');
  const chart = document.querySelector('.st-key-loss svg path');
  return foot && chart ? parseInt(foot.innerText.replace(',', '')) : 0;
}"""
LOSS_LABELS = """() => [...document.querySelectorAll('.st-key-loss svg text')]
  .map(text => text.textContent).join(' ')"""


def open_page(page: Page, server: Server, path: str = "", query: str = "") -> None:
    page.goto(f"{server.url}/{path}{query}")
    settle(page)


def click(page: Page, name: str) -> None:
    # Streamlit's own head has a button called Stop while the page is drawn
    page.get_by_test_id("stMain").get_by_role("button", name=name, exact=True).click()


def badge(page: Page, text: str) -> None:
    # the icon before it is text, too
    shown = page.locator(".st-key-progress-head").get_by_text(re.compile(rf"{text}$"))
    expect(shown.first).to_be_visible()


def wait_for_points(page: Page, at_least: int) -> int:
    page.wait_for_function(f"({POINTS})() >= {at_least}", timeout=SLOW)
    return int(page.evaluate(POINTS))


def only_run(server: Server) -> Run:
    (run,) = store.list_runs(server.runs)
    return run


def no_exception(page: Page) -> None:
    expect(page.get_by_test_id("stException")).to_have_count(0)


@pytest.mark.slow
def test_one_epoch_of_the_real_data_set(
    page: Page, other_context: BrowserContext, start_server: StartServer, fashion_mnist_folder: Path
) -> None:
    server = start_server(FMNIST_DATA=os.environ["FMNIST_DATA"])
    open_page(page, server, "train")
    expect(page.get_by_text("Data: Fashion-MNIST")).to_be_visible()
    choose_preset(page, "One epoch")
    expect(page.get_by_text("All training images once")).to_be_visible()
    start_training(page)
    badge(page, "Training")
    first = wait_for_points(page, 2)
    second = wait_for_points(page, first + 2)  # the curve grows while it runs
    assert second > first
    address = page.url
    page.close()

    # another browser, later: the same run, finished and kept
    other = other_context.new_page()
    other.goto(address)
    expect(other.locator(".st-key-progress-head").get_by_text("Finished")).to_be_visible(
        timeout=600_000
    )
    other.reload()
    badge(other, "Finished")
    no_exception(other)
    run = only_run(server)
    assert run.state == "finished"
    assert run.history.epochs[0].step == 430  # 55,000 images in batches of 128
    assert run.history.epochs[0].accuracy > 0.8


@pytest.mark.slow
def test_pause_in_one_browser_resume_in_another(
    page: Page, other_context: BrowserContext, start_server: StartServer
) -> None:
    server = start_server()
    open_page(page, server, "train")
    expect(page.get_by_text("Showing synthetic images")).to_be_visible()
    small_run(page, epochs=400)  # stopped long before it ends
    start_training(page)
    badge(page, "Training")
    wait_for_points(page, 2)
    click(page, "Pause")
    badge(page, "Paused")

    other = other_context.new_page()
    open_page(other, server, "train")
    badge(other, "Paused")
    shown = wait_for_points(other, 2)
    click(other, "Resume")
    badge(page, "Training")  # the first browser sees it too
    wait_for_points(page, shown + 1)
    click(page, "Stop")
    badge(page, "Stopped")
    badge(other, "Stopped")
    run = only_run(server)
    assert run.state == "stopped"
    assert run.weights_path.exists() and run.evaluation_path("test").exists()


@pytest.mark.slow
def test_curves_grow_in_place_and_keep_the_zoom(page: Page, start_server: StartServer) -> None:
    server = start_server()
    open_page(page, server, "train")
    small_run(page, epochs=60)
    start_training(page)
    badge(page, "Training")
    before = wait_for_points(page, 2)
    slider = page.get_by_role("slider", name="Epochs shown — end")
    expect(slider).to_have_value("60")
    slider.focus()
    for _ in range(57):
        slider.press("ArrowLeft")
    expect(slider).to_have_value("3")  # no key was lost while the curves were drawn
    ended_at = "() => /(^| )3( |$)/.test((" + LOSS_LABELS + ")())"  # the axis ends at epoch 3
    page.wait_for_function(ended_at, timeout=SLOW)
    page.evaluate("() => { window.chart = document.querySelector('.st-key-loss svg path') }")
    page.evaluate("() => { window.box = document.querySelector('.st-key-loss') }")
    wait_for_points(page, before + 8)
    assert page.evaluate("window.box === document.querySelector('.st-key-loss')")
    assert page.evaluate(ended_at)
    assert "60" not in page.evaluate(LOSS_LABELS).split()
    click(page, "Stop")
    badge(page, "Stopped")


@pytest.mark.slow
def test_interrupted_by_a_dead_server_then_resumed(page: Page, start_server: StartServer) -> None:
    server = start_server()
    open_page(page, server, "train")
    small_run(page, epochs=12)
    start_training(page)
    badge(page, "Training")
    wait_for_points(page, 2)
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    assert only_run(server).state == "interrupted"

    again = start_server()
    open_page(page, again, "train")
    page.get_by_test_id("stSidebar").get_by_role("combobox").first.click()
    page.get_by_role("option", name="interrupted").click()
    badge(page, "Interrupted")
    click(page, "Resume training")
    badge(page, "Finished")
    assert [entry.epoch for entry in only_run(again).history.epochs] == list(range(1, 13))


def read_to_the_end(
    process: "subprocess.Popen[bytes]", awaited: bytes, seen: threading.Event
) -> None:
    """Read what a process prints, since it stands still once nobody does; set `seen` at a word."""
    assert process.stderr
    told = b""
    with process.stderr as stream:
        while piece := os.read(stream.fileno(), 4096):
            told = (told + piece)[-8192:]
            if awaited in told:
                seen.set()


def test_run_of_a_terminal_is_live_on_the_dashboard(page: Page, server: Server) -> None:
    environment = os.environ | {
        "FMNIST_ARTIFACTS": str(server.artifacts),
        "FMNIST_DATA": "",
        "FMNIST_DOWNLOADS": str(server.artifacts.parent / "data"),
    }
    terminal = subprocess.Popen(
        [
            sys.executable, "-m", "fmnist", "train", "--dataset", "synthetic-garments",
            "--subset", "1000", "--epochs", "200", "--log-every", "2", "--name", "From a terminal",
        ],
        cwd=ROOT, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    begun = threading.Event()
    reader = threading.Thread(target=read_to_the_end, args=(terminal, b"steps/s", begun))
    reader.start()
    assert begun.wait(SLOW / 1000)  # the bar has begun to move
    open_page(page, server, "train")
    badge(page, "Training")
    expect(page.get_by_text("Trained by another process")).to_be_visible()
    shown = wait_for_points(page, 1)
    wait_for_points(page, shown + 2)
    terminal.send_signal(signal.SIGINT)
    reader.join()
    terminal.wait()
    badge(page, "Interrupted")


def test_rename_delete_and_undo(page: Page, server: Server) -> None:
    open_page(page, server, "train")
    small_run(page, epochs=1)
    page.get_by_role("textbox", name="Name (optional)").fill("First try")
    page.get_by_role("textbox", name="Name (optional)").press("Enter")
    run_id = start_training(page)
    expect(page.locator(".st-key-progress-head").get_by_text("First try")).to_be_visible()
    badge(page, "Finished")
    assert store.open_run(server.runs, run_id).name == "First try"

    # once it can be deleted, the page knows that it has ended, and is not drawn again
    expect(
        page.get_by_test_id("stMain").get_by_role("button", name="Delete", exact=True)
    ).to_be_enabled()
    settle(page)
    page.locator(".st-key-edit-run").get_by_role("button").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Name").fill("Second thoughts")
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator(".st-key-progress-head").get_by_text("Second thoughts")).to_be_visible()
    expect(dialog).to_have_count(0)
    settle(page)

    # from its row: a star, then notes
    rows = page.locator("[class*='st-key-run-table-'] .dvn-scroller").first
    rows.click(position={"x": 53, "y": 53})
    expect(page.get_by_text("Favorites only")).to_be_visible()
    settle(page)
    rows.click(position={"x": 347, "y": 53})
    page.get_by_role("menuitem", name="Edit").click()
    dialog.get_by_role("textbox", name="Notes").fill("to be kept")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    settle(page)
    found = store.open_run(server.runs, run_id).annotations
    assert (found.notes, found.favorite) == ("to be kept", True)

    # what is downloaded is made at the click, which Streamlit forgets when it draws the page anew
    settle(page)
    with page.expect_download() as download:
        click(page, "Download")
    assert download.value.suggested_filename.endswith(".zip")

    click(page, "Delete")
    expect(page.get_by_text("was deleted")).to_be_visible()
    assert run_id not in store.run_ids(server.runs)
    settle(page)  # else the deleted run may still be shown
    click(page, "Undo")
    settle(page)
    expect(page.locator(".st-key-progress-head").get_by_text("Second thoughts")).to_be_visible()
    assert store.open_run(server.runs, run_id).name == "Second thoughts"


def test_a_training_learns_a_drawing_before_your_eyes(page: Page, server: Server) -> None:
    drawing.open_draw(page, server.url)
    drawing.draw(page, drawing.BOX)
    page.get_by_role("button", name="Watch it learn").click()
    expect(page.get_by_text("The next training follows 1 drawing of yours.")).to_be_visible()
    settle(page)
    small_run(page, epochs=2, images=300)
    run_id = start_training(page)
    shown = page.locator(".st-key-drawing-curves")
    expect(shown).to_contain_text("After epoch 2: ")
    badge(page, "Finished")
    run = store.open_run(server.runs, run_id)
    known = FollowedDrawings.load(run.followed_drawings_path)
    newest = known.probabilities[-1]
    assert known.epochs.tolist() == [0, 1, 2]
    # the highest class is named at the end of its line, and in the sentence
    best = CLASS_NAMES[int(newest.argmax())]
    expect(shown).to_contain_text(f"After epoch 2: {best}, {newest.max():.0%}.")
    expect(shown.locator(".st-key-drawing svg text", has_text=best)).to_be_visible()
    no_exception(page)


def test_one_click_downloads_the_real_data_set(
    page: Page, start_server: StartServer, mirror: Mirror
) -> None:
    mirror.hold = threading.Event()
    server = start_server(FMNIST_MIRROR=mirror.url)
    open_page(page, server, "data")
    click(page, "Download Fashion-MNIST (31 MB)")
    expect(page.get_by_text("Downloading Fashion-MNIST: 13")).to_be_visible()  # half of the largest
    mirror.hold.set()
    expect(page.get_by_text("Data: Fashion-MNIST")).to_be_visible()
    expect(page.get_by_text("12 of 5,500").first).to_be_visible()
    no_exception(page)


def test_a_failed_download_is_told_in_a_sentence(page: Page, server: Server) -> None:
    open_page(page, server)
    click(page, "Download Fashion-MNIST (31 MB)")
    expect(page.get_by_text("Fashion-MNIST could not be downloaded")).to_be_visible()
    expect(page.get_by_role("button", name="Download Fashion-MNIST (31 MB)")).to_be_visible()


def test_unknown_run_in_the_address_is_said(page: Page, bare_server: Server) -> None:
    open_page(page, bare_server, query="?run=nonsense")
    expect(page.get_by_text("Ignored unknown values in the URL: run 'nonsense'")).to_be_visible()
    no_exception(page)


def test_a_member_of_an_ensemble_is_opened_by_its_row(page: Page, bare_server: Server) -> None:
    open_page(page, bare_server, "train", "?run=ensemble")
    table = page.locator(".st-key-members")
    expect(table.get_by_test_id("glide-cell-1-1")).to_have_text(re.compile("Strong"))
    settle(page)
    table.locator(".dvn-scroller").click(position={"x": 16, "y": 36 + 1.5 * 35})  # the second row
    expect(page).to_have_url(re.compile(r"[?&]run=strong(&|$)"))
    expect(page.locator(".st-key-progress-head")).to_contain_text("Strong")
    expect(table).to_have_count(0)
    no_exception(page)


@pytest.mark.slow
def test_a_benchmark_starts_the_original_recipe(
    browser: Browser, start_server: StartServer
) -> None:
    server = start_server()
    train_original_recipe(browser, server.url)
    (run,) = store.list_runs(server.runs)
    assert run.training is not None
    assert (run.state, run.training.model, run.training.epochs) == ("running", "fashion-cnn", 20)
