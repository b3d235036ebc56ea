"""The Confidence page's panels: histograms, calibration, threshold with abstaining."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import streamlit as st

from fmnist.dashboard import session, snapshots
from fmnist.dashboard.context import PageContext
from fmnist.dashboard.snapshots import Snapshot
from fmnist.data.labels import CLASS_NAMES, NUM_CLASSES
from fmnist.evaluation import calibration, metrics
from fmnist.evaluation.predictions import Evaluation
from fmnist.reports import charts
from fmnist.reports.text import percent
from fmnist.runs.run import ACTIVE_STATES
from fmnist.runs.temperature import Temperature, load_temperature, save_temperature

BINS: Final = 20
_PLOT: Final = {"displayModeBar": False}


@dataclass(frozen=True)
class Measure:
    """A measure of how sure a classifier is.

    Attributes
    ----------
    title : str
        With its unit, for an axis.
    explanation : str
    edges : tuple of float
        Of the histogram's bins.
    """

    title: str
    explanation: str
    edges: tuple[float, ...]


MEASURES: Final[Mapping[str, Measure]] = {
    "confidence": Measure(
        "Confidence (highest probability)",
        "The probability of the predicted class.",
        tuple(np.linspace(0, 1, BINS + 1).round(4).tolist()),
    ),
    "margin": Measure(
        "Margin (highest less second highest probability)",
        "How far the predicted class is ahead of the second; near 0, the two are level.",
        tuple(np.linspace(0, 1, BINS + 1).round(4).tolist()),
    ),
    "entropy": Measure(
        "Entropy (nats)",
        f"How undecided all ten probabilities are: 0 is certain, ln 10 = {math.log(10):.2f} is a "
        "plain guess.",
        (*np.linspace(0, 2.3, BINS + 4)[:-1].round(4).tolist(), math.log(NUM_CLASSES)),
    ),
}


def _selected_bins(key: str) -> list[dict[str, Any]]:
    """The bars that a click or a brush chose, as Plotly tells them."""
    points: list[dict[str, Any]] = st.session_state[key].selection.points
    return points


def brush(measure: str, key: str) -> None:
    """Take the range of the bars that were clicked or brushed."""
    points = _selected_bins(key)
    if not points:
        return
    low = min(float(point["customdata"][0]) for point in points)
    high = max(float(point["customdata"][1]) for point in points)
    values: dict[str, Any] = {measure: (low, high)}
    # the misclassified are the first of the two sets of bars
    curves = {point["curve_number"] % 2 for point in points if point["customdata"][2] > 0}
    values["correctness"] = {(0,): "wrong", (1,): "correct"}.get(tuple(curves), "all")
    if len(points[0]["customdata"]) > 3:
        values["true"] = tuple(sorted({int(point["customdata"][3]) for point in points}))
    session.set_filters(**values)


def show_histograms(context: PageContext) -> None:
    """How sure it is of the images it recognizes and of those it does not."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="histogram-controls"):
        measure: str = st.segmented_control(
            "Measure",
            list(MEASURES),
            default="confidence",
            key="measure",
            format_func=str.capitalize,
            required=True,
            width="content",
            persist_state="session",
        )
        density = (
            st.segmented_control(
                "Bars",
                ["Counts", "Density"],
                default="Density",
                key="bars",
                required=True,
                width="content",
                persist_state="session",
                help="Density: misclassified and recognized images each as shares of their own "
                "number, so that the few can be compared with the many.",
            )
            == "Density"
        )
        logarithmic = st.toggle("Logarithmic", key="logarithmic", persist_state="session")
        by_class = st.toggle("A chart for each class", key="by-class", persist_state="session")
    evaluation = context.snapshot.evaluation
    mask = context.mask("correctness", measure, *(("true",) if by_class else ()))
    values, correct = getattr(evaluation, measure)[mask], evaluation.correct[mask]
    edges = np.asarray(MEASURES[measure].edges)
    chosen = getattr(context.selection, measure)
    # a selection of the chart's own would outlive the chip: a changed range is a new chart
    key = f"histogram-{measure}-{by_class}-{chosen}-{context.selection.true if by_class else ''}"
    if by_class:
        figure = charts.class_histograms(
            values,
            correct,
            evaluation.labels[mask],
            edges=edges,
            title=MEASURES[measure].title,
            density=density,
            logarithmic=logarithmic,
        )
    else:
        figure = charts.measure_histogram(
            values,
            correct,
            edges=edges,
            title=MEASURES[measure].title,
            density=density,
            logarithmic=logarithmic,
            chosen=chosen,
        )
    st.plotly_chart(
        figure,
        key=key,
        config=_PLOT,
        on_select=lambda: brush(measure, key),
        selection_mode=["points"] if by_class else ["points", "box"],
        alt=f"Histogram of the {measure} of recognized and of misclassified images",
    )
    with st.container(horizontal=True, vertical_alignment="center", key="range"):
        st.caption(
            f"{MEASURES[measure].explanation} Drag over bars, or click one, to see its images.",
            width="stretch",
        )
        range_slider(measure)


def range_slider(measure: str) -> None:
    """The range without the mouse."""
    edges = MEASURES[measure].edges
    scale = 1 if measure == "entropy" else 100
    key = f"range-{measure}"
    chosen = getattr(session.selection(), measure) or (edges[0], edges[-1])
    session.sync_widget(key, tuple(round(scale * edge, 1) for edge in chosen))

    def changed() -> None:
        low, high = (_nearest(edges, shown / scale) for shown in st.session_state[key])
        if low < high:
            whole = (low, high) == (edges[0], edges[-1])
            session.set_filters(**{measure: None if whole else (low, high)})

    st.slider(
        f"{measure.capitalize()} shown ({'nats' if measure == 'entropy' else '%'})",
        0.0,
        round(scale * edges[-1], 1),
        step=scale * edges[1],
        format="%.1f" if measure == "entropy" else "%d",
        key=key,
        on_change=changed,
        width=320,
    )


def _nearest(edges: tuple[float, ...], value: float) -> float:
    return min(edges, key=lambda edge: abs(edge - value))


@dataclass(frozen=True)
class Fit:
    """A temperature and what it was fitted to.

    Attributes
    ----------
    temperature : Temperature
    images : int
        Of the validation split.
    """

    temperature: Temperature
    images: int


@st.cache_data(show_spinner="Fitting the temperature…", max_entries=32)
def _fit(_validation: Evaluation, epoch: int, key: tuple[object, ...]) -> Temperature:  # noqa: ARG001
    value = calibration.fit_temperature(_validation.logits, _validation.labels)
    return Temperature(
        value,
        epoch,
        metrics.cross_entropy(_validation.logits, _validation.labels),
        metrics.cross_entropy(_validation.logits, _validation.labels, temperature=value),
    )


def fit(context: PageContext) -> Fit | None:
    """The temperature of the weights that are shown; None where they know no validation split."""
    view = snapshots.load_snapshot(context.run, "validation", context.selection.epoch)
    if view is None or view.evaluation.split != "validation" or view.epoch is None:
        return None
    if view.epoch != context.snapshot.epoch:
        return None
    evaluation = view.evaluation
    return Fit(_fit(evaluation, view.epoch, view.key), len(evaluation.labels))


def _figures(evaluation: Evaluation, temperature: float, bins: int, strategy: Any) -> list[float]:
    probabilities = metrics.softmax(evaluation.logits, temperature=temperature)
    bins_of = calibration.reliability(
        probabilities.max(axis=1), evaluation.correct, bins=bins, strategy=strategy
    )
    return [
        100 * bins_of.ece,
        100 * bins_of.mce,
        metrics.cross_entropy(evaluation.logits, evaluation.labels, temperature=temperature),
        calibration.brier_score(probabilities, evaluation.labels),
    ]


def show_calibration(context: PageContext) -> None:
    """Whether it is right as often as it is sure, and a temperature that mends it."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="calibration-controls"):
        bins = st.slider("Bins", 5, 30, 15, key="bins", width=240, persist_state="session")
        widths = st.segmented_control(
            "Bins of",
            ["Equal width", "Equal count"],
            default="Equal width",
            key="bin-strategy",
            required=True,
            width="content",
            persist_state="session",
        )
    strategy: Any = "uniform" if widths == "Equal width" else "quantile"
    evaluation = context.snapshot.evaluation
    now = calibration.reliability(
        evaluation.confidence, evaluation.correct, bins=bins, strategy=strategy
    )
    fitted = fit(context)
    other, other_temperature = None, None
    if fitted is not None:
        other_temperature = fitted.temperature.value if evaluation.temperature == 1.0 else 1.0
        probabilities = metrics.softmax(evaluation.logits, temperature=other_temperature)
        other = calibration.reliability(
            probabilities.max(axis=1), evaluation.correct, bins=bins, strategy=strategy
        )
    key = f"reliability-{bins}-{strategy}-{context.selection.confidence}"
    left, right = st.columns([3, 2], gap="medium")
    left.plotly_chart(
        charts.reliability_diagram(
            now,
            other,
            names=(
                f"Temperature {evaluation.temperature:.2f}",
                f"Temperature {other_temperature:.2f}" if other_temperature else "",
            ),
            chosen=context.selection.confidence,
        ),
        key=key,
        config=_PLOT,
        on_select=lambda: choose_bin(key),
        selection_mode="points",
        alt="Reliability diagram: accuracy against confidence in bins, with images per bin",
    )
    with right:
        columns = {"Temperature 1": _figures(evaluation, 1.0, bins, strategy)}
        if fitted is not None:
            value = fitted.temperature.value
            columns[f"Temperature {value:.2f}"] = _figures(evaluation, value, bins, strategy)
        st.dataframe(
            pd.DataFrame(columns, index=["ECE (%)", "MCE (%)", "NLL (nats)", "Brier"]).round(4),
            alt="Calibration errors before and after the temperature",
        )
        explain_temperature(context, fitted)
        st.caption(
            "ECE: mean gap between confidence and accuracy over the bins, weighted by their "
            "images; MCE: the largest gap, be it of a bin with a single image; NLL: mean negative "
            "log-probability of the true class; Brier: squared distance of the probabilities to "
            "the truth, 0 to 2. Of all "
            f"{len(evaluation.labels):,} {context.split} images. Click a bar to see its images."
        )


def choose_bin(key: str) -> None:
    """Show the images of the bin that was clicked."""
    points = [point for point in _selected_bins(key) if point.get("customdata")]
    if points:
        low, high = (float(edge) for edge in points[0]["customdata"][:2])
        session.set_filters(confidence=(low, high), correctness="all", true=(), predicted=())


def explain_temperature(context: PageContext, fitted: Fit | None) -> None:
    """Where the temperature comes from, and keeping it."""
    if fitted is None:
        st.info(
            "No temperature: it is fitted on validation images only, and these weights were not "
            "measured on any: the run's protocol keeps none.",
            icon=":material/thermostat:",
        )
        return
    value = fitted.temperature.value
    st.markdown(
        f":material/thermostat: **Temperature {value:.3f}**, fitted on the {fitted.images:,} "
        "validation images (Guo et al. 2017)"
        + (
            "; the test images had no part in it."
            if context.split == "test"
            else ", the very images shown here: its gain is measured fairly on test only."
        )
        + (" Above 1: the network is surer than it should be." if value > 1 else "")
    )
    kept = load_temperature(context.run)
    if kept is not None:
        st.button(
            "Drop the kept temperature",
            key="temperature-drop",
            icon=":material/undo:",
            on_click=keep,
            args=(context, None),
        )
        st.caption(
            f"Kept with the run: {kept.value:.3f}. The classifier divides its logits by it on all "
            "pages, in Python and in a terminal."
        )
    elif context.snapshot.is_kept and context.run.state not in ACTIVE_STATES:
        st.button(
            "Keep it with the run",
            key="temperature-keep",
            icon=":material/save:",
            on_click=keep,
            args=(context, fitted.temperature),
            help="The classifier then uses it everywhere: pages, Python, terminal. Predictions "
            "stay the same, only the confidence changes.",
        )
    else:
        st.caption("It can be kept with the run once the run has ended, for its best epoch.")
    error = st.session_state.pop("temperature-error", None)
    if error:
        st.error(error, icon=":material/error:")


def keep(context: PageContext, kept: Temperature | None) -> None:
    """Keep a temperature with the run, or none any more."""
    try:
        save_temperature(context.run, kept)
    except OSError as error:
        st.session_state["temperature-error"] = f"The temperature could not be kept: {error}"
        return
    # ranges chosen at another temperature hold other images
    session.set_filters(confidence=None, margin=None, entropy=None)


def show_abstaining(context: PageContext) -> None:
    """What is gained where it may say "I do not know"."""
    evaluation = context.snapshot.evaluation
    threshold = (
        st.slider(
            "Answer only from this confidence on",
            0,
            100,
            90,
            key="threshold",
            format="%d%%",
            persist_state="session",
        )
        / 100
    )
    figures = calibration.selective_prediction(evaluation.confidence, evaluation.correct, threshold)
    with st.container(horizontal=True, key="abstention"):
        for label, text in (
            ("Coverage", percent(figures.coverage, 1)),
            ("Accuracy on what is kept", percent(figures.accuracy)),
            ("Errors kept", f"{figures.errors_kept:,}"),
            ("Errors avoided", f"{figures.errors_avoided:,}"),
            ("Right answers lost", f"{figures.correct_lost:,}"),
        ):
            st.metric(label, text, width="content")
    left, right = st.columns([3, 2], gap="medium")
    curve = risk_coverage(context.snapshot)
    left.plotly_chart(
        charts.risk_coverage_curve(curve, threshold=threshold),
        key="risk-coverage",
        config=_PLOT,
        alt="Risk-coverage curve with the chosen threshold",
    )
    left.caption(
        f"Area under the curve {curve.area:.4f}; a perfect order of the same answers would have "
        f"{curve.optimal_area:.4f} (lower is better). Of all {len(evaluation.labels):,} "
        f"{context.split} images."
    )
    with right:
        by_class = calibration.selective_prediction_by_class(
            evaluation.confidence, evaluation.correct, evaluation.labels, threshold
        )
        st.dataframe(
            pd.DataFrame(
                {
                    "True class": CLASS_NAMES,
                    "Coverage": [100 * part.coverage for part in by_class],
                    "Accuracy": [100 * part.accuracy for part in by_class],
                    "Errors kept": [part.errors_kept for part in by_class],
                    "Avoided": [part.errors_avoided for part in by_class],
                }
            ),
            hide_index=True,
            height=38 + 35 * NUM_CLASSES,
            column_config={
                name: st.column_config.NumberColumn(format="%.1f%%")
                for name in ("Coverage", "Accuracy")
            },
            alt="Coverage and accuracy of each class at the threshold",
        )
        with st.container(horizontal=True):
            _show_button("Errors kept", figures.errors_kept, (threshold, 1.0))
            _show_button("Errors avoided", figures.errors_avoided, (0.0, threshold))


def _show_button(title: str, count: int, confidence: tuple[float, float]) -> None:
    st.button(
        f"Show the {count:,} {title.lower()}",
        key=f"show-{title}",
        disabled=count == 0 or confidence[0] >= confidence[1],
        on_click=lambda: session.set_filters(confidence=confidence, correctness="wrong"),
    )


@st.cache_resource(show_spinner=False, max_entries=16)
def _risk_coverage(_view: Snapshot, key: tuple[object, ...]) -> calibration.RiskCoverage:  # noqa: ARG001
    return calibration.risk_coverage(_view.evaluation.confidence, _view.evaluation.correct)


def risk_coverage(view: Snapshot) -> calibration.RiskCoverage:
    """The risk–coverage curve of a view."""
    return _risk_coverage(view, view.key)


PANELS: Final[Mapping[str, Callable[[PageContext], None]]] = {
    "Histograms": show_histograms,
    "Calibration": show_calibration,
    "Abstaining": show_abstaining,
}
