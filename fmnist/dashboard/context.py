"""What the selection chooses, and the parts that all pages show of it: controls, chips, images."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import cache
from fmnist.dashboard import layout as components
from fmnist.dashboard import session as state
from fmnist.dashboard import snapshots as views
from fmnist.dashboard.components import clickable
from fmnist.dashboard.components.clickable import Tile
from fmnist.dashboard.session import FILTERS, MEASURES, Selection
from fmnist.dashboard.snapshots import View
from fmnist.data import fashion_mnist as datasets
from fmnist.data import splits
from fmnist.data.labels import CLASS_NAMES
from fmnist.evaluation import misclassifications, significance
from fmnist.evaluation.verdicts import ImageKey, Verdict, VerdictError
from fmnist.runs.run import ACTIVE_STATES, Run, RunError

PAGE_SIZES = (50, 100, 250)


@dataclass(frozen=True, eq=False)
class Linked:
    """What a page shows: the selection, and what the runs say.

    Attributes
    ----------
    selection : Selection
    run : Run
    view : View
    other_run : Run or None
        The compared run.
    other : View or None
        What it says of the same images; None where it does not know them.
    """

    selection: Selection
    run: Run
    view: View
    other_run: Run | None = None
    other: View | None = None

    @property
    def split(self) -> str:
        """Name of the split."""
        return self.view.evaluation.split

    @cached_property
    def groups(self) -> NDArray[np.int8] | None:
        """Which of the two runs is right (`significance.agreement`), int8 (N,)."""
        if self.other is None:
            return None
        return significance.agreement(self.view.evaluation.correct, self.other.evaluation.correct)

    @cached_property
    def verdicts(self) -> Mapping[int, Verdict]:
        """Verdicts on images of this split, by `Split.indices`; none where they cannot be read."""
        try:
            return cache.verdicts(self.dataset_name, self.part)
        except VerdictError as error:
            st.error(str(error), icon=":material/error:")
            return {}

    @property
    def dataset_name(self) -> str:
        """Name of the data set that the run was trained on."""
        return self.run.config.dataset if self.run.config else ""

    @property
    def part(self) -> str:
        """The file the images come from: "train" or "test"."""
        return "test" if self.split == "test" else "train"

    def key(self, image: int) -> ImageKey:
        """An image as the verdicts name it."""
        return ImageKey(self.dataset_name, "test" if self.split == "test" else "train", image)

    def mask(self, *but: str) -> NDArray[np.bool_]:
        """The images that the selection chooses, bool (N,).

        Parameters
        ----------
        *but : str
            Filters to leave aside: a chart shows what all others choose.
        """
        wanted = {name: getattr(self.selection, name) for name in FILTERS if name not in but}
        evaluation = self.view.evaluation
        correctness = wanted.get("correctness", "all")
        chosen = misclassifications.matching(
            evaluation,
            true=wanted.get("true", ()),
            predicted=wanted.get("predicted", ()),
            correctness=None if correctness == "all" else correctness,
            **{name: wanted.get(name) for name in MEASURES},
        )
        if wanted.get("kind"):
            chosen &= self.view.kinds == misclassifications.ERROR_TYPES.index(wanted["kind"])
        if wanted.get("group") and self.groups is not None:
            chosen &= self.groups == significance.GROUPS.index(wanted["group"])
        verdict = wanted.get("verdict")
        if verdict:
            having = [
                image
                for image, given in self.verdicts.items()
                if verdict in ("any", "none", given.verdict)
            ]
            chosen &= np.isin(evaluation.indices, having) != (verdict == "none")
        return chosen

    @cached_property
    def positions(self) -> NDArray[np.intp]:
        """Positions of the chosen images in the evaluation, in the chosen order."""
        return misclassifications.ordered(
            self.view.evaluation,
            np.flatnonzero(self.mask()),
            self.selection.sort,  # type: ignore[arg-type]
            descending=self.selection.order == "down",
        )

    @cached_property
    def source(self) -> NDArray[np.uint8] | None:
        """Images that `Split.indices` counts, uint8 (M, 28, 28); None where they are not here."""
        # the pixels of another data set would be the wrong pictures
        if datasets.locate().name != self.dataset_name and self.dataset_name != "drawn-garments":
            return None
        dataset = components.load_dataset()
        if dataset is None or dataset.name != self.dataset_name:
            return None
        return dataset.test_images if self.split == "test" else dataset.train_images

    def images(self, positions: NDArray[np.integer]) -> NDArray[np.uint8] | None:
        """Images at positions of the evaluation, uint8 (N, 28, 28); None where not here."""
        return None if self.source is None else self.source[self.view.evaluation.indices[positions]]

    def tile(self, position: int) -> Tile:
        """How a wall shows an image."""
        evaluation = self.view.evaluation
        true = CLASS_NAMES[evaluation.labels[position]]
        predicted = CLASS_NAMES[evaluation.predicted_labels[position]]
        confidence = f"{evaluation.confidence[position]:.1%}"
        image = int(evaluation.indices[position])
        if evaluation.correct[position]:
            return Tile(image, (true, confidence), f"{true}, recognized, {confidence}, #{image}")
        alt = f"{true}, taken for {predicted}, {confidence}, #{image}"
        return Tile(image, (f"{true} → {predicted}", confidence), alt, is_wrong=True)


def current() -> Linked:
    """What the selection chooses; where there is nothing to show, the page says so and ends."""
    selection = state.selection()
    run = cache.run_or_none(selection.run)
    if run is None:
        with st.container(border=True):
            st.subheader("No model yet", anchor=False)
            st.write("Its mistakes appear here. A quick look usually takes less than a minute.")
            st.page_link("pages/train.py", label="Train a network", icon=":material/play_arrow:")
        st.stop()
    if run.config is None or run.state == "broken":
        st.error(f"This run cannot be opened: {run.reason}", icon=":material/broken_image:")
        st.stop()
    try:
        view = views.look(run, selection.split, selection.epoch)
    except (ValueError, OSError, RunError) as error:
        st.error(f"This run's evaluation cannot be read: {error}", icon=":material/broken_image:")
        st.stop()
    if view is None:
        st.info(
            f"**{run.name}** has not been measured yet; its figures appear after the first epoch.",
            icon=":material/hourglass_empty:",
        )
        watch(run)
        st.stop()
    other_run = cache.run_or_none(selection.compared)
    other = None
    if other_run is not None:
        try:
            other = views.look(other_run, view.evaluation.split, None)
        except (ValueError, OSError, RunError) as error:
            st.warning(f"The compared run cannot be read: {error}", icon=":material/broken_image:")
        if other is not None and not (
            other_run.config
            and other_run.config.dataset == run.config.dataset
            and np.array_equal(other.evaluation.indices, view.evaluation.indices)
        ):
            other = None
    return Linked(selection, run, view, other_run, other)


LIVE_SECONDS = 4.0


def watch(run: Run) -> None:
    """Draw the page again when an epoch of a running training has ended."""
    if run.state not in ACTIVE_STATES:
        return

    def poll(known: tuple[int, str]) -> None:
        now = cache.run_or_none(run.run_id)
        if now is None or (len(now.history.epochs), now.state) != known:
            st.rerun()

    st.fragment(poll, run_every=LIVE_SECONDS)((len(run.history.epochs), run.state))


def controls(here: Linked) -> None:
    """Split and compared run, and what is being looked at, in words."""
    evaluation, run = here.view.evaluation, here.run
    with st.container(horizontal=True, vertical_alignment="bottom", key="look-controls"):
        available = views.splits(run)
        if len(available) > 1:
            state.follow("look-split", evaluation.split)
            st.segmented_control(
                "Split",
                available,
                key="look-split",
                format_func=str.capitalize,
                required=True,
                width="content",
                on_change=lambda: state.narrow(split=st.session_state["look-split"], epoch=None),
            )
        others = {
            other.run_id: other.name
            for other in cache.all_runs()
            if other.run_id != run.run_id and other.history.epochs
        }
        if others:
            st.session_state["look-compared"] = here.selection.compared
            st.selectbox(
                "Compare with",
                [None, *others],
                key="look-compared",
                format_func=lambda run_id: others.get(run_id, "No other run"),
                placeholder="No other run",
                width=280,
                on_change=lambda: state.narrow(
                    compared=st.session_state["look-compared"], group=None
                ),
            )
    images = "images trained on" if evaluation.split == "train" else f"{evaluation.split} images"
    facts = [f"**{run.name}**", f"{len(evaluation.labels):,} {images}"]
    facts.append(f"accuracy {evaluation.accuracy:.2%}")
    if run.members:
        facts.append(f"{len(run.members)} members")
    elif here.view.epoch is not None:
        which = "last " if run.history.checkpoint == "last" else "best "
        facts.append(
            f"{which if here.view.is_kept else ''}epoch {here.view.epoch}"
            + (", the newest while it trains" if run.state in ACTIVE_STATES else "")
        )
    if evaluation.temperature != 1.0:
        facts.append(f"temperature {evaluation.temperature:.2f} (kept with the run)")
    st.caption(" · ".join(facts))
    if here.other_run is not None and here.other is None:
        st.warning(
            f"**{here.other_run.name}** was not measured on these images; choose the other split, "
            "or another run to compare with.",
            icon=":material/compare_arrows:",
        )
    watch(run)


def chips(here: Linked) -> None:
    """The filters of the selection, each removable, and how many images they leave."""
    selection = here.selection
    defaults = Selection()
    shown = [
        name for name in (*FILTERS, "epoch") if getattr(selection, name) not in ((), None, "all")
    ]
    with st.container(
        horizontal=True, vertical_alignment="center", gap="small", key="selection-chips"
    ):
        st.markdown(f"**{len(here.positions):,}** images", width="content")
        for name in shown:
            words = state.in_words(name, getattr(selection, name))
            st.button(
                words,
                key=f"chip-{name}",
                icon=":material/close:",
                icon_position="right",
                help=f"Take this filter away: {words}",
                on_click=state.clear,
                args=(name,),
            )
        if any(getattr(selection, name) != getattr(defaults, name) for name in FILTERS):
            st.button("Reset", key="chips-reset", type="tertiary", on_click=state.clear)
        undo_button()


def undo_button() -> None:
    """Takes the last change of the selection back; absent where there is none."""
    if state.can_undo():
        st.button(
            "Undo",
            key="chips-undo",
            type="tertiary",
            icon=":material/undo:",
            on_click=state.undo,
            help="Back to the selection before.",
        )


def open_image(image: int) -> None:
    """Show an image's details, on the Errors page."""
    state.change(image=image)
    state.go("errors")


def image_pages(
    here: Linked,
    positions: Sequence[int] | NDArray[np.integer],
    *,
    key: str,
    on_pick: Callable[[int], None] = open_image,
    empty: str = "No image fits. Take a filter away, or reset the selection.",
) -> None:
    """Images in pages of a chosen size; a click opens one."""
    total = len(positions)
    if total == 0:
        st.info(empty, icon=":material/filter_alt_off:")
        return
    # another selection begins at its first page
    chosen = zlib.crc32(repr((replace(here.selection, image=None), here.view.key)).encode())
    size_key, page_key = f"{key}-size", f"{key}-page-{chosen}"
    size = st.session_state.get(size_key, PAGE_SIZES[1])
    pages = -(-total // size)
    page = min(st.session_state.get(page_key, 1), pages)
    if total > PAGE_SIZES[0]:
        with st.container(horizontal=True, vertical_alignment="center", key=f"{key}-pages"):
            st.caption(
                f"{(page - 1) * size + 1:,} to {min(page * size, total):,} of {total:,}",
                width="content",
            )
            if pages > 1:
                st.pagination(pages, key=page_key, width="content")
            st.segmented_control(
                "Images a page",
                PAGE_SIZES,
                default=PAGE_SIZES[1],
                key=size_key,
                required=True,
                label_visibility="collapsed",
                width="content",
                persist_state="session",
                help="Images a page",
            )
    shown = np.asarray(positions)[(page - 1) * size : page * size]
    images = here.images(shown)
    clickable.image_wall(
        [here.tile(int(position)) for position in shown],
        images,
        key=key,
        label=f"{len(shown)} images",
        on_pick=on_pick,
        marked=here.selection.image,
    )
    if images is None:
        st.caption(
            f"Numbers stand in for the pictures: {splits.DATASET_TITLES[here.dataset_name]} is "
            "not on this machine. The notice at the top of the page downloads it with one click."
            if here.dataset_name == "fashion-mnist"
            else "The pictures this run was trained on are not on this machine."
        )
