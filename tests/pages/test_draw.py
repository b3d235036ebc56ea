"""The Draw page without a browser: its states, predictions and gallery."""

import base64
import io
import json
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from streamlit.testing.v1 import AppTest

from fmnist import paths
from fmnist.data.labels import CLASS_NAMES
from fmnist.data.synthetic import strokes
from fmnist.explain.attributions import Explainer, Targets
from fmnist.models.classifier import Classifier
from fmnist.models.registry import create_model
from fmnist.reports import heat_maps
from fmnist.runs import store
from fmnist.runs.run import Run
from fmnist.runs.temperature import Temperature, save_temperature
from fmnist.sketchpad import canvas, preprocessing, recognition
from fmnist.sketchpad.canvas import Shape
from fmnist.sketchpad.gallery import Gallery
from fmnist.sketchpad.recognition import SketchResult
from fmnist.sketchpad.steps import Step
from tests.pages.test_pages import finished, give, machine, open_app, text
from tests.sketchpad.drawn import photograph
from tools.small import small_dataset

if TYPE_CHECKING:  # the canvas registers with a running app, which a test has only later
    from fmnist.dashboard.draw.canvas_state import CanvasState

__all__ = ["finished", "machine"]  # fixtures

BOX = [(80, 80), (250, 80), (250, 250), (80, 250), (80, 80)]
STROKE = [(60, 60), (250, 75)]


def step(*lines: list[tuple[int, int]]) -> Step:
    """A canvas with lines, as the browser sends it."""
    picture = Image.new("RGBA", (canvas.SIDE, canvas.SIDE), "white")
    shapes: list[Shape] = []
    for line in lines:
        ImageDraw.Draw(picture).line(line, fill="black", width=8)
        path = [["L" if i else "M", x, y] for i, (x, y) in enumerate(line)]
        shapes.append({"type": "Path", "path": path, "stroke": "#000000", "strokeWidth": 8})
    return Step(shapes, canvas.as_png(np.asarray(picture)))


def canvas_state(app: AppTest) -> "CanvasState":
    state: CanvasState = app.session_state["draw-state"]
    return state


def draw(app: AppTest, *lines: list[tuple[int, int]]) -> None:
    """Put lines on the canvas, and rerun the page."""
    canvas_state(app).steps.add(step(*lines))
    app.run()
    assert not app.exception


def parts(app: AppTest, name: str) -> list[dict[str, Any]]:
    """The data of the components of that name."""
    found: list[Any] = list(app.get("bidi_component"))
    return [json.loads(e.proto.json) for e in found if e.proto.component_name == f"fmnist_{name}"]


def predictions(app: AppTest) -> list[dict[str, Any]]:
    return parts(app, "prediction")


def probabilities(prediction: dict[str, Any]) -> list[float]:
    return [row["probability"] for row in prediction["rows"]]


@pytest.fixture
def app(finished: Run, machine: Path) -> AppTest:
    """The page on a machine with one run."""
    give(finished, machine)
    return open_app("draw")


def test_without_any_model_it_says_what_to_do() -> None:
    app = open_app("draw")
    assert "There is no model yet: train one first." in text(app)
    assert not predictions(app)


def test_an_empty_canvas_invites_to_draw(app: AppTest) -> None:
    (prediction,) = predictions(app)
    assert prediction["headline"] == "Draw a shoe, a shirt, a bag…" and prediction["tone"] == "none"
    assert probabilities(prediction) == [0.0] * 10
    assert [row["name"] for row in prediction["rows"]] == list(CLASS_NAMES)
    assert app.selectbox(key="draw-label").disabled and app.button(key="draw-save").disabled
    # before a picture is chosen: the browser refuses a HEIC photo without a word on a phone
    assert "HEIC photo as a JPEG" in text(app) and "all who use this app share" in text(app)


def answer(classifier: Classifier, seen: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Probabilities of a model input: the means over small shifts."""
    means: NDArray[np.float32] = classifier.predict_proba(recognition.shifted(seen[None])).mean(0)
    return means


def test_without_the_sketch_model_it_says_so(app: AppTest) -> None:
    assert "The sketch model is not installed" in text(app)


def test_the_sketch_model_comes_first(
    finished: Run, machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(finished, machine)
    sketch = give(finished, tmp_path / "pretrained")
    sketch.folder.rename(sketch.folder.with_name(recognition.OOD_MODEL))
    monkeypatch.setattr(paths, "pretrained_folder", lambda: tmp_path / "pretrained")
    app = open_app("draw", run=finished.run_id)
    assert app.selectbox(key="draw-model").value == recognition.OOD_MODEL
    assert "is not installed" not in text(app)


def test_the_prediction_is_the_classifiers(app: AppTest, finished: Run) -> None:
    draw(app, BOX)
    (prediction,) = predictions(app)
    seen = preprocessing.to_model_input(canvas.pixels(canvas_state(app).steps.current.picture))
    expected = answer(Classifier.load(finished.weights_path), seen)
    assert probabilities(prediction) == pytest.approx(expected.tolist(), abs=1e-5)
    best = int(expected.argmax())
    percent = f"{expected[best]:.0%}"
    assert prediction["headline"] == f"{CLASS_NAMES[best]}, {percent}"
    assert [row["first"] for row in prediction["rows"]] == [i == best for i in range(10)]
    (shown,) = parts(app, "model_input")
    assert shown["pixels"] == _base64(seen)


def _base64(seen: NDArray[np.uint8]) -> str:
    return base64.b64encode(seen.tobytes()).decode()


def test_predictions_take_one_core_and_training_keeps_all(app: AppTest) -> None:
    import torch

    usual = torch.get_num_threads()
    threads: list[int] = []
    original = recognition.classify_inputs

    def classify(*arguments: Any, **options: Any) -> list[SketchResult]:
        threads.append(torch.get_num_threads())
        return original(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recognition, "classify_inputs", classify)
        draw(app, BOX)
    assert threads == [1]
    later: list[int] = []
    other = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    other.start()
    other.join()
    assert later == [usual]


def test_one_stroke_is_not_enough(app: AppTest) -> None:
    draw(app, STROKE)
    (prediction,) = predictions(app)
    assert prediction["headline"] == "Keep drawing…" and prediction["tone"] == "guessing"
    assert sum(probabilities(prediction)) == pytest.approx(1, abs=1e-4)
    draw(app, STROKE, BOX)
    assert predictions(app)[0]["tone"] != "guessing"


def test_a_non_garment_is_rejected_and_what_is_near_one_doubted(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    score = 0.1

    def classify(*_: object, **__: object) -> list[SketchResult]:
        probabilities = np.full(10, 0.1, np.float32)
        return [SketchResult(probabilities, score, np.full((28, 28), 9, np.uint8))]

    monkeypatch.setattr(recognition, "classify_inputs", classify)
    draw(app, BOX)
    (prediction,) = predictions(app)
    assert prediction["headline"] == "This does not look like a garment"
    assert prediction["note"] == "Nearest: T-shirt/top, 10%."
    assert prediction["tone"] == "rejected"
    score = recognition.IN_DISTRIBUTION_THRESHOLD
    app.run()
    (prediction,) = predictions(app)
    assert prediction["headline"] == "Nearest: T-shirt/top, 10%"
    assert prediction["note"] == "It may be none of the ten classes."
    assert prediction["tone"] == "doubtful"


def test_an_erased_canvas_is_empty(app: AppTest) -> None:
    draw(app, BOX)
    blank = step()
    canvas_state(app).steps.add(Step(step(BOX).shapes, blank.picture))
    app.run()
    assert predictions(app)[0]["tone"] == "none"


def grow(app: AppTest) -> None:
    """Put a shape under way on the canvas, such as a polygon, and rerun the page."""
    canvas_state(app).growing = step(STROKE).shapes[0]
    app.run()
    assert not app.exception


def test_another_tool_drops_what_is_under_way(app: AppTest) -> None:
    draw(app, BOX)
    said = predictions(app)[0]["rows"]
    grow(app)
    assert predictions(app)[0]["growing"] and predictions(app)[0]["rows"] != said
    app.segmented_control(key="draw-tool").set_value("Line").run()
    assert not predictions(app)[0]["growing"] and predictions(app)[0]["rows"] == said


def test_leaving_the_page_drops_what_is_under_way(app: AppTest) -> None:
    draw(app, BOX)
    grow(app)
    app.switch_page("pages/start.py").run()
    app.switch_page("pages/draw.py").run()
    assert not predictions(app)[0]["growing"]


def test_undo_redo_clear_of_drawable_canvas(app: AppTest) -> None:
    app.selectbox(key="draw-canvas-choice").select("drawable-canvas").run()
    assert all(app.button(key=f"draw-{name}").disabled for name in ("undo", "redo", "clear"))
    assert not parts(app, "board")
    draw(app, BOX)
    said = predictions(app)[0]["headline"]
    revision = canvas_state(app).revision
    app.button(key="draw-undo").click().run()
    assert predictions(app)[0]["tone"] == "none"
    app.button(key="draw-redo").click().run()
    assert predictions(app)[0]["headline"] == said
    app.button(key="draw-clear").click().run()
    assert predictions(app)[0]["tone"] == "none"
    app.button(key="draw-undo").click().run()
    assert predictions(app)[0]["headline"] == said
    assert canvas_state(app).revision == revision + 4  # the canvas is sent each of them


def test_a_saved_temperature_counts(finished: Run, machine: Path) -> None:
    run = give(finished, machine)
    best = run.history.best
    assert best
    saved = {"temperature": 4.0, "epoch": best.epoch, "loss_before": 1.0, "loss_after": 1.0}
    (run.folder / "temperature.json").write_text(json.dumps(saved))
    app = open_app("draw")
    draw(app, BOX)
    classifier = Classifier.load(run.weights_path)
    classifier.temperature = 4.0
    seen = preprocessing.to_model_input(canvas.pixels(canvas_state(app).steps.current.picture))
    expected = answer(classifier, seen)
    assert probabilities(predictions(app)[0]) == pytest.approx(expected.tolist(), abs=1e-5)


def test_damaged_weights_are_told_in_a_sentence(finished: Run, machine: Path) -> None:
    run = give(finished, machine)
    run.weights_path.write_bytes(b"rubbish")
    app = open_app("draw")
    assert "The model Trained cannot be used: the file model.safetensors is damaged" in text(app)
    assert not predictions(app)


def test_a_broken_run_classifies_nothing_at_another_temperature(
    finished: Run, machine: Path
) -> None:
    run = give(finished, machine)
    save_temperature(run, Temperature(2.5, 1, 1.0, 0.9))
    run.history_path.write_text("not json\n")
    app = open_app("draw")
    draw(app, BOX)
    assert "The run Trained is broken: the file history.jsonl is damaged" in text(app)
    assert not predictions(app)


def test_a_damaged_temperature_is_reported_in_a_sentence(finished: Run, machine: Path) -> None:
    run = give(finished, machine)
    (run.folder / "temperature.json").write_text("rubbish")
    app = open_app("draw")
    draw(app, BOX)
    assert "The temperature of Trained cannot be read" in text(app)


def test_a_model_deleted_meanwhile_is_reported(
    finished: Run, machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(finished, machine)
    other = give(finished, tmp_path / "pretrained")
    other.folder.rename(other.folder.with_name("other"))
    monkeypatch.setattr(paths, "pretrained_folder", lambda: tmp_path / "pretrained")
    app = open_app("draw")
    app.selectbox(key="draw-model").set_value(finished.run_id).run()
    store.delete_run(store.open_run(machine, finished.run_id))
    app.run()
    assert not app.exception
    assert f"The model {finished.run_id} no longer exists." in text(app)
    assert app.selectbox(key="draw-model").value == "other"


def test_two_models_side_by_side(
    finished: Run, machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = give(finished, machine)
    other = give(finished, tmp_path / "pretrained")
    other.folder.rename(other.folder.with_name("other"))
    monkeypatch.setattr(paths, "pretrained_folder", lambda: tmp_path / "pretrained")
    app = open_app("draw")
    draw(app, BOX)
    app.selectbox(key="draw-second").set_value(run.run_id).run()
    first, second = predictions(app)
    assert (first["model"], second["model"]) == (
        "Trained (other)", f"Trained ({run.run_id.rpartition('-')[2]})",
    )  # fmt: skip
    assert first["headline"] == second["headline"]  # they are copies
    prepared = Mock(wraps=strokes.letterbox)
    monkeypatch.setattr(preprocessing, "letterbox", prepared)
    app.run()
    assert prepared.call_count == 1  # for both models
    upload(app, canvas.as_png(photograph()))
    assert prepared.call_count == 2


def test_the_preparation_is_switched_and_put_back(app: AppTest) -> None:
    draw(app, BOX)
    before = parts(app, "model_input")[0]["pixels"]
    app.toggle(key="draw-crop").set_value(False).run()
    whole = parts(app, "model_input")[0]["pixels"]
    assert whole != before
    app.toggle(key="draw-fill").set_value(True).run()
    assert parts(app, "model_input")[0]["pixels"] not in (before, whole)
    app.slider(key="draw-line_width").set_value(3.5).run()
    app.button(key="draw-defaults").click().run()
    assert parts(app, "model_input")[0]["pixels"] == before
    assert app.button(key="draw-defaults").disabled


def test_an_example_is_put_on_the_canvas(app: AppTest) -> None:
    app.button(key="draw-example-Dress").click().run()
    assert not app.exception
    assert canvas_state(app).sent == canvas_state(app).steps.current.shapes != []
    assert predictions(app)[0]["tone"] == "sure"  # at once, before the browser has drawn it
    (board,) = parts(app, "board")
    assert board["shapes"] == canvas_state(app).sent and board["position"] == 1
    assert board["steps"] == [[0, 0], [0, len(board["shapes"])]]


def test_each_canvas_shows_the_drawing_of_the_other(app: AppTest) -> None:
    draw(app, BOX)
    said = predictions(app)[0]["headline"]
    app.selectbox(key="draw-canvas-choice").select("drawable-canvas").run()
    assert canvas_state(app).sent == step(BOX).shapes
    app.button(key="draw-undo").click().run()
    app.button(key="draw-redo").click().run()
    app.selectbox(key="draw-canvas-choice").select("Built in").run()
    (board,) = parts(app, "board")
    assert board["shapes"] == step(BOX).shapes and board["stamp"] == canvas_state(app).stamp
    assert predictions(app)[0]["headline"] == said


# --- A test image, a picture --------------------------------------------------------------------


def paint_over(app: AppTest, index: int) -> None:
    from fmnist.dashboard.draw.canvas_state import TestImage

    dataset = small_dataset()
    label, pixels = int(dataset.test_labels[index]), dataset.test_images[index]
    canvas_state(app).start_sheet([], image=TestImage(index, label, pixels))
    app.run()
    assert not app.exception


def test_a_test_image_is_the_model_input(app: AppTest, finished: Run) -> None:
    paint_over(app, 3)
    pixels = small_dataset().test_images[3]
    assert parts(app, "model_input")[0]["pixels"] == _base64(pixels)
    (prediction,) = predictions(app)
    expected = Classifier.load(finished.weights_path).predict_proba(pixels[None])[0]
    assert probabilities(prediction) == pytest.approx(expected.tolist(), abs=1e-5)
    assert [row["before"] for row in prediction["rows"]] == pytest.approx(
        expected.tolist(), abs=1e-5
    )
    assert all(row["change"] == "" for row in prediction["rows"])
    app.button(key="draw-new").click().run()
    assert predictions(app)[0]["tone"] == "none" and "**Draw a garment**" in text(app)


def test_painting_shows_the_difference_to_the_image(app: AppTest, finished: Run) -> None:
    paint_over(app, 3)
    strokes = np.zeros((canvas.SIDE, canvas.SIDE, 4), np.uint8)
    strokes[:, 100:300] = 255
    canvas_state(app).steps.add(Step(step(BOX).shapes, canvas.as_png(strokes)))
    app.run()
    pixels = small_dataset().test_images[3]
    seen = canvas.composite(pixels, strokes)
    classifier = Classifier.load(finished.weights_path)
    before, after = classifier.predict_proba(np.stack([pixels, seen]))
    (prediction,) = predictions(app)
    assert probabilities(prediction) == pytest.approx(after.tolist(), abs=1e-5)
    assert [row["before"] for row in prediction["rows"]] == pytest.approx(before.tolist(), abs=1e-5)
    for row, was, now in zip(prediction["rows"], before, after, strict=True):
        points = round(100 * (float(now) - float(was)))
        assert row["change"] == ("" if not points else f"{points:+d}".replace("-", "−"))
    assert ("Changed" in prediction["note"]) == (before.argmax() != after.argmax())


def test_random_image(app: AppTest) -> None:
    app.session_state["draw-sources"] = "Test image"
    app.run()
    app.selectbox(key="draw-class").set_value(8).run()
    app.button(key="draw-random").click().run()
    assert not app.exception
    image = canvas_state(app).image
    assert image and image.label == 8
    assert f"**Bag**, test image {image.index:,}" in text(app)


def picture_file(kind: str = "PNG") -> bytes:
    picture = Image.new("RGB", (200, 300), "white")
    picture.paste("navy", (50, 50, 150, 250))
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return buffer.getvalue()


def upload(app: AppTest, content: bytes) -> None:
    (field,) = app.get("file_uploader")
    uploader: Any = field
    uploader.set_value([("picture.png", content, "image/png")]).run()
    assert not app.exception


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_goes_the_same_way(app: AppTest, finished: Run, kind: str) -> None:
    upload(app, picture_file(kind))
    assert parts(app, "picture")[0]["answer"] == predictions(app)[0]["headline"]
    picture = canvas_state(app).picture
    assert picture is not None
    seen = preprocessing.to_model_input(picture)
    expected = answer(Classifier.load(finished.weights_path), seen)
    assert probabilities(predictions(app)[0]) == pytest.approx(expected.tolist(), abs=1e-5)
    app.button(key="draw-back").click().run()
    assert "**Draw a garment**" in text(app)


def test_the_kind_of_a_picture_can_be_chosen(app: AppTest, finished: Run) -> None:
    buffer = io.BytesIO()
    Image.fromarray(photograph()).save(buffer, "PNG")
    upload(app, buffer.getvalue())
    picture = canvas_state(app).picture
    assert picture is not None
    model = Classifier.load(finished.weights_path)
    for kind in ("auto", "drawing", "photograph"):
        app.segmented_control(key="draw-kind").set_value(kind).run()
        assert not app.exception
        seen = preprocessing.to_model_input(picture, preprocessing.Preparation(kind=kind))
        expected = answer(model, seen)
        assert probabilities(predictions(app)[0]) == pytest.approx(expected.tolist(), abs=1e-5)


@pytest.mark.parametrize("content", [b"", b"rubbish", picture_file()[:100]])
def test_a_broken_picture_is_one_sentence(app: AppTest, content: bytes) -> None:
    upload(app, content)
    (error,) = app.error
    assert error.value.endswith(".") and "\n" not in error.value
    assert canvas_state(app).picture is None
    (field,) = app.get("file_uploader")
    assert field.key != "draw-upload-0"  # an empty field, for the next file
    upload(app, picture_file())
    assert not app.error and canvas_state(app).picture is not None


# --- The gallery --------------------------------------------------------------------------------


def drawings_store(machine: Path) -> Gallery:
    return Gallery(machine.parent / "drawings")


def test_an_uploaded_picture_is_kept_with_its_label(app: AppTest, machine: Path) -> None:
    draw(app, BOX)
    upload(app, picture_file())
    seen = preprocessing.to_model_input(shown_picture(app))
    assert not app.button(key="draw-save").disabled
    app.selectbox(key="draw-label").set_value("Dress").run()
    (saved,), _ = drawings_store(machine).all()
    assert saved.label == "Dress" and saved.is_picture and saved.shapes == []
    assert saved.model_input is not None and np.array_equal(saved.model_input, seen)
    assert app.button(key="draw-save").disabled and "Label: Dress" in text(app)
    # prepared in another way it is another picture to the model
    app.toggle(key="draw-crop").set_value(False).run()
    assert not app.button(key="draw-save").disabled
    app.button(key="draw-back").click().run()
    assert app.selectbox(key="draw-label").value is None and not app.exception
    upload(app, picture_file())
    assert app.selectbox(key="draw-label").value is None
    app.button(key=f"draw-open-{saved.drawing_id}").click().run()
    assert shown_picture(app).shape == (300, 200, 4)
    assert app.selectbox(key="draw-label").value == "Dress"
    app.selectbox(key="draw-label").set_value("Coat").run()
    (saved,), _ = drawings_store(machine).all()
    assert saved.label == "Coat"
    app.button(key=f"draw-delete-{saved.drawing_id}").click().run()
    assert not drawings_store(machine).all()[0] and not app.button(key="draw-save").disabled
    assert not app.exception


def shown_picture(app: AppTest) -> NDArray[np.uint8]:
    picture = canvas_state(app).picture
    assert picture is not None
    return picture


def test_save_and_reopen(app: AppTest, machine: Path) -> None:
    draw(app, BOX)
    said = predictions(app)[0]["headline"]
    app.button(key="draw-save").click().run()
    (saved,), _ = drawings_store(machine).all()
    assert said.startswith(saved.predicted) and saved.label is None and saved.model == "Trained"
    assert app.button(key="draw-save").disabled
    draw(app, BOX, STROKE)
    assert not app.button(key="draw-save").disabled
    elsewhere = open_app("draw")
    assert "Gallery (1)" in text(elsewhere)
    elsewhere.button(key=f"draw-open-{saved.drawing_id}").click().run()
    assert canvas_state(elsewhere).steps.current.shapes == saved.shapes == step(BOX).shapes
    assert predictions(elsewhere)[0]["headline"] == said
    assert elsewhere.button(key="draw-save").disabled


def test_what_is_under_way_is_saved_once(app: AppTest, machine: Path) -> None:
    draw(app, BOX)
    grow(app)
    app.button(key="draw-save").click().run()
    (saved,), _ = drawings_store(machine).all()
    assert saved.shapes == step(BOX, STROKE).shapes
    assert app.button(key="draw-save").disabled
    again = Image.open(io.BytesIO(canvas.render_shapes(saved.shapes)))
    assert np.array_equal(canvas.pixels(saved.picture), np.asarray(again))


def test_correct_predictions_are_counted(app: AppTest, machine: Path) -> None:
    draw(app, BOX)
    said = predictions(app)[0]["headline"]
    wrong = "Sandal" if not said.startswith("Sandal") else "Coat"
    app.selectbox(key="draw-label").set_value(wrong).run()
    (saved,), _ = drawings_store(machine).all()
    assert saved.label == wrong
    assert "**0 of 1** labeled drawings correct" in text(app)
    app.selectbox(key="draw-label").set_value(saved.predicted).run()  # a change of mind
    assert "**1 of 1** labeled drawings correct" in text(app)
    draw(app, BOX, STROKE)
    app.selectbox(key="draw-label").set_value("No garment").run()
    assert "**1 of 2** labeled drawings correct" in text(open_app("draw"))


def test_delete_and_undo(app: AppTest, machine: Path) -> None:
    draw(app, BOX)
    app.selectbox(key="draw-label").set_value("Bag").run()
    (saved,), _ = drawings_store(machine).all()
    app.button(key=f"draw-delete-{saved.drawing_id}").click().run()
    assert drawings_store(machine).all() == ([], [])
    assert not app.button(key="draw-save").disabled
    assert app.selectbox(key="draw-label").value is None
    app.button(key="draw-restore").click().run()
    assert len(drawings_store(machine).all()[0]) == 1
    assert "Gallery (1)" in text(app)
    assert app.button(key="draw-save").disabled and app.button(key="draw-save").label == "Saved"
    assert app.selectbox(key="draw-label").value == "Bag"
    app.selectbox(key="draw-label").set_value("Coat").run()  # of the same drawing
    assert [one.label for one in drawings_store(machine).all()[0]] == ["Coat"]


def test_delete_all_and_undo(app: AppTest, machine: Path) -> None:
    draw(app, BOX)
    app.button(key="draw-save").click().run()
    assert not any(button.key == "draw-delete-all" for button in app.button)  # there is one
    upload(app, picture_file())
    app.button(key="draw-save").click().run()
    app.button(key="draw-delete-all").click().run()
    assert drawings_store(machine).all() == ([], [])
    assert "2 drawings were deleted." in text(app)
    assert not app.button(key="draw-save").disabled
    app.button(key="draw-restore").click().run()
    assert len(drawings_store(machine).all()[0]) == 2 and "Gallery (2)" in text(app)
    assert app.button(key="draw-save").label == "Saved"  # the picture, and the drawing below it
    app.button(key="draw-back").click().run()
    assert app.button(key="draw-save").label == "Saved"


def test_a_damaged_drawing_is_reported(app: AppTest, machine: Path) -> None:
    draw(app, BOX)
    app.button(key="draw-save").click().run()
    (saved,), _ = drawings_store(machine).all()
    (machine.parent / "drawings" / f"{saved.drawing_id}.json").write_text("{")
    assert f"The drawing {saved.drawing_id}.json cannot be read" in text(open_app("draw"))


def test_a_gallery_that_cannot_be_written_is_reported(app: AppTest, machine: Path) -> None:
    draw(app, BOX)
    (machine.parent / "drawings").write_text("a file where the folder should be")
    app.button(key="draw-save").click().run()
    assert not app.exception
    assert "The drawing cannot be saved in" in text(app)


# --- Nearest garments ---------------------------------------------------------------------------


def test_nearest_images_are_found_once(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: Counter[int] = Counter()
    original = Classifier.features

    def counting(self: Classifier, images: NDArray[np.uint8], **rest: Any) -> NDArray[np.float32]:
        counted[len(images)] += 1
        return original(self, images, **rest)

    monkeypatch.setattr(Classifier, "features", counting)
    app.session_state["draw-neighbors"] = True
    draw(app, BOX)
    app.button(key="draw-find").click().run()
    assert not app.exception
    (grid,) = (g for g in parts(app, "grid") if g["label"] == "Nearest training images")
    assert len(grid["tiles"]) == 8
    draw(app, BOX, STROKE)
    draw(app, STROKE)
    assert counted.pop(1) >= 3
    assert list(counted.values()) == [1]  # the training images


def test_a_switch_shows_grad_cam_and_feature_maps(app: AppTest, finished: Run) -> None:
    app.toggle(key="draw-inside").set_value(True).run()
    assert "Draw something to see where the model looks" in text(app)
    draw(app, BOX)
    _, grad_cam, feature_maps = parts(app, "model_input")
    (prediction,) = predictions(app)
    best = next(row["name"] for row in prediction["rows"] if row["first"])
    assert f"Why {best}?" in grad_cam["caption"]
    assert "convolution 2: 64 channels, 14×14" in text(app)
    # as the library has it
    seen = preprocessing.to_model_input(canvas.pixels(canvas_state(app).steps.current.picture))
    explainer = Explainer(Classifier.load(finished.weights_path))
    expected = explainer.attribute(seen[None], Targets.of(CLASS_NAMES.index(best)))[0]
    shown = np.frombuffer(base64.b64decode(grad_cam["pixels"]), np.uint8).reshape(28, 28, 4)
    np.testing.assert_array_equal(shown[..., :3], heat_maps.overlay(seen, expected, 0.7))
    sheet = np.frombuffer(base64.b64decode(feature_maps["pixels"]), np.uint8)
    sheet = sheet.reshape(-1, feature_maps["columns"], 4)
    assert (sheet[..., 3] == 255).sum() == 8 * 28 * 28
    before = grad_cam["pixels"]
    draw(app, BOX, STROKE)
    assert parts(app, "model_input")[1]["pixels"] != before


def test_a_drawing_is_explained_on_the_explain_page(app: AppTest) -> None:
    app.toggle(key="draw-inside").set_value(True).run()
    draw(app, BOX)
    app.button(key="draw-explain").click().run()
    assert app.session_state["requested-page"] == "explain"
    app.switch_page("pages/explain.py").run()
    assert not app.exception
    assert "**Your drawing**" in text(app)
    assert "Why" in text(app)


def test_grad_cam_needs_a_convolution(finished: Run, machine: Path) -> None:
    run = give(finished, machine)
    Classifier(create_model("mlp", seed=0), models=["mlp"]).save(run.weights_path)
    app = open_app("draw")
    app.toggle(key="draw-inside").set_value(True).run()
    draw(app, BOX)
    assert "Grad-CAM needs a convolution" in text(app)
