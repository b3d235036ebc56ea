"""An uploaded picture on the Draw page: its mask, its corrections, its settings."""

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from streamlit.testing.v1 import AppTest

from fmnist.sketchpad.mask import Box, Step, Stroke
from fmnist.sketchpad.photographs import Picture
from fmnist.sketchpad.preprocessing import to_model_input
from tests.pages.test_draw import app, canvas_state, parts, predictions, upload
from tests.pages.test_pages import finished, machine
from tests.sketchpad.drawn import T_SHIRT, canvas, photograph

if TYPE_CHECKING:  # registers a component with a running app, which a test has only later
    from fmnist.dashboard.draw.picture_state import PictureState

__all__ = ["app", "finished", "machine"]  # fixtures

EVERYWHERE = Stroke(keeps=False, width=1, points=((0, 0), (1, 1), (0, 1), (1, 0)))


def as_file(rgba: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rgba).save(file, "PNG")
    return file.getvalue()


def correct(app: AppTest, *steps: Step) -> None:
    """Correct the picture, as the browser does, and rerun the page."""
    state: PictureState = app.session_state["draw-picture-state"]
    state.steps = steps
    app.run()
    assert not app.exception


def seen(app: AppTest) -> NDArray[np.uint8]:
    """The model input on the page."""
    pixels = base64.b64decode(parts(app, "model_input")[0]["pixels"])
    return np.frombuffer(pixels, np.uint8).reshape(28, 28)


def shown_mask(app: AppTest) -> NDArray[np.bool_]:
    (editor,) = parts(app, "picture")
    height, width = editor["shape"]
    bits = np.unpackbits(np.frombuffer(base64.b64decode(editor["mask"]), np.uint8))
    return bits[: height * width].reshape(height, width).astype(np.bool_)


def test_the_ground_of_a_photograph_is_faded(app: AppTest) -> None:
    upload(app, as_file(photograph()))
    (editor,) = parts(app, "picture")
    assert editor["told"] == "Photograph: what is faded is left out."
    assert editor["image"].startswith("data:image/webp;base64,")
    assert (shown_mask(app) == Picture(photograph()).find_mask()[::2, ::2]).all()
    assert (seen(app) == to_model_input(photograph())).all()


def test_the_answer_follows_a_correction(app: AppTest) -> None:
    upload(app, as_file(photograph()))
    before = predictions(app)[0]["rows"]
    correct(app, Box(0, 0, 1, 0.5), "turn")
    mask = Picture(photograph()).find_mask((0, 0, 400, 200))
    assert (shown_mask(app) == np.rot90(mask, -1)[::2, ::2]).all()
    turned = np.ascontiguousarray(np.rot90(photograph(), -1))
    expected = to_model_input(turned, mask=np.ascontiguousarray(np.rot90(mask, -1)))
    assert (seen(app) == expected).all()
    assert predictions(app)[0]["rows"] != before
    correct(app, Box(0, 0, 1, 0.5), "turn", "reset")
    assert (seen(app) == to_model_input(photograph())).all()


def test_corrections_end_with_their_picture(app: AppTest) -> None:
    upload(app, as_file(photograph()))
    number = parts(app, "picture")[0]["picture"]
    correct(app, "whole")
    assert shown_mask(app).all()
    upload(app, as_file(photograph(seed=7)))
    assert (shown_mask(app) == Picture(photograph(seed=7)).find_mask()[::2, ::2]).all()
    assert parts(app, "picture")[0]["picture"] != number


def test_a_saved_picture_keeps_its_corrections(app: AppTest) -> None:
    upload(app, as_file(photograph()))
    state: PictureState = app.session_state["draw-picture-state"]
    state.sent = [["box", 0, 0, 1, 0.5], ["turn"]]
    correct(app, Box(0, 0, 1, 0.5), "turn")
    corrected = seen(app).astype(int)
    app.button(key="draw-save").click().run()
    app.button(key="draw-back").click().run()
    (card,) = [button for button in app.button if button.label == "Open"]
    card.click().run()
    assert not app.exception and parts(app, "picture")[0]["steps"] == [
        ["box", 0, 0, 1, 0.5], ["turn"],
    ]  # fmt: skip
    assert np.abs(seen(app) - corrected).mean() < 12  # the gallery keeps a smaller picture
    assert np.abs(to_model_input(photograph()) - corrected).mean() > 24
    assert app.button(key="draw-save").label == "Saved"


def test_a_saved_picture_keeps_what_it_is(app: AppTest) -> None:
    upload(app, as_file(photograph()))
    kind = "draw-kind"
    app.segmented_control(key=kind).set_value("drawing").run()
    redrawn = seen(app).astype(int)
    app.button(key="draw-save").click().run()
    upload(app, as_file(photograph(seed=7)))
    assert app.segmented_control(key=kind).value == "auto"
    assert parts(app, "picture")[0]["told"].startswith("Photograph")
    (card,) = [button for button in app.button if button.label == "Open"]
    card.click().run()
    assert not app.exception and app.segmented_control(key=kind).value == "drawing"
    assert np.abs(seen(app) - redrawn).mean() < 12
    assert app.button(key="draw-save").label == "Saved"
    app.segmented_control(key=kind).set_value("photograph").run()
    assert app.button(key="draw-save").label == "Save"


@pytest.mark.parametrize(
    ("picture", "steps", "headline", "advice"),
    [
        (np.full((50, 60, 4), 255, np.uint8), (), "Blank image", "only one color"),
        (photograph(), (EVERYWHERE,), "Nothing is left", "Undo, or reset."),
        (canvas(T_SHIRT), (EVERYWHERE,), "Nothing is left", "Undo, or reset."),
    ],
)
def test_a_blank_model_input_is_explained(
    app: AppTest, picture: NDArray[np.uint8], steps: tuple[Step, ...], headline: str, advice: str
) -> None:
    upload(app, as_file(picture))
    if steps:
        correct(app, *steps)
    (prediction,) = predictions(app)
    assert prediction["headline"] == headline and advice in prediction["note"]
    assert prediction["tone"] == "none" and not seen(app).any()


def test_an_empty_mask_says_what_to_do(app: AppTest) -> None:
    faint = np.full((50, 60, 4), 255, np.uint8)
    faint[20:30, 20:30, :3] = 252  # less than the noise of a ground
    upload(app, as_file(faint))
    app.segmented_control(key="draw-kind").set_value("photograph").run()
    (prediction,) = predictions(app)
    assert prediction["headline"] == "No garment found"
    assert "draw a box, or keep the whole picture" in prediction["note"]
    assert parts(app, "picture")[0]["told"] == "Photograph: all of it is left out."
    correct(app, "whole")
    assert seen(app).any() and predictions(app)[0]["tone"] != "none"
    correct(app)
    app.segmented_control(key="draw-kind").set_value("drawing").run()
    assert predictions(app)[0]["headline"] == "No lines found"


def test_settings_of_drawings_are_off_for_a_photograph(app: AppTest) -> None:
    def are_off() -> list[bool]:
        widgets: list[Any] = [
            app.toggle(key="draw-fill"), app.toggle(key="draw-same-width"),
            app.segmented_control(key="draw-ink"), app.slider(key="draw-line_width"),
        ]  # fmt: skip
        return [widget.disabled for widget in widgets]

    assert are_off() == [False] * 4
    upload(app, as_file(photograph()))
    assert are_off() == [True] * 4
    assert "Not used for a photograph" in app.segmented_control(key="draw-ink").help
    assert not app.toggle(key="draw-crop").disabled
    app.segmented_control(key="draw-kind").set_value("drawing").run()
    assert are_off() == [False] * 4
    app.segmented_control(key="draw-kind").set_value("auto").run()
    app.button(key="draw-back").click().run()
    assert are_off() == [False] * 4
    assert canvas_state(app).picture is None
