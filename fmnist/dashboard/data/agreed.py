"""Suspect labels of the test and validation split: the shipped models agree against the label."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import streamlit as st

from fmnist.csv import write_table
from fmnist.dashboard import cache, failures, image_grid, run_catalog, session
from fmnist.dashboard.components.clickable import Tile, image_wall
from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import Dataset, SplitName
from fmnist.evaluation.agreement import AgreedSuspects, agreed_suspects
from fmnist.evaluation.predictions import stored_evaluation
from fmnist.evaluation.verdicts import VERDICT_TITLES, Verdict, VerdictError
from fmnist.reports.text import counted, percent
from fmnist.runs.run import Run

_COLUMNS: Final = ("image", "label", "suggested", "self_confidence", "verdict")


def show(dataset: Dataset, split: SplitName) -> None:
    """The images, and the way to the Errors page, where verdicts on them are given."""
    runs = [run for run in _models(dataset) if run.evaluation_path(split).exists()]
    if len(runs) < 2:
        st.caption(
            "Two shipped models are needed that were evaluated on these images; those that there "
            "are know other data."
        )
        return
    with failures.shown("The suspect labels cannot be shown"):
        paths = [(run.evaluation_path(split), _modified(run, split)) for run in runs]
        found = _found(tuple(paths), split, runs)
        _show_found(dataset, split, runs, found)


def _models(dataset: Dataset) -> list[Run]:
    return [
        run
        for run in run_catalog.shipped_runs()
        if run.config and run.config.dataset == dataset.name and run.state == "finished"
    ]


def _modified(run: Run, split: SplitName) -> int:
    return run.evaluation_path(split).stat().st_mtime_ns


@st.cache_resource(show_spinner="Looking for suspect labels…", max_entries=4)
def _found(
    key: tuple[tuple[Path, int], ...],  # noqa: ARG001 - names the predictions
    split: SplitName,
    _runs: Sequence[Run],
) -> AgreedSuspects:
    return agreed_suspects([stored_evaluation(run, split) for run in _runs])


def _show_found(
    dataset: Dataset, split: SplitName, runs: Sequence[Run], found: AgreedSuspects
) -> None:
    st.markdown(
        f"**{counted(len(found), 'suspect label')}** of {found.images:,} {split} images, the least "
        f"probable first: all {len(runs)} shipped models predict the same other class. None of "
        "them was trained on these images."
    )
    if not len(found):
        return
    verdicts = _verdicts(dataset, split)
    images = found.indices.tolist()
    judged = sum(image in verdicts for image in images)
    st.progress(judged / len(images), f"{judged:,} of {len(images):,} decided")
    undecided = next((image for image in images if image not in verdicts), images[0])
    open_image = partial(_open, dataset, split, runs[0].run_id, images)
    with st.container(horizontal=True, vertical_alignment="center", key="agreed-controls"):
        st.button(
            "Give verdicts on the Errors page", key="agreed-open", type="primary",
            icon=":material/gavel:", on_click=open_image, args=(undecided,),
        )  # fmt: skip
        st.download_button(
            "Table (CSV)", data=partial(_table, found, verdicts), file_name=f"suspects-{split}.csv",
            mime="text/csv", icon=":material/download:", on_click="ignore", key="agreed-csv",
        )  # fmt: skip
    st.caption(
        "The Errors page then shows these images only, with the keys 1, 2 and 3 for a verdict and "
        "the arrow keys for the next one. It tells the accuracy if the verdicts hold."
    )
    source = dataset.test_images if split == "test" else dataset.train_images
    image_wall(
        [_tile(found, number, verdicts, split) for number in range(len(found))],
        source[np.asarray(found.indices)],
        key="agreed-wall",
        label=f"{split.capitalize()} images with suspect labels",
        on_pick=open_image,
    )


def _verdicts(dataset: Dataset, split: SplitName) -> dict[int, Verdict]:
    try:
        return cache.verdicts(dataset.name, "test" if split == "test" else "train")
    except VerdictError as error:
        failures.tell(str(error))
        return {}


def _open(
    dataset: Dataset, split: SplitName, run_id: str, images: Sequence[int], image: int
) -> None:
    """An image on the Errors page, among the suspect ones."""
    session.change(run=run_id, split=split, epoch=None)
    session.select_images(dataset.name, split, images)
    image_grid.open_image(image)


def _tile(
    found: AgreedSuspects, number: int, verdicts: dict[int, Verdict], split: SplitName
) -> Tile:
    image = int(found.indices[number])
    given, suggested = CLASS_NAMES[found.labels[number]], CLASS_NAMES[found.suggested[number]]
    own = percent(float(found.self_confidence[number]), 1)
    verdict = verdicts.get(image)
    mark = (f"✓ {VERDICT_TITLES[verdict.verdict]}",) if verdict else ()
    alt = f"{split.capitalize()} image {image}, labeled {given}, predicted as {suggested} by all"
    return Tile(image, (f"{given} → {suggested}?", own, *mark), ", ".join((alt, *mark)))


def _table(found: AgreedSuspects, verdicts: dict[int, Verdict]) -> str:
    columns = (
        found.indices.tolist(),
        [CLASS_NAMES[label] for label in found.labels],
        [CLASS_NAMES[label] for label in found.suggested],
        found.self_confidence.round(6).tolist(),
        [verdicts[i].verdict if i in verdicts else None for i in found.indices.tolist()],
    )
    rows = [dict(zip(_COLUMNS, row, strict=True)) for row in zip(*columns, strict=True)]
    return write_table(_COLUMNS, rows)
