"""Weak slices: images alike in a simple way on which the model is less accurate."""

from typing import Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import cache, failures, session
from fmnist.dashboard.context import PageContext
from fmnist.dashboard.map import computation, layouts
from fmnist.data.image_properties import PROPERTIES
from fmnist.evaluation.slices import (
    LEVEL,
    Cluster,
    Slice,
    SliceResult,
    candidates,
    clusters,
    weak_slices,
)
from fmnist.explain.map_files import Features
from fmnist.explain.map_process import MapTask
from fmnist.reports.text import counted, percent, percent_range

_SHOWN: Final = 12
_ALL: Final = "All"
_PROPERTIES: Final = "Properties"
_CLUSTERS: Final = "Clusters"
_SELECTED: Final = "weak-slice-selected"


@st.cache_data(show_spinner="Looking for weak slices…", max_entries=8)
def _results(
    key: tuple[object, ...],  # noqa: ARG001 - names the predictions
    _correct: NDArray[np.bool_],
    _labels: NDArray[np.uint8],
    _values: dict[str, NDArray[np.float32]],
    _clusters: list[Cluster],
) -> list[SliceResult]:
    slices: list[Slice | Cluster] = [*candidates(_labels, _values), *_clusters]
    return weak_slices(_correct, _labels, _values, slices)


@st.cache_resource(show_spinner="Looking for clusters…", max_entries=4)
def _clusters(
    digest: str,  # noqa: ARG001 - names weights and images
    _labels: NDArray[np.uint8],
    _features: Features,
    _values: dict[str, NDArray[np.float32]],
) -> list[Cluster]:
    return list(clusters(_labels, _features.values, _values))


def _found_clusters(
    context: PageContext, values: dict[str, NDArray[np.float32]]
) -> tuple[list[Cluster], bool]:
    """Clusters in the feature space, and whether features have to be computed for them first."""
    source = layouts.source_of(context, context.run, context.snapshot)
    if source.space != "features":  # an epoch, or a run without weights
        return [], False
    features = layouts.stored_features(source)
    if features is None:
        return [], True
    labels = context.snapshot.evaluation.labels
    return _clusters(source.digest, labels, features, values), False


def properties_of(context: PageContext) -> dict[str, NDArray[np.float32]] | None:
    """Properties of the images on screen; None where their pixels are not on this machine."""
    if context.source is None:
        return None
    indices = context.snapshot.evaluation.indices
    return cache.image_properties(context.dataset_name, context.split, indices, context.source)


def selected_rule(context: PageContext) -> Slice | None:
    """The rule of the weak slice whose images are selected, if there is one."""
    images, rule = st.session_state.get(_SELECTED, (None, None))
    is_selected = images is not None and images == context.selection.images
    return rule if is_selected and isinstance(rule, Slice) else None


def show(context: PageContext) -> None:
    """A table of the weak slices; a click on one shows its images."""
    section = st.expander(
        "Weak slices", icon=":material/content_cut:", on_change="rerun", key="weak-slices"
    )
    if not section.open:
        return
    with section:
        values = properties_of(context)
        if values is None:
            st.caption("Slices are found in the pixels, and the data set is not on this machine.")
            return
        with failures.shown("The weak slices cannot be shown"):
            _show_results(context, values)


def _show_results(context: PageContext, values: dict[str, NDArray[np.float32]]) -> None:
    evaluation = context.snapshot.evaluation
    found, needs_features = _found_clusters(context, values)
    key = (*context.snapshot.key, len(found))
    results = _results(key, evaluation.correct, evaluation.labels, values, found)
    weak = [result for result in results if result.is_weak]
    if weak:
        kind = _kind_control() if found else _ALL
        shown = [each for each in weak if kind in (_ALL, _kind(each))]
        if shown:
            _show_table(context, shown[:_SHOWN], values)
        st.caption(_summary(len(shown), len(results), kind, bool(found)), help=_meanings())
    else:
        st.caption(
            f"None of {counted(len(results), 'slice')} is less accurate than the rest of its "
            "class by more than chance."
        )
    if needs_features:
        computation.show_task(
            MapTask("pca", context.split, (context.run.folder,)),
            "Look for clusters, too",
            "Computes the features of the images, once, in the background; then groups of images "
            "that are near each other in the feature space are tried as well.",
        )


def _kind(result: SliceResult) -> str:
    return _CLUSTERS if isinstance(result.slice, Cluster) else _PROPERTIES


def _kind_control() -> str:
    chosen: str = st.segmented_control(
        "Kind of slices", (_ALL, _PROPERTIES, _CLUSTERS), default=_ALL, key="weak-slices-kind",
        required=True, width="content", label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    return chosen


def _summary(weak: int, tried: int, kind: str, has_clusters: bool) -> str:
    shown = f"The {_SHOWN} with the largest gaps of {weak}" if weak > _SHOWN else f"All {weak}"
    slices = "weak slices" if kind == _ALL else f"weak slices by {kind.lower()}"
    and_clusters = ", and clusters of each class in the feature space" if has_clusters else ""
    return (
        f"{shown} {slices}, of {tried} tried: the lowest and the highest quarter of each "
        f"property, within each class and over all{and_clusters}. Select a row to see its images."
    )


def _meanings() -> str:
    lines = [f"- **{each.title}**: {each.explanation}" for each in PROPERTIES.values()]
    return "\n".join(
        [
            "The gap is the accuracy of the other images of the class minus that of the slice. "
            f"Slices count as weak at a false discovery rate of {percent(LEVEL, 0)} (one-sided "
            "exact test of Fisher 1922, corrected after Benjamini and Hochberg 1995). The interval "
            "holds 95% (Wilson 1927). Clusters are found by k-means in the features of the model, "
            "whatever it predicts; in brackets stands what their images differ in from the rest "
            "of the class.",
            "",
            *lines,
        ]
    )


def _show_table(
    context: PageContext, weak: list[SliceResult], values: dict[str, NDArray[np.float32]]
) -> None:
    import pandas as pd  # here, since the import takes a while

    evaluation = context.snapshot.evaluation
    # the table's own selection would outlive the chip: other images need a new table
    key = f"weak-slices-table-{hash(context.selection.images)}"

    def choose() -> None:
        rows = st.session_state[key].selection.rows
        if rows:
            chosen = weak[rows[0]].slice
            indices = evaluation.indices[chosen.mask(evaluation.labels, values)].tolist()
            session.select_images(context.dataset_name, context.split, indices)
            st.session_state[_SELECTED] = (session.selection().images, chosen)

    st.dataframe(
        pd.DataFrame(
            {
                "Slice": [result.slice.title for result in weak],
                "Accuracy": [100 * result.accuracy for result in weak],
                "Rest": [100 * result.rest_accuracy for result in weak],
                "Gap": [100 * result.gap for result in weak],
                "Images": [result.images for result in weak],
                "Misclassified": [result.misclassified for result in weak],
                "95% interval": [percent_range(*result.interval) for result in weak],
                "p": [
                    f"{result.p_value:.3f}" if result.p_value >= 0.001 else "< 0.001"
                    for result in weak
                ],
            }
        ),
        key=key,
        hide_index=True,
        height="content",
        on_select=choose,
        selection_mode="single-row",
        column_config={
            "Accuracy": st.column_config.NumberColumn(format="%.1f%%"),
            "Gap": st.column_config.NumberColumn(
                format="%.1f", help="Percentage points below the rest of the class."
            ),
            "Rest": st.column_config.NumberColumn(
                format="%.1f%%", help="Accuracy on the other images of the class."
            ),
        },
        alt="Weak slices with their accuracy and that of the rest of the class; select a row to "
        "see its images",
    )
