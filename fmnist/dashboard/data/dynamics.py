"""Training dynamics: which images a run learns easily, late or never, epoch by epoch."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.csv import write_table
from fmnist.dashboard import (
    failures,
    filter_bar,
    image_grid,
    label_verdicts,
    linked_map,
    run_catalog,
    session,
    snapshots,
)
from fmnist.dashboard.components import image_map
from fmnist.dashboard.components.image_map import (
    STEPS,
    Axes,
    Axis,
    Coloring,
    Points,
    color_scale,
    color_steps,
)
from fmnist.dashboard.context import PageContext, gather, watch
from fmnist.dashboard.data import corrected
from fmnist.data.corrections import Corrections
from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import Dataset, SplitName
from fmnist.evaluation.label_verdicts import Consensus
from fmnist.evaluation.training_dynamics import (
    AMBIGUOUS,
    EASY,
    REGION_TITLES,
    REGIONS,
    Region,
    TrainingDynamics,
)
from fmnist.reports import glossary
from fmnist.reports.charts.theme import (
    CLASS_COLORS,
    CORRECT_COLOR,
    MISCLASSIFIED_COLOR,
)
from fmnist.reports.text import counted, percent
from fmnist.runs.run import Run
from fmnist.text import plain

_MEANINGS: Final[Mapping[Region, str]] = {
    "easy": "The label is probable in nearly every epoch. Most images are so; training needs them "
    "to get going.",
    "ambiguous": "The label's probability goes up and down. In the study, these images taught "
    "models most about new data.",
    "hard": "The label is improbable in nearly every epoch. Often the label is wrong, or the image "
    "is unlike its class.",
}
"""What each region means, after Swayamdipta et al. (2020)."""
_REGION_COLORS: Final = (CORRECT_COLOR, "#D4A72C", MISCLASSIFIED_COLOR)
_STEP: Final = 0.05
_COLUMNS: Final = (
    "image", "split", "label", "region", "mean_confidence", "variability", "first_learned_epoch",
    "times_forgotten",
)  # fmt: skip


def show(dataset: Dataset) -> None:
    """The map of the images that a run was measured on after every epoch, and the images."""
    st.caption(
        "How the run learned each image: how probable its label was on average over the epochs "
        "(mean confidence), and how much that changed (variability). Draw a lasso around images, "
        "or choose a region, to see them here and on all pages.",
        help=glossary.short("cartography"),
    )
    with failures.shown("The training dynamics cannot be shown"):
        controls = st.container(horizontal=True, vertical_alignment="bottom", key="dynamics-bar")
        with controls:
            split = _choose_split(run_catalog.run_or_none(session.selection().run))
        context = gather(with_verdicts=True, split=split)  # tells of a run that has nothing
        dynamics = split and snapshots.dynamics_of(context.run, context.snapshot)
        watch(context.run)
        if not dynamics:
            _tell_none(context.run)
            return
        with controls:
            coloring: str = st.selectbox(
                "Color", list(_COLORINGS), key="dynamics-color", width=220, persist_state="session"
            )
        _show(context, dynamics, coloring, dataset)


def _choose_split(run: Run | None) -> SplitName | None:
    """The split to show; a control where there are several. None where there is none."""
    splits = snapshots.dynamics_splits(run) if run else ()
    if not splits:
        return None
    selected = session.selection().split
    shown = selected if selected in splits else splits[0]
    if len(splits) > 1:
        session.sync_widget("dynamics-split", shown)
        st.segmented_control(
            "Images",
            splits,
            key="dynamics-split",
            format_func=lambda name: "Training" if name == "train" else name.capitalize(),
            required=True,
            width="content",
            on_change=lambda: session.set_filters(
                split=st.session_state["dynamics-split"], epoch=None, images=None
            ),
        )
    return shown


def _tell_none(run: Run) -> None:
    reason = (
        "is an ensemble, which has no epochs" if run.members else "has fewer than two epochs so far"
    )
    st.info(
        f"**{plain(run.name)}** {reason}. Select another run in the sidebar.",
        icon=":material/timeline:",
    )


def _show(
    context: PageContext, dynamics: TrainingDynamics, coloring: str, dataset: Dataset
) -> None:
    st.caption(_facts(context, dynamics))
    filter_bar.tell_corrected_labels(context)
    _show_regions(context, dynamics)
    _show_map(context, dynamics, coloring)
    st.caption(
        f"The regions are those of Swayamdipta et al. (2020), “Dataset Cartography”; the dashed "
        f"lines, at a variability of {AMBIGUOUS} and a mean confidence of {EASY}, are a choice of "
        "this project. An image is forgotten when it is misclassified after it was correct "
        "(Toneva et al. 2019)."
    )
    filter_bar.show_filters(context)
    together = _show_images(context, dynamics, dataset)
    _show_export(context, dynamics)
    _show_correction(context, together)


def _show_images(
    context: PageContext, dynamics: TrainingDynamics, dataset: Dataset
) -> Consensus | None:
    """The filtered images; of training images, the labels can be judged, and what was judged."""
    positions = context.positions
    if not (len(positions) and _can_judge(context, dataset) and _judge_control()):
        image_grid.show_images(context, positions, key="dynamics-images")
        return None
    positions = positions[np.argsort(dynamics.mean_confidence[positions], kind="stable")]
    evaluation = context.snapshot.evaluation
    differs = positions[dynamics.most_predicted[positions] != evaluation.labels[positions]]
    suggested = dynamics.most_predicted[differs].tolist()
    return label_verdicts.review(
        dataset,
        [context.tile(int(position)) for position in positions],
        dict(zip(evaluation.indices[differs].tolist(), suggested, strict=True)),
        key="dynamics-review",
        label="Training images whose labels can be judged",
        on_open=lambda image: _open(context, image),
    )


def _can_judge(context: PageContext, dataset: Dataset) -> bool:
    """Whether the images have the data set's own labels, and these can still be corrected."""
    is_corrected = context.run.training is not None and context.run.training.corrections
    return context.split == "train" and context.dataset_name == dataset.name and not is_corrected


def _judge_control() -> bool:
    return st.toggle(
        "Judge the labels",
        key="dynamics-judge",
        persist_state="session",
        help="Keep a label, change it or leave the image out: with keys, one image at a time, or "
        "several at once. The least probable labels come first.",
    )


def _show_correction(context: PageContext, together: Consensus | None) -> None:
    """Train without the training images that are selected, beside the run as it is."""
    chosen, config = context.selection.images, context.run.training
    if context.split != "train" or config is None or config.corrections:
        return
    choices = {}
    if chosen is not None:
        left_out = Corrections.of(context.dataset_name, excluded=chosen.indices.tolist())
        choices["Leave them out"] = left_out
    if together is not None:
        choices["Follow the verdicts"] = together.corrections(context.dataset_name)
    if choices:
        corrected.show(config, choices)


def _facts(context: PageContext, dynamics: TrainingDynamics) -> str:
    count, epochs = len(context.snapshot.evaluation.labels), len(dynamics.correct)
    kind = "training" if context.split == "train" else context.split
    never = int((dynamics.first_learned == 0).sum())
    again = int((dynamics.forgotten > 0).sum())
    facts = [
        f"**{plain(context.run.name)}**",
        f"{counted(count, f'{kind} image')} over {counted(epochs, 'epoch')}",
        f"{never:,} never predicted correctly",
        f"{again:,} forgotten at least once",
    ]
    if context.split != "train" and not context.run.followed_path.exists():
        facts.append(
            "training images are shown for runs with the setting *Training images followed*"
        )
    return " · ".join(facts)


def _choose(context: PageContext, images: NDArray[np.integer]) -> None:
    session.select_images(context.dataset_name, context.split, images.tolist(), opens_split=True)


def _show_regions(context: PageContext, dynamics: TrainingDynamics) -> None:
    """The size of each region, and what it means; a click selects its images."""
    regions, indices = dynamics.regions, context.snapshot.evaluation.indices
    chosen = context.selection.images
    for place, region in zip(st.columns(len(REGIONS)), REGIONS, strict=True):
        images = indices[regions == REGIONS.index(region)]
        is_chosen = chosen is not None and np.array_equal(chosen.indices, np.sort(images))
        with place:
            st.button(
                f"{REGION_TITLES[region]} **{len(images):,}** "
                f"({percent(len(images) / len(indices), 1)})",
                key=f"dynamics-{region}",
                type="primary" if is_chosen else "secondary",
                disabled=not len(images),
                width="stretch",
                on_click=session.clear_filters if is_chosen else _choose,
                args=("images",) if is_chosen else (context, images),
            )
            st.caption(_MEANINGS[region])


def _show_map(context: PageContext, dynamics: TrainingDynamics, coloring: str) -> None:
    evaluation, axes = context.snapshot.evaluation, _axes(dynamics)
    places = (axes.x.place(dynamics.variability), axes.y.place(dynamics.mean_confidence))
    marks = context.mask()
    if marks.all():
        marks = np.zeros_like(marks)
    chosen = context.selection.images is not None
    count = len(evaluation.labels)
    image_map.image_map(
        Points(
            np.stack(places, axis=1),
            evaluation.labels,
            evaluation.predicted_labels,
            evaluation.confidence,
            evaluation.indices,
        ),
        _COLORINGS[coloring](context, dynamics),
        key="dynamics-map",
        label=f"Map of {counted(count, 'image')}: variability from left to right, mean confidence "
        f"from bottom to top, colored by {coloring.lower()}. Arrow keys move it, plus and minus "
        "zoom, 0 shows all, L is the lasso, B the box.",
        layout=f"dynamics-{context.run.run_id}-{context.split}-{count}-{len(dynamics.given)}",
        noun=f"{'training' if context.split == 'train' else context.split} image".capitalize(),
        marks=marks,
        marked=f"Selected ({int(marks.sum()):,}){'; the others are pale' if chosen else ''}",
        chosen=chosen,
        on_lasso=linked_map.lassoed(context, opens_split=True),
        on_open=lambda image: _open(context, image),
        sprite_name=linked_map.send_sprites(context),
        axes=axes,
    )


def _open(context: PageContext, image: int) -> None:
    """Open an image on the Errors page, with the split that is shown here."""
    session.change(split=context.split, epoch=None)
    image_grid.open_image(image)


def _axes(dynamics: TrainingDynamics) -> Axes:
    """Axes that hold all images; the regions' lines and names."""
    # the steps from 0 on that hold the largest variability, and the region's line
    steps = int(np.ceil(max(float(dynamics.variability.max()), 1.6 * AMBIGUOUS) / _STEP))
    most = steps * _STEP
    x = Axis("Variability", 0.0, most, [round(_STEP * n, 2) for n in range(0, steps + 1, 2)])
    y = Axis("Mean confidence", 0.0, 1.0, [0.0, 0.25, 0.5, 0.75, 1.0])
    middle = (AMBIGUOUS + most) / 2
    return Axes(
        x,
        y,
        lines=((AMBIGUOUS, 0, AMBIGUOUS, 1), (0, EASY, AMBIGUOUS, EASY)),
        names=(
            (0.012, 0.58, REGION_TITLES["easy"], "left"),
            (middle, 0.93, REGION_TITLES["ambiguous"], "center"),
            (0.012, 0.42, REGION_TITLES["hard"], "left"),
        ),
    )


def _by_region(_context: PageContext, dynamics: TrainingDynamics) -> Coloring:
    titles = [REGION_TITLES[region] for region in REGIONS]
    keys = tuple(zip(titles, _REGION_COLORS, strict=True))
    return Coloring(dynamics.regions, _REGION_COLORS, keys)


def _by_first_learned(_context: PageContext, dynamics: TrainingDynamics) -> Coloring:
    found, last = dynamics.first_learned, len(dynamics.correct)
    values = color_steps((found - 1) / (last - 1))
    values[found == 0] = STEPS
    never = (("Never", MISCLASSIFIED_COLOR),)
    return Coloring(
        values, [*color_scale(), MISCLASSIFIED_COLOR], never, ("Learned in epoch 1", f"{last}")
    )


def _by_forgotten(_context: PageContext, dynamics: TrainingDynamics) -> Coloring:
    """Times forgotten; images that were never correct cannot be."""
    found = dynamics.forgotten
    most = max(int(found.max()), 2)
    values = color_steps(found / most)
    values[dynamics.first_learned == 0] = STEPS
    never = (("Never correct", MISCLASSIFIED_COLOR),)
    return Coloring(
        values, [*color_scale(), MISCLASSIFIED_COLOR], never, ("Forgotten 0 times", f"{most} times")
    )


def _by_class(context: PageContext, _dynamics: TrainingDynamics) -> Coloring:
    keys = tuple(zip(CLASS_NAMES, CLASS_COLORS, strict=True))
    return Coloring(context.snapshot.evaluation.labels, CLASS_COLORS, keys)


def _by_correctness(context: PageContext, _dynamics: TrainingDynamics) -> Coloring:
    keys = (("Correct", CORRECT_COLOR), ("Misclassified", MISCLASSIFIED_COLOR))
    wrong = (~context.snapshot.evaluation.correct).astype(np.uint8)
    return Coloring(wrong, [color for _, color in keys], keys)


_COLORINGS: Final[Mapping[str, Callable[[PageContext, TrainingDynamics], Coloring]]] = {
    "Region": _by_region,
    "Epoch first learned": _by_first_learned,
    "Times forgotten": _by_forgotten,
    "Class": _by_class,
    "Correctness": _by_correctness,
}


def _show_export(context: PageContext, dynamics: TrainingDynamics) -> None:
    """The figures of the filtered images as a table."""
    positions = context.positions
    if not len(positions):
        return

    def table() -> str:
        evaluation = context.snapshot.evaluation
        columns = (
            evaluation.indices[positions].tolist(),
            [context.split] * len(positions),
            [CLASS_NAMES[label] for label in evaluation.labels[positions]],
            [REGION_TITLES[REGIONS[region]] for region in dynamics.regions[positions]],
            dynamics.mean_confidence[positions].round(6).tolist(),
            dynamics.variability[positions].round(6).tolist(),
            [int(epoch) or None for epoch in dynamics.first_learned[positions]],
            dynamics.forgotten[positions].tolist(),
        )
        rows = [dict(zip(_COLUMNS, row, strict=True)) for row in zip(*columns, strict=True)]
        return write_table(_COLUMNS, rows)

    st.download_button(
        f"Table of {counted(len(positions), 'image')} (CSV)",
        data=table,
        file_name=f"training-dynamics-{context.run.run_id}-{context.split}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key="dynamics-csv",
        help="Mean confidence, variability, region, first learned and times forgotten of the "
        "filtered images.",
    )
