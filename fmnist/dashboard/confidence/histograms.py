"""Histograms of confidence, margin and entropy, whose bars filter the images."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import streamlit as st

from fmnist.dashboard import session
from fmnist.dashboard.context import PageContext
from fmnist.data.labels import NUM_CLASSES
from fmnist.reports import charts

BINS: Final = 20


@dataclass(frozen=True)
class Histogram:
    """A measure of confidence, as a histogram shows it.

    Attributes
    ----------
    title : str
        Title of the axis, with its unit.
    explanation : str
    edges : tuple of float
        Edges of the bins.
    """

    title: str
    explanation: str
    edges: tuple[float, ...]


HISTOGRAMS: Final[Mapping[str, Histogram]] = {
    "confidence": Histogram(
        "Confidence (highest probability)",
        "The probability of the predicted class.",
        tuple(np.linspace(0, 1, BINS + 1).round(4).tolist()),
    ),
    "margin": Histogram(
        "Margin (highest minus second highest probability)",
        "How far the predicted class is ahead of the second. Near 0 the two are tied.",
        tuple(np.linspace(0, 1, BINS + 1).round(4).tolist()),
    ),
    "entropy": Histogram(
        "Entropy (nats)",
        "How spread out the probabilities are: 0 is certain; uniform over ten classes is "
        f"ln 10 = {math.log(10):.2f}.",
        (*np.linspace(0, 2.3, BINS + 4)[:-1].round(4).tolist(), math.log(NUM_CLASSES)),
    ),
}


def selected_bars(key: str) -> list[dict[str, Any]]:
    """The bars that a click or a drag selected, as Plotly reports them."""
    points: list[dict[str, Any]] = st.session_state[key].selection.points
    return points


def filter_by_bars(measure: str, key: str) -> None:
    """Filter by the range of the bars that were clicked or dragged over."""
    points = selected_bars(key)
    if not points:
        return
    low = min(float(point["customdata"][0]) for point in points)
    high = max(float(point["customdata"][1]) for point in points)
    values: dict[str, Any] = {measure: (low, high)}
    # misclassified images are the first of the two sets of bars
    curves = {point["curve_number"] % 2 for point in points if point["customdata"][2] > 0}
    values["correctness"] = {(0,): "wrong", (1,): "correct"}.get(tuple(curves), "all")
    if len(points[0]["customdata"]) > 3:
        values["true"] = tuple(sorted({int(point["customdata"][3]) for point in points}))
    session.set_filters(**values)


@dataclass(frozen=True)
class Settings:
    """How the histograms are drawn; kept during the session.

    Attributes
    ----------
    measure : str
        Key of `HISTOGRAMS`.
    density : bool
        Whether the bars are densities; counts otherwise.
    logarithmic : bool
    by_class : bool
        Whether each class has a chart of its own.
    """

    measure: str
    density: bool
    logarithmic: bool
    by_class: bool


def _controls() -> Settings:
    with st.container(horizontal=True, vertical_alignment="bottom", key="histogram-controls"):
        measure: str = st.segmented_control(
            "Measure",
            list(HISTOGRAMS),
            default="confidence",
            key="measure",
            format_func=str.capitalize,
            required=True,
            width="content",
            persist_state="session",
        )
        bars = st.segmented_control(
            "Bars",
            ["Counts", "Density"],
            default="Density",
            key="bars",
            required=True,
            width="content",
            persist_state="session",
            help="Density scales correct and misclassified images to the same area, so that a "
            "few misclassified images can be compared with many correct ones.",
        )
        logarithmic = st.toggle("Logarithmic", key="logarithmic", persist_state="session")
        by_class = st.toggle("One chart per class", key="by-class", persist_state="session")
    return Settings(measure, bars == "Density", logarithmic, by_class)


def show_histograms(context: PageContext) -> None:
    """Confidence, margin or entropy of correct and of misclassified images."""
    settings = _controls()
    measure, by_class = settings.measure, settings.by_class
    histogram = HISTOGRAMS[measure]
    evaluation = context.snapshot.evaluation
    mask = context.mask("correctness", measure, *(("true",) if by_class else ()))
    values, correct = getattr(evaluation, measure)[mask], evaluation.correct[mask]
    style: dict[str, Any] = {
        "edges": np.asarray(histogram.edges),
        "title": histogram.title,
        "density": settings.density,
        "logarithmic": settings.logarithmic,
    }
    selected = getattr(context.selection, measure)
    # the chart's own selection would outlive the chip: a changed range needs a new chart
    key = f"histogram-{measure}-{by_class}-{selected}-{context.selection.true if by_class else ''}"
    st.plotly_chart(
        charts.class_histograms(values, correct, evaluation.labels[mask], **style)
        if by_class
        else charts.measure_histogram(values, correct, chosen=selected, **style),
        key=key,
        config={"displayModeBar": False},
        on_select=lambda: filter_by_bars(measure, key),
        selection_mode=["points"] if by_class else ["points", "box"],
        alt=f"Histogram of the {measure} of correct and of misclassified images",
    )
    with st.container(horizontal=True, vertical_alignment="center", key="range"):
        st.caption(
            f"{histogram.explanation} Click a bar or drag over several to see their images.",
            width="stretch",
        )
        range_slider(measure)


def range_slider(measure: str) -> None:
    """A slider that filters by a range."""
    edges = HISTOGRAMS[measure].edges
    scale = 1 if measure == "entropy" else 100
    key = f"range-{measure}"
    selected = getattr(session.selection(), measure) or (edges[0], edges[-1])
    session.sync_widget(key, tuple(round(scale * edge, 1) for edge in selected))

    def changed() -> None:
        low, high = (_nearest(edges, shown / scale) for shown in st.session_state[key])
        if low < high:
            whole = (low, high) == (edges[0], edges[-1])
            session.set_filters(**{measure: None if whole else (low, high)})

    st.slider(
        f"{measure.capitalize()} range ({'nats' if measure == 'entropy' else '%'})",
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
