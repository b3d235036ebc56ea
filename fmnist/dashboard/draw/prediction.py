"""The prediction on the Draw page: how it is computed, its text, its bars, the model input."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist.dashboard.draw import canvas_panel, components, models, picture_state
from fmnist.dashboard.draw.canvas_state import CanvasState
from fmnist.dashboard.draw.preparation import preparation
from fmnist.data.labels import CLASS_NAMES, IMAGE_SIZE
from fmnist.reports.answers import SURE, answer_in_words
from fmnist.reports.charts import CLASS_COLORS, OWN_COLORS
from fmnist.reports.text import percent
from fmnist.runs.run import Run
from fmnist.sketchpad import canvas, recognition
from fmnist.sketchpad.preprocessing import to_model_input
from fmnist.sketchpad.recognition import SketchResult

if TYPE_CHECKING:
    from fmnist.models.classifier import Classifier


@dataclass(frozen=True, eq=False)
class Prediction(SketchResult):
    """What a model predicts for the canvas.

    Attributes
    ----------
    run : Run
        The model.
    is_started : bool
        Whether there is enough on the canvas to classify.
    before : float32 (C,) or None
        Probabilities of the test image before it was painted on.
    """

    run: Run
    is_started: bool = True
    before: NDArray[np.float32] | None = None


def prepare(state: CanvasState) -> NDArray[np.uint8] | None:
    """The model input of what is on the canvas, uint8 (28, 28); None if that is nothing."""
    if state.is_empty:
        return None
    model_input = picture_state.model_input(state, preparation())
    if model_input is None:
        rgba = state.pixels
        if state.image is not None:
            return canvas.composite(state.image.pixels, rgba)
        if canvas.is_blank(rgba):  # all of it is erased
            return None
        model_input = to_model_input(rgba, replace(preparation(), kind="drawing"))
    return model_input if model_input.any() else None


def predict(
    state: CanvasState, model_input: NDArray[np.uint8] | None, run: Run
) -> Prediction | None:
    """Classify what is on the canvas, as `prepare` makes it; None if that is nothing.

    Raises
    ------
    OSError, ValueError, RunError
        If the model's files are missing or damaged.
    """
    classifier, ood_model = models.load_classifier(run), models.load_ood_model()
    if model_input is None:
        return None
    return models.worker().submit(_predict, state, model_input, run, classifier, ood_model).result()


def _predict(
    state: CanvasState,
    model_input: NDArray[np.uint8],
    run: Run,
    classifier: "Classifier",
    ood_model: "Classifier | None",
) -> Prediction:
    if state.picture is None and state.image is not None:
        before, now = classifier.predict_proba(np.stack([state.image.pixels, model_input]))
        names = classifier.class_names
        return Prediction(now, 1.0, model_input, run, before=before, class_names=names)
    (result,) = recognition.classify_inputs(model_input[None], classifier, ood_model=ood_model)
    return Prediction(
        result.probabilities, result.in_distribution_score, result.model_input, run,
        is_started=state.picture is not None or canvas.is_started(state.shapes),
        class_names=result.class_names,
    )  # fmt: skip


def describe(prediction: Prediction | None, state: CanvasState) -> tuple[str, str, str]:
    """Headline, note and tone of a prediction."""
    if prediction is None:
        if state.picture is not None:
            return *picture_state.why_blank(state, preparation()), "none"
        return (
            "Draw a shoe, a shirt, a bag…",
            "Use a mouse, pen or finger. The prediction changes as you draw.",
            "none",
        )
    name = prediction.predicted_class
    if prediction.before is not None:
        headline = f"{name}, {percent(prediction.confidence, 0)}"
        return headline, *_describe_change(prediction, prediction.before, state)
    if not prediction.is_started:
        return "Keep drawing…", f"So far: {name}.", "guessing"
    if not prediction.is_garment:
        refused = models.refused_garments(prediction.run)
        return *answer_in_words(prediction, refused=refused), "rejected"
    is_sure = prediction.in_distribution_score >= SURE
    return *answer_in_words(prediction), "sure" if is_sure else "doubtful"


def _describe_change(
    prediction: Prediction, before: NDArray[np.float32], state: CanvasState
) -> tuple[str, str]:
    """Note and tone for a test image that is painted on."""
    if not state.shapes:
        return "Paint on it: white adds to the garment, black removes from it.", "sure"
    label = int(np.argmax(before))
    if label != prediction.predicted_label:
        return (
            f"Changed from {prediction.class_names[label]}, {percent(before[label], 0)}.",
            "changed",
        )
    return f"{percent(before[label], 0)} before you painted.", "sure"


def show_prediction(
    prediction: Prediction | None,
    state: CanvasState,
    *,
    key: str,
    model: str = "",
    class_names: Sequence[str] = CLASS_NAMES,
) -> str:
    """The text of a prediction, and the probabilities in the order of the classes.

    Parameters
    ----------
    prediction : Prediction or None
    state : CanvasState
    key : str
    model : str
        Name of the model, if there are two.
    class_names : sequence of str
        What the model can predict.

    Returns
    -------
    str
        The headline.
    """
    headline, note, tone = describe(prediction, state)
    before = prediction.before if prediction else None
    rows = []
    for label, name in enumerate(class_names):
        probability = float(prediction.probabilities[label]) if prediction else 0.0
        earlier = None if before is None else float(before[label])
        points = 0 if earlier is None else round(100 * (probability - earlier))
        rows.append({
            "name": name,
            "color": (CLASS_COLORS + OWN_COLORS)[label],
            "probability": probability,
            "text": percent(probability, 0) if prediction else "",
            "before": earlier,
            "change": f"{points:+d}".replace("-", "−") if points else "",
            "first": prediction is not None and label == prediction.predicted_label,
        })  # fmt: skip
    spoken = ", ".join(f"{row['name']} {row['text']}" for row in rows) if prediction else "none yet"
    components.prediction(
        {
            "headline": headline,
            "note": note,
            "tone": tone,
            "model": model,
            "rows": tuple(rows),
            "event": state.event_id,
            "growing": state.growing is not None,
            "tool": canvas_panel.selected_tool(),
            "sheet": state.sheet_id,
            "alt": f"Probabilities: {spoken}",
        },
        key=key,
    )
    return headline


def show_model_input(prediction: Prediction | None, *, key: str) -> None:
    """The image that the model classifies."""
    blank = np.zeros((IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    pixels = prediction.model_input if prediction else blank
    components.model_input(
        {
            "pixels": base64.b64encode(np.ascontiguousarray(pixels).data).decode(),
            "width": 5 * IMAGE_SIZE,
            "caption": "Model input, 28\u00a0×\u00a028 pixels",
            "alt": "The model input",
        },
        key=key,
    )
