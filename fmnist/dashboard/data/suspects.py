"""Suspect labels: a cross-validation in the background, then the images whose labels look wrong."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist import paths
from fmnist.csv import write_table
from fmnist.dashboard import (
    failures,
    image_grid,
    label_verdicts,
    layout,
    run_catalog,
    session,
)
from fmnist.dashboard.components.clickable import Tile
from fmnist.dashboard.data import agreed, corrected
from fmnist.data.corrections import Corrections
from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import FOLDS, SPLITS, Dataset, SplitName
from fmnist.evaluation.label_errors import (
    Folds,
    Suspects,
    find_suspects,
    fold_configs,
    fold_name,
    is_complete,
    newest_cross_validation,
    out_of_sample,
)
from fmnist.evaluation.label_verdicts import Consensus
from fmnist.evaluation.predictions import Evaluation
from fmnist.reports.images import SHEET_LIMIT, contact_sheet
from fmnist.reports.text import counted, duration, percent
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.recipes import RECIPES
from fmnist.runs.run import Run
from fmnist.training.estimate import estimate_seconds

_POLL_SECONDS: Final = 2.0
_SHEET_IMAGES: Final = 200
_COLUMNS: Final = ("image", "label", "suggested", "self_confidence")


def show(dataset: Dataset) -> None:
    """Suspect labels of a split; of the training split once a cross-validation has ended."""
    split: SplitName = st.segmented_control(
        "Images",
        SPLITS,
        default="train",
        key="suspects-split",
        format_func={"train": "Training", "validation": "Validation", "test": "Test"}.__getitem__,
        required=True,
        width="content",
        persist_state="session",
    )
    if split != "train":
        agreed.show(dataset, split)
        return
    st.caption(
        "Labels that are probably wrong. Five models each leave another fifth of the training "
        "images out and predict it, so that no image is judged by a model that has learned its "
        "label. Images on which they disagree with the label most are shown first."
    )
    folds = _newest(dataset)
    if folds is None:
        _show_start(dataset)
    elif is_complete(folds):
        with failures.shown("The suspect labels cannot be shown"):
            _show_suspects(folds, dataset)
    else:
        failures.fragment(_show_progress, run_every=_POLL_SECONDS)(dataset)


def _newest(dataset: Dataset) -> Folds | None:
    return newest_cross_validation(run_catalog.own_runs(), dataset.name)


def _config(dataset: Dataset) -> TrainConfig:
    return TrainConfig(**{**RECIPES["swift"], "dataset": dataset.name, "log_every": 10})


def _show_start(dataset: Dataset) -> None:
    seconds = estimate_seconds(fold_configs(_config(dataset))[0], run_catalog.own_runs())
    about = f" About {duration(FOLDS * seconds)} on this computer." if seconds else ""
    with st.container(border=True, key="suspects-start"):
        st.button(
            "Find suspect labels",
            key="suspects-find",
            type="primary",
            icon=":material/rule:",
            on_click=_start,
            args=(dataset,),
        )
        st.caption(
            f"Queues {FOLDS} quick runs, which go on in the background; you can leave this page."
            f"{about}"
        )
        _tell_error()


def _tell_error() -> None:
    """Why the last click failed, if it did."""
    error = st.session_state.pop("suspects-error", None)
    if error:
        failures.tell(error)


def _start(dataset: Dataset) -> None:
    """Queue a run for each fold; a double click makes them once."""
    config = _config(dataset)
    with failures.kept("suspects-error"), session.once("cross-validation", config) as is_first:
        if not is_first:
            return
        for each in fold_configs(config):
            name = fold_name(each)
            run_catalog.trainer().submit(store.create_run(paths.runs_folder(), each, name=name))


def _show_progress(dataset: Dataset) -> None:
    """How far the folds are; the page is drawn anew when the last one has ended."""
    folds = _newest(dataset)
    if folds is None or is_complete(folds):
        st.rerun()
    done = sum(run.state == "finished" for run in folds.values())
    share = sum(_share(run) for run in folds.values()) / FOLDS
    with st.container(border=True, key="suspects-progress"):
        st.progress(share, f"{done} of {FOLDS} folds are done…")
        halted = [run for run in folds.values() if not _goes_on(run)]
        missing = [fold for fold in range(1, FOLDS + 1) if fold not in folds]
        if halted or missing:
            parts = [f"{run.name} is {run.state}" for run in halted]
            parts += [f"fold {fold} is gone" for fold in missing]
            st.markdown(f":material/pause_circle: {'; '.join(parts)}.")
            st.button(
                "Go on", key="suspects-resume", icon=":material/play_arrow:",
                on_click=_resume, args=(dataset,),
            )  # fmt: skip
        layout.train_link()
        _tell_error()


def _goes_on(run: Run) -> bool:
    return run.state in ("queued", "running", "finished")


def _share(run: Run) -> float:
    if run.state == "finished":
        return 1.0
    return run.progress.step / run.progress.steps if run.progress.steps else 0.0


def _resume(dataset: Dataset) -> None:
    """Queue what has stopped, and make what is gone."""
    folds = _newest(dataset)
    if folds is None:
        return
    config = next(iter(folds.values())).training
    assert config
    with failures.kept("suspects-error"), session.once("resume", config) as is_first:
        for each in fold_configs(replace(config, left_out_fold=None)) if is_first else ():
            assert each.left_out_fold
            run = folds.get(each.left_out_fold)
            if run is None:
                name = fold_name(each)
                run = store.create_run(paths.runs_folder(), each, name=name)
            elif _goes_on(run):
                continue
            run_catalog.trainer().submit(run)


@st.cache_resource(show_spinner="Looking for suspect labels…", max_entries=2)
def _found(key: tuple[object, ...], _folds: Folds) -> tuple[Evaluation, Suspects]:  # noqa: ARG001
    evaluation = out_of_sample(_folds)
    return evaluation, find_suspects(evaluation)


def _show_suspects(folds: Folds, dataset: Dataset) -> None:
    _tell_error()
    key = tuple((run.run_id, run.created) for _, run in sorted(folds.items()))
    evaluation, suspects = _found(key, folds)
    model = next(iter(folds.values())).training
    assert model
    if not len(suspects):
        st.success("No label is suspect.", icon=":material/task_alt:")
        return
    label: int | None = st.selectbox(
        "Given label",
        [None, *range(len(CLASS_NAMES))],
        key="suspects-label",
        format_func=lambda value: "All" if value is None else CLASS_NAMES[value],
        width=260,
        persist_state="session",
    )
    chosen = np.arange(len(suspects))
    if label is not None:
        chosen = np.flatnonzero(evaluation.labels[suspects.positions] == label)
    st.markdown(
        f"**{counted(len(chosen), 'suspect label')}** of {len(evaluation.labels):,} "
        f"({percent(len(chosen) / len(evaluation.labels), 1)}), the least probable first. "
        f"Accuracy of the five models on what they left out: {percent(evaluation.accuracy)}."
    )
    if not len(chosen):
        return
    together = _review(folds, evaluation, suspects, chosen, dataset)
    _show_exports(evaluation, suspects, chosen, dataset)
    corrected.show(
        replace(model, left_out_fold=None),
        _corrections(dataset.name, evaluation, suspects, chosen)
        | {"Follow the verdicts": together.corrections(dataset.name)},
    )
    st.caption(
        "Confident learning (Northcutt et al. 2021, cleanlab) estimates how many labels of each "
        "class are wrong, from images that the models give to another class with more confidence "
        "than that class has on average. So many are suspect: those whose label is least probable. "
        "Many are hard images with a right label: look before you judge."
    )


def _corrections(
    name: str, evaluation: Evaluation, suspects: Suspects, chosen: NDArray[np.intp]
) -> dict[str, Corrections]:
    """What can be done with the chosen suspects, by what it is called."""
    images = evaluation.indices[suspects.positions[chosen]].tolist()
    suggested = dict(zip(images, suspects.suggested[chosen].tolist(), strict=True))
    return {
        "Leave them out": Corrections.of(name, excluded=images),
        "Give them the suggested label": Corrections.of(name, relabeled=suggested),
    }


def _tiles(evaluation: Evaluation, suspects: Suspects, chosen: NDArray[np.intp]) -> Sequence[Tile]:
    tiles = []
    for number in chosen:
        position = suspects.positions[number]
        given = CLASS_NAMES[evaluation.labels[position]]
        suggested = CLASS_NAMES[suspects.suggested[number]]
        own = percent(float(suspects.self_confidence[number]), 1)
        image = int(evaluation.indices[position])
        tiles.append(
            Tile(
                image, (f"{given} → {suggested}?", own),
                f"Training image {image}, labeled {given} (probability {own}), suggested: "
                f"{suggested}",
            )
        )  # fmt: skip
    return tiles


def _review(
    folds: Folds,
    evaluation: Evaluation,
    suspects: Suspects,
    chosen: NDArray[np.intp],
    dataset: Dataset,
) -> Consensus:
    """Ask for verdicts on the chosen suspects."""

    def open_image(image: int) -> None:
        """The image on the Errors page, with what the run predicts that left it out."""
        with failures.kept("suspects-error"):
            for run in folds.values():
                if image in Evaluation.load(run.evaluation_path("train")).indices:
                    session.change(run=run.run_id, split="train", epoch=None)
                    image_grid.open_image(image)
                    return

    images = evaluation.indices[suspects.positions[chosen]].tolist()
    return label_verdicts.review(
        dataset,
        _tiles(evaluation, suspects, chosen),
        dict(zip(images, suspects.suggested[chosen].tolist(), strict=True)),
        key="suspects",
        label="Training images with suspect labels",
        on_open=open_image,
    )


def _show_exports(
    evaluation: Evaluation, suspects: Suspects, chosen: NDArray[np.intp], dataset: Dataset
) -> None:
    def table() -> str:
        positions = suspects.positions[chosen]
        columns = (
            evaluation.indices[positions].tolist(),
            [CLASS_NAMES[label] for label in evaluation.labels[positions]],
            [CLASS_NAMES[label] for label in suspects.suggested[chosen]],
            suspects.self_confidence[chosen].round(6).tolist(),
        )
        rows = [dict(zip(_COLUMNS, row, strict=True)) for row in zip(*columns, strict=True)]
        return write_table(_COLUMNS, rows)

    def sheet() -> bytes:
        first = chosen[: min(_SHEET_IMAGES, SHEET_LIMIT)]
        tiles = _tiles(evaluation, suspects, first)
        return contact_sheet(
            dataset.train_images[evaluation.indices[suspects.positions[first]]],
            ["\n".join(tile.lines) for tile in tiles],
            title=f"Suspect labels, the first {len(first):,} of {len(chosen):,}",
        )

    with st.container(horizontal=True, key="suspects-exports"):
        st.download_button(
            "Table (CSV)", data=table, file_name="suspect-labels.csv", mime="text/csv",
            icon=":material/download:", on_click="ignore", key="suspects-csv",
        )  # fmt: skip
        st.download_button(
            "Contact sheet (PNG)", data=sheet, file_name="suspect-labels.png", mime="image/png",
            icon=":material/download:", on_click="ignore", key="suspects-sheet",
        )  # fmt: skip
