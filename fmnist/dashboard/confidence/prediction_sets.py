"""Prediction sets: several classes where the model is not sure, with a coverage that holds."""

from typing import Final

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import session
from fmnist.dashboard.confidence.calibration import validation_of
from fmnist.dashboard.confidence.histograms import selected_bars
from fmnist.dashboard.context import PageContext
from fmnist.data.labels import CLASS_NAMES, NUM_CLASSES
from fmnist.evaluation import prediction_sets
from fmnist.evaluation.prediction_sets import PredictionSets
from fmnist.reports import charts, glossary
from fmnist.reports.text import percent

_GROUPS: Final = 6


def show_prediction_sets(context: PageContext) -> None:
    """Coverage and sizes of the sets, overall, by class and by their classes."""
    validation = validation_of(context)
    if validation is None:
        st.info(
            "Prediction sets are calibrated on validation images, and these weights were not "
            "evaluated on any. Select a run of the held-out protocol.",
            icon=":material/category:",
        )
        return
    coverage, by_class = _controls()
    calibrating = validation.evaluation
    sets = PredictionSets.of(
        context.snapshot.evaluation.probabilities,
        context.snapshot.evaluation.labels,
        prediction_sets.calibrate(
            calibrating.probabilities, calibrating.labels, coverage, by_class=by_class
        ),
    )
    _show_figures(context, sets, coverage, len(calibrating.labels))
    left, right = st.columns(2, gap="medium")
    with left:
        _show_sizes(context, sets)
        _show_groups(context, sets)
    with right:
        _show_by_class(sets, coverage)


def _controls() -> tuple[float, bool]:
    """The coverage that is asked for, and whether each class has to reach it."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="sets-controls"):
        coverage = st.slider(
            "Coverage",
            50,
            99,
            95,
            key="coverage",
            format="%d%%",
            width=320,
            persist_state="session",
            help="How often the set is to hold the true class. More coverage makes larger sets.",
        )
        by_class = st.toggle(
            "For each class",
            key="coverage-by-class",
            persist_state="session",
            help="Calibrate each class by itself, so that the coverage holds for each of them, "
            "not only on average.",
        )
    return coverage / 100, by_class


def _show_figures(
    context: PageContext, sets: PredictionSets, coverage: float, calibration_images: int
) -> None:
    """What was reached, and where chance would have put it."""
    sizes = sets.sizes
    images = len(sizes)
    with st.container(horizontal=True, key="sets-figures"):
        for label, text, explanation in (
            ("Coverage reached", percent(sets.coverage), glossary.short("prediction_set")),
            ("Mean size", f"{sets.mean_size:.2f}", "Classes in a set."),
            ("One class", percent(np.mean(sizes == 1), 1), "Sets with a single class."),
            ("Three or more", f"{int((sizes >= 3).sum()):,}", None),
            ("Empty", f"{int((sizes == 0).sum()):,}", "No class is likely enough."),
        ):
            st.metric(label, text, width="content", help=explanation)
    if context.split == "validation":
        st.caption(
            f"The sets are calibrated on these {images:,} images, which therefore reach the "
            "coverage by construction. Open the test split to see whether it holds."
        )
        return
    low, high = prediction_sets.coverage_band(calibration_images, images, coverage)
    within = low <= sets.coverage <= high
    st.caption(
        f"Calibrated on the {calibration_images:,} validation images, measured on all {images:,} "
        f"{context.split} images. If the two are alike, the coverage lies between {percent(low)} "
        f"and {percent(high)} 19 times out of 20. " + ("It does." if within else "It does not.")
    )


def _select(context: PageContext, positions: NDArray[np.integer]) -> None:
    """Filter by the images at these positions, on all pages."""
    indices = context.snapshot.evaluation.indices[positions]
    session.select_images(context.dataset_name, context.split, indices.tolist())


def _show_sizes(context: PageContext, sets: PredictionSets) -> None:
    """How large the sets are; a click shows the images behind a bar."""
    # the chart's own selection would outlive the chip: other images need a new chart
    key = f"set-sizes-{hash(context.selection.images)}"

    def filter_by_size() -> None:
        points = [point for point in selected_bars(key) if point.get("customdata")]
        if points:
            size, _, missed = (int(value) for value in points[0]["customdata"])
            chosen = (sets.sizes == size) & (sets.covered != bool(missed))
            _select(context, np.flatnonzero(chosen))

    st.plotly_chart(
        charts.set_sizes(sets.sizes, sets.covered),
        key=key,
        config={"displayModeBar": False},
        on_select=filter_by_size,
        selection_mode="points",
        alt="How many prediction sets have each number of classes",
    )
    st.caption("Click a bar to see its images.")


def _show_groups(context: PageContext, sets: PredictionSets) -> None:
    """The most frequent sets of several classes; a click shows their images."""
    groups = sets.largest_groups(_GROUPS)
    if not groups:
        st.caption("No set has more than one class at this coverage.")
        return
    key, names = f"set-groups-{hash(context.selection.images)}", context.run.class_names

    def filter_by_group() -> None:
        rows = st.session_state[key].selection.rows
        if rows:
            _select(context, groups[rows[0]][1])

    st.dataframe(
        pd.DataFrame(
            {
                "Classes": [", ".join(names[c] for c in classes) for classes, _ in groups],
                "Images": [len(found) for _, found in groups],
                "Coverage": [100 * sets.covered[found].mean() for _, found in groups],
            }
        ),
        key=key,
        hide_index=True,
        on_select=filter_by_group,
        selection_mode="single-row",
        column_config={
            "Images": st.column_config.NumberColumn(width=70),
            "Coverage": st.column_config.NumberColumn(format="%.1f%%", width=80),
        },
        alt="The most frequent sets of several classes; select a row to see its images",
    )


def _show_by_class(sets: PredictionSets, coverage: float) -> None:
    """Coverage and mean size for the images of each class."""
    parts = [sets.of_class(label) for label in range(NUM_CLASSES)]
    st.dataframe(
        pd.DataFrame(
            {
                "True class": CLASS_NAMES,
                "Coverage": [100 * part.coverage for part in parts],
                "Mean size": [part.mean_size for part in parts],
                "Missed": [int((~part.covered).sum()) for part in parts],
            }
        ),
        hide_index=True,
        height=38 + 35 * NUM_CLASSES,
        column_config={
            "Coverage": st.column_config.NumberColumn(format="%.1f%%"),
            "Mean size": st.column_config.NumberColumn(format="%.2f"),
            "Missed": st.column_config.NumberColumn(help="Images whose set lacks the true class."),
        },
        alt="Coverage and mean size of the sets for each class",
    )
    worst = min(range(NUM_CLASSES), key=lambda label: parts[label].coverage)
    if parts[worst].coverage < coverage - 0.01:
        st.caption(
            f"{CLASS_NAMES[worst]} has {percent(parts[worst].coverage, 1)} only: the coverage "
            "holds on average, not for every class. Switch on *For each class* to even it out."
        )
