"""The map with its controls: method, colors, computation, agreement."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import failures, image_grid, linked_map
from fmnist.dashboard.components import image_map
from fmnist.dashboard.components.image_map import Placed, Points
from fmnist.dashboard.context import PageContext
from fmnist.dashboard.map import colors, computation, epochs, layouts
from fmnist.dashboard.map.layouts import RunMap
from fmnist.explain.embeddings import FEWEST, METHODS, Method, is_available
from fmnist.reports import glossary
from fmnist.reports.text import counted, percent
from fmnist.text import plain

METHOD_TITLES: Final = {"pca": "PCA", "pacmap": "PaCMAP", "tsne": "t-SNE", "umap": "UMAP"}
# on a phone, two controls share a row: the map begins on the first screen
_STYLE: Final = """<style>
@media (max-width: 640px) {
  .st-key-snapshot-controls, .st-key-map-controls { column-gap: 0.5rem; row-gap: 0.5rem; }
  .st-key-compared, .st-key-map-color {
    flex: 1 1 7.5rem !important; width: auto !important; min-width: 0;
  }
  .st-key-map-job { padding: 0.5rem 0.75rem; }
  .st-key-compared > *, .st-key-map-color > * { width: 100% !important; }
}
</style>"""


def show(context: PageContext) -> None:
    """The map of the run, or of two runs side by side."""
    count = len(context.snapshot.evaluation.labels)
    if count < FEWEST:
        st.info(
            f"A map needs at least {FEWEST} images; this split has {count}. Select another split.",
            icon=":material/scatter_plot:",
        )
        return
    st.html(_STYLE)
    controls = st.container(horizontal=True, vertical_alignment="bottom", key="map-controls")
    with controls:
        method = _method_control()
    with failures.shown("The map cannot be shown"):
        shown = [layouts.run_map(context, context.run, context.snapshot, method)]
        if context.other_run is not None and context.other is not None:
            shown.append(layouts.run_map(context, context.other_run, context.other, method))
        with controls:
            coloring = _color_control(shown)
            over_epochs = epochs.control(context)
            draws = _drawing_control()
        if over_epochs:
            epochs.show(context, shown, coloring, _show_maps)
            return
        computation.show(context, shown, method, METHOD_TITLES[method])
        if draws:
            # here, since the canvas registers itself with a running app
            from fmnist.dashboard.map import drawing

            drawing.show(context, shown, coloring, _show_maps)
        else:
            _show_maps(context, shown, coloring)
        _agreement(context, shown)


def _method_control() -> Method:
    found = [method for method in METHODS if is_available(method)]
    chosen: Method = st.segmented_control(
        "Layout",
        found,
        default="pacmap" if "pacmap" in found else "pca",
        key="map-method",
        format_func=METHOD_TITLES.__getitem__,
        required=True,
        width="content",
        persist_state="session",
        help=glossary.short("map_layout")
        + ("" if "umap" in found else " For UMAP: `pip install umap-learn`, then start again."),
    )
    return chosen


def _color_control(shown: Sequence[RunMap]) -> str:
    options = colors.available(shown)
    if st.session_state.get("map-color") not in options:
        st.session_state["map-color"] = options[0]
    chosen: str = st.selectbox(
        "Color", options, key="map-color", width=200, persist_state="session"
    )
    return chosen


def _drawing_control() -> bool:
    """Whether a drawing is placed."""
    return st.toggle(
        "Place my drawing",
        key="map-drawing",
        persist_state="session",
        help="Draw beside the map, and see where the drawing lies among the images. It is the "
        "canvas of the Draw page.",
    )


def _show_maps(
    context: PageContext,
    shown: Sequence[RunMap],
    coloring: str,
    placed: Sequence[Placed | None] = (),
    frames: Sequence[NDArray[np.floating] | None] = (),
) -> None:
    """One map, or two side by side; below each other on a phone."""
    name = linked_map.send_sprites(context)
    places = st.columns(len(shown), gap="medium") if len(shown) > 1 else [st.container()]
    for number, (each, place) in enumerate(zip(shown, places, strict=True)):
        with place:
            if len(shown) > 1:
                st.markdown(f"**{plain(context.names[number])}**")
            _show_map(
                context,
                each,
                coloring,
                key=f"map-{number}",
                sprite_name=name,
                placed=placed[number] if placed else None,
                frames=frames[number] if frames else None,
            )


def _show_map(
    context: PageContext,
    shown: RunMap,
    coloring: str,
    *,
    key: str,
    sprite_name: str,
    placed: Placed | None,
    frames: NDArray[np.floating] | None,
) -> None:
    evaluation = shown.snapshot.evaluation
    marks = context.mask()
    if marks.all():
        marks = np.zeros_like(marks)
    number = int(marks.sum())
    chosen = context.selection.images is not None
    title = METHOD_TITLES[shown.method]
    image_map.image_map(
        Points(
            shown.positions,
            evaluation.labels,
            evaluation.predicted_labels,
            evaluation.confidence,
            evaluation.indices,
            shown.medoids,
        ),
        colors.COLORINGS[coloring](context, shown),
        key=key,
        label=f"Map of {counted(len(evaluation.labels), 'image')} by {title}, colored by "
        f"{coloring.lower()}. Arrow keys move it, plus and minus zoom, 0 shows all, L is the "
        "lasso, B the box.",
        layout=f"{shown.source.digest[:16]}-{shown.method}-{len(evaluation.labels)}",
        noun=f"{context.split.capitalize()} image",
        marks=marks,
        marked=f"Selected ({number:,}){'; the others are pale' if chosen else ''}",
        chosen=chosen,
        on_lasso=linked_map.lassoed(context),
        on_open=image_grid.open_image,
        sprite_name=sprite_name,
        drawing=placed,
        frames=frames,
        class_names=shown.run.class_names,
    )


def _agreement(context: PageContext, shown: Sequence[RunMap]) -> None:
    """How well the map agrees with the space it was made from, or what stands in for it."""
    for number, each in enumerate(shown):
        name = f"**{plain(context.names[number])}**: " if len(shown) > 1 else ""
        space = "the logits" if each.of_logits else "the feature space"
        title = METHOD_TITLES[each.method]
        if each.agreement is None:
            st.caption(f"{name}{title} of {space}.")
            continue
        found = each.agreement
        st.caption(
            f"{name}{title} of {space}. The ten nearest neighbors predict an image's class with "
            f"{percent(found.plane_accuracy)} accuracy on the map and "
            f"{percent(found.full_accuracy)} in {space}. Trustworthiness "
            f"{found.trustworthiness:.3f}.",
            help=f"{glossary.short('trustworthiness')} Distances between far groups mean little "
            "on any map but that of PCA.",
        )
