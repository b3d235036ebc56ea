"""What a page shows: the selection, and the snapshots of the runs that it names."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import zip_longest

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import cache, failures, layout, run_catalog, session, snapshots
from fmnist.dashboard.components.clickable import Tile
from fmnist.dashboard.selection import Selection
from fmnist.dashboard.snapshots import Snapshot
from fmnist.data import fashion_mnist
from fmnist.data.labels import CLASS_NAMES, NUM_CLASSES
from fmnist.data.splits import SplitName
from fmnist.errors import sentence
from fmnist.evaluation import filters
from fmnist.evaluation.significance import agreement
from fmnist.evaluation.verdicts import ImageKey, Verdict, VerdictError
from fmnist.reports.text import percent
from fmnist.runs.names import distinct_names
from fmnist.runs.run import ACTIVE_STATES, Run
from fmnist.text import plain

_POLL_SECONDS = 4.0


@dataclass(frozen=True, eq=False)
class PageContext:
    """What a page shows; gathered once by `gather`, then only read.

    Attributes
    ----------
    selection : Selection
    run : Run
    snapshot : Snapshot
    other_run : Run or None
        The compared run.
    other : Snapshot or None
        The compared run's snapshot of the same images; None where it has none.
    verdicts : mapping of int to Verdict
        Verdicts on images of this split, by `Split.indices`.
    source : uint8 (M, 28, 28) or None
        Images that `Split.indices` counts; None where the data set is not on this machine.
    """

    selection: Selection
    run: Run
    snapshot: Snapshot
    other_run: Run | None = None
    other: Snapshot | None = None
    verdicts: Mapping[int, Verdict] = field(default_factory=dict)
    source: NDArray[np.uint8] | None = None

    @cached_property
    def names(self) -> tuple[str, str]:
        """Names of the run and of the compared run, which differ; "" without a compared run."""
        if self.other_run is None:
            return self.run.name, ""
        names = distinct_names([self.run, self.other_run])
        return names[self.run.run_id], names[self.other_run.run_id]

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes that the run and the compared one can predict, text from outside.

        An own class that has another name in each has both.
        """
        runs = (self.run, self.other_run) if self.other_run else (self.run,)
        own = zip_longest(*(run.class_names[NUM_CLASSES:] for run in runs))
        return (*CLASS_NAMES, *(" / ".join(dict.fromkeys(filter(None, names))) for names in own))

    @property
    def num_classes(self) -> int:
        """How many classes the two snapshots have."""
        snapshots_shown = (self.snapshot, self.other) if self.other else (self.snapshot,)
        return max(each.evaluation.num_classes for each in snapshots_shown)

    @property
    def split(self) -> SplitName:
        """Name of the split."""
        return self.snapshot.evaluation.split

    @property
    def dataset_name(self) -> str:
        """Name of the data set that the run was trained on."""
        return self.run.config.dataset if self.run.config else ""

    @property
    def part(self) -> str:
        """The file that the images come from: "train" or "test"."""
        return _part(self.split)

    @property
    def has_corrected_labels(self) -> bool:
        """Whether the labels are those that the run learned, with its corrections.

        The images that it follows have them; others keep the data set's.
        """
        config = self.run.training
        return (
            self.split == "train"
            and config is not None
            and config.corrections is not None
            and config.followed_images is not None
        )

    @cached_property
    def groups(self) -> NDArray[np.int8] | None:
        """Which of the two runs is correct (`significance.agreement`), int8 (N,)."""
        if self.other is None:
            return None
        return agreement(self.snapshot.evaluation.correct, self.other.evaluation.correct)

    @cached_property
    def positions(self) -> NDArray[np.intp]:
        """Positions of the filtered images in the evaluation, in the selected order."""
        return filters.sort_positions(
            self.snapshot.evaluation,
            np.flatnonzero(self.mask()),
            self.selection.sort,
            descending=self.selection.order == "down",
        )

    def mask(self, *without: str) -> NDArray[np.bool_]:
        """Mark the filtered images, bool (N,).

        Parameters
        ----------
        *without : str
            Filters to ignore: a chart shows what all the other filters leave.
        """
        wanted = self.selection.filters(without=without)
        return filters.matching(
            self.snapshot.evaluation,
            wanted,
            error_types=self.snapshot.error_types if wanted.error_type else None,
            groups=self.groups,
            verdicts={image: given.verdict for image, given in self.verdicts.items()},
        )

    def key(self, image: int) -> ImageKey:
        """The image's name in the database of verdicts."""
        return ImageKey(self.dataset_name, "test" if self.split == "test" else "train", image)

    def images(self, positions: NDArray[np.integer]) -> NDArray[np.uint8] | None:
        """Images at positions of the evaluation, uint8 (N, 28, 28); None where unavailable."""
        if self.source is None:
            return None
        chosen: NDArray[np.uint8] = self.source[self.snapshot.evaluation.indices[positions]]
        return chosen

    def tile(self, position: int) -> Tile:
        """An image of the grid."""
        evaluation = self.snapshot.evaluation
        true = CLASS_NAMES[evaluation.labels[position]]
        predicted = self.run.class_names[evaluation.predicted_labels[position]]
        confidence = percent(evaluation.confidence[position], 1)
        image = int(evaluation.indices[position])
        if evaluation.correct[position]:
            return Tile(image, (true, confidence), f"{true}, correct, {confidence}, #{image}")
        alt = f"{true}, predicted as {predicted}, {confidence}, #{image}"
        return Tile(image, (f"{true} → {predicted}", confidence), alt, is_wrong=True)


def gather(*, with_verdicts: bool = False, split: SplitName | None = None) -> PageContext:
    """Read all that the selection names.

    Where there is nothing to show, writes the reason on the page and ends the script.

    Parameters
    ----------
    with_verdicts : bool
        Read the verdicts even where no filter needs them.
    split : {"train", "validation", "test"}, optional
        A split to show in place of the selected one, with the saved weights.
    """
    selection = session.selection()
    if split is not None:
        # a set of images may belong to the split of a single epoch, whatever split is selected
        images = selection.images
        of_split = images is not None and images.split == split
        selection = replace(selection, split=split, epoch=None, images=images if of_split else None)
    run = run_catalog.run_or_none(selection.run)
    if run is None:
        layout.no_model_yet("Train a model to see its misclassified images.")
        session.end_page()
    if run.config is None or run.state == "broken":
        layout.broken_run(run)
        session.end_page()
    try:
        snapshot = snapshots.load_snapshot(run, selection.split, selection.epoch)
    except failures.EXPECTED as error:
        layout.broken_evaluation(error)
        session.end_page()
    if snapshot is None:
        st.info(
            f"**{plain(run.name)}** has not been evaluated yet. Results appear after the first "
            "epoch.",
            icon=":material/hourglass_empty:",
        )
        watch(run)
        session.end_page()
    other_run = run_catalog.run_or_none(selection.compared)
    return PageContext(
        selection,
        run,
        snapshot,
        other_run,
        _compared_snapshot(other_run, run, snapshot),
        _verdicts(run.config.dataset, _part(snapshot.evaluation.split))
        if with_verdicts or selection.verdict
        else {},
        image_source(run, snapshot.evaluation.split),
    )


def image_source(run: Run, split: SplitName) -> NDArray[np.uint8] | None:
    """The images that a run was trained or tested on; None where they are not on this machine."""
    name = run.config.dataset if run.config else ""
    # the pixels of another data set would be the wrong pictures
    if fashion_mnist.locate().name != name and name != "synthetic-garments":
        return None
    dataset = layout.load_dataset()
    if dataset is None or dataset.name != name:
        return None
    return dataset.test_images if split == "test" else dataset.train_images


def _part(split: SplitName) -> str:
    return "test" if split == "test" else "train"


def _compared_snapshot(other_run: Run | None, run: Run, snapshot: Snapshot) -> Snapshot | None:
    if other_run is None:
        return None
    try:
        other = snapshots.load_snapshot(other_run, snapshot.evaluation.split, None)
    except failures.EXPECTED as error:
        text = sentence(error, "The compared run cannot be read")
        st.warning(plain(text), icon=":material/broken_image:")
        return None
    is_same_data = (
        other is not None
        and other_run.config is not None
        and run.config is not None
        and other_run.config.dataset == run.config.dataset
        and np.array_equal(other.evaluation.indices, snapshot.evaluation.indices)
        # a run with corrections follows training images with the labels that it learned
        and np.array_equal(other.evaluation.labels, snapshot.evaluation.labels)
    )
    return other if is_same_data else None


def _verdicts(dataset: str, part: str) -> Mapping[int, Verdict]:
    try:
        return cache.verdicts(dataset, part)
    except VerdictError as error:
        failures.tell(str(error))
        return {}


def watch(run: Run) -> None:
    """Draw the page again when an epoch of a running training has ended."""
    if run.state not in ACTIVE_STATES:
        return

    def poll(known: tuple[int, str]) -> None:
        now = run_catalog.run_or_none(run.run_id)
        if now is None or (len(now.history.epochs), now.state) != known:
            st.rerun()

    failures.fragment(poll, run_every=_POLL_SECONDS)((len(run.history.epochs), run.state))
