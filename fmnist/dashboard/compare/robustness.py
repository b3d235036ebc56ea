"""Robustness of the selected runs: accuracy on corrupted images, examples, the worst mistakes."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import streamlit as st

from fmnist.dashboard import cache, ending, failures, image_grid, session
from fmnist.dashboard.compare.run_comparison import RunComparison
from fmnist.dashboard.components.clickable import Tile, image_wall
from fmnist.dashboard.jobs import JobText, show_job
from fmnist.data import fashion_mnist
from fmnist.data.corruptions import CORRUPTIONS, SEVERITIES
from fmnist.data.splits import DATASET_TITLES, Dataset
from fmnist.errors import DamagedFileError
from fmnist.evaluation.augmentation_effect import effects
from fmnist.evaluation.leaderboard import LeaderboardRow
from fmnist.evaluation.robustness import IMAGES, Robustness, digest_of, robustness_split
from fmnist.evaluation.robustness_job import RobustnessProcess, RobustnessTask
from fmnist.reports import charts
from fmnist.reports.text import percent
from fmnist.runs.config import TrainConfig
from fmnist.runs.names import distinct_labels
from fmnist.runs.run import Run
from fmnist.text import plain

_ALL: Final = "all"
_EXAMPLES: Final = 10
_WORST: Final = 20
_KEY: Final = "robustness"
_EFFECTS: Final = 3
"""Pairs of runs that are told of; more would be crowded."""


@dataclass(frozen=True)
class Measured:
    """A selected run with what was measured."""

    entry: LeaderboardRow
    found: Robustness


@st.cache_resource(show_spinner=False)
def process() -> RobustnessProcess:
    """The measurements of this server, shared by all sessions."""
    made = RobustnessProcess()
    ending.register(made.cancel)
    return made


def show_robustness(comparison: RunComparison) -> None:
    """Accuracy by corruption and severity, for the runs that were measured; a button for others."""
    dataset = cache.dataset(fashion_mnist.locate())
    able, told = _able(comparison, dataset)
    for sentence in told:
        st.caption(sentence)
    if not able:
        st.caption("Select a finished run with weights to see how robust it is.")
        return
    measured, missing = [], []
    with failures.shown("The robustness cannot be shown"):
        for entry in able:
            found = _load(entry.run, dataset)
            if found is None:
                missing.append(entry)
            else:
                measured.append(Measured(entry, found))
        if missing:
            _show_job(missing)
        if measured:
            corruption, severity = _controls()
            _show_curves(comparison, measured, corruption)
            _show_augmentation(measured)
            _show_examples(measured, dataset, corruption, severity)


def _load(run: Run, dataset: Dataset) -> Robustness | None:
    """What was measured; None if nothing was, or if it is damaged: it is then measured anew."""
    try:
        weights = cache.file_digest(run.weights_path)
        return Robustness.load(run, digest=digest_of(run, dataset, weights=weights))
    except DamagedFileError:
        return None


def _able(comparison: RunComparison, dataset: Dataset) -> tuple[list[LeaderboardRow], list[str]]:
    """The runs that can be measured here, and why the others cannot."""
    able, told = [], []
    for entry in comparison.chosen:
        run = entry.run
        if run.config is None or run.config.dataset != dataset.name:
            title = DATASET_TITLES[run.config.dataset] if run.config else "another data set"
            here = DATASET_TITLES[dataset.name]
            told.append(f"{plain(entry.name)} is of {title}; the images here are {here}.")
        elif not run.weights_path.exists():
            told.append(f"{plain(entry.name)} has no weights to predict with.")
        else:
            able.append(entry)
    return able, told


def _show_job(missing: list[LeaderboardRow]) -> None:
    names = " and ".join(plain(entry.name) for entry in missing)
    text = JobText(
        _KEY,
        "Measure robustness",
        ":material/blur_on:",
        f"Predicts {IMAGES:,} test images, corrupted in {len(CORRUPTIONS)} ways and "
        f"{len(SEVERITIES)} severities, by {names}. Minutes, for a large model hours; in the "
        "background, once.",
        "Other runs first.",
        "The robustness could not be measured",
    )
    show_job(process(), RobustnessTask(tuple(entry.run.folder for entry in missing)), text)


def _controls() -> tuple[str, int]:
    with st.container(horizontal=True, vertical_alignment="bottom", key="robustness-controls"):
        corruption = st.selectbox(
            "Corruption",
            [_ALL, *CORRUPTIONS],
            key="robustness-corruption",
            format_func=lambda name: "All (mean)" if name == _ALL else CORRUPTIONS[name].title,
            width=240,
            persist_state="session",
        )
        severity: int = st.segmented_control(
            "Severity of the examples",
            SEVERITIES,
            default=3,
            key="robustness-severity",
            required=True,
            width="content",
            disabled=corruption == _ALL,
            persist_state="session",
        )
    return corruption, severity


def _show_curves(comparison: RunComparison, measured: list[Measured], corruption: str) -> None:
    left, right = st.columns([6, 5], gap="medium")
    rows = slice(None) if corruption == _ALL else [list(CORRUPTIONS).index(corruption)]
    curves = [
        [each.found.clean_accuracy, *each.found.accuracies[rows].mean(axis=0)] for each in measured
    ]
    with left:
        st.plotly_chart(
            charts.severity_curves(
                np.array(curves),
                [each.entry.name for each in measured],
                [comparison.colors[each.entry.run_id] for each in measured],
            ),
            key="robustness-curves",
            config={"displayModeBar": False},
            alt="Accuracy of each run on clean images and at the five severities",
        )
        if corruption != _ALL:
            found = CORRUPTIONS[corruption]
            strengths = ", ".join(f"{strength:g}" for strength in found.strengths)
            st.caption(f"{found.title}: {found.explanation} Severities 1 to 5: {strengths}.")
    with right:
        _show_table(measured)
    st.caption(
        f"The same {len(measured[0].found.labels):,} test images for all runs; one run, one seed. "
        f"{_choice_in_words(measured)} The idea is that of Hendrycks and Dietterich (2019) and "
        "Fashion-MNIST-C (Weiss and Tonella 2022); the strengths are this project's own."
    )


def _show_augmentation(measured: list[Measured]) -> None:
    """Whether augmentation mended it, where two runs differ in nothing else."""
    found = effects([(each.entry.run.training, each.found) for each in measured])
    choices = TrainConfig.settings()["augmentation"].titles
    for effect in found[:_EFFECTS]:
        one, other = (plain(measured[at].entry.name) for at in (effect.with_it, effect.without))
        added = " and ".join(choices[each] for each in effect.augmenters)
        covered = ", ".join(CORRUPTIONS[key].title.lower() for key in effect.corruptions)
        verdict = "is not clearly different from"
        if effect.low > 0:
            verdict = "is more accurate than"
        elif effect.high < 0:
            verdict = "is less accurate than"
        st.markdown(
            f":material/info: {added} in training is like these corruptions: {covered}. On them, "
            f"{one} {verdict} {other}, which lacks it: {100 * effect.difference:+.1f} points (95% "
            f"interval {100 * effect.low:+.1f} to {100 * effect.high:+.1f} over the test images; "
            "one pair of runs)."
        )
    if not found:
        st.caption(
            "Does augmentation mend it? These runs cannot tell. Train two runs whose settings and "
            "seed differ in the augmentation only, and compare them here: *Shift* is like "
            "translation, *Flip* like mirror, *Rotate* like rotation, *Erase* and *Cutout* like "
            "occlusion."
        )


def _choice_in_words(measured: list[Measured]) -> str:
    """Whether anything was chosen by the test images."""
    notebook = [plain(each.entry.name) for each in measured if each.entry.protocol == "notebook"]
    if not notebook:
        return "Nothing was chosen by them."
    return (
        f"{' and '.join(notebook)}: the epoch was selected on test images (notebook protocol), "
        "which biases the accuracy upward."
    )


def _show_table(measured: list[Measured]) -> None:
    """Mean accuracy over the severities: a row a corruption, a column a run."""
    titles = [each.title for each in CORRUPTIONS.values()]
    columns: dict[str, list[float]] = {}
    for each in measured:
        means = 100 * each.found.accuracies.mean(axis=1)
        columns[each.entry.run_id] = [
            100 * each.found.clean_accuracy, 100 * each.found.mean_accuracy, *means,
        ]  # fmt: skip
    names = distinct_labels({each.entry.run_id: each.entry.name for each in measured})
    frame = pd.DataFrame({"Corruption": ["None", "All (mean)", *titles]} | columns).rename(
        columns=names
    )

    def choose() -> None:
        rows = st.session_state["robustness-table"].selection.rows
        if rows:
            st.session_state["robustness-corruption"] = [_ALL, _ALL, *CORRUPTIONS][rows[0]]

    st.dataframe(
        frame,
        key="robustness-table",
        hide_index=True,
        height="content",
        on_select=choose,
        selection_mode="single-row",
        column_config={"Corruption": st.column_config.TextColumn(pinned=True)}
        | {name: st.column_config.NumberColumn(format="%.1f%%") for name in names.values()},
        alt="Accuracy by corruption, mean over the severities, one column per run; select a row "
        "to see its curve",
    )


def _show_examples(
    measured: list[Measured], dataset: Dataset, corruption: str, severity: int
) -> None:
    """Some images at this severity, and the first run's worst mistakes."""
    if corruption == _ALL:
        st.caption("Select a corruption to see examples of it and the worst mistakes.")
        return
    first = measured[0]
    images = _corrupted(dataset.checksum, corruption, severity, dataset)
    for title, positions in (
        (f"Examples, severity {severity}", np.arange(_EXAMPLES)),
        (
            f"Worst mistakes of {plain(first.entry.name)}: correct when clean, now wrong with high "
            "confidence",
            first.found.worst(corruption, severity, _WORST),
        ),
    ):
        st.markdown(f"**{title}**")
        if not len(positions):
            st.caption("None: every image that is correct when clean stays correct.")
            continue
        image_wall(
            [
                _tile(first.found, int(position), corruption, severity, first.entry.run.class_names)
                for position in positions
            ],
            images[positions],
            key=f"robustness-{title[:5].lower()}",
            label=title,
            on_pick=functools.partial(_open, first.entry.run_id),
        )


def _open(run_id: str, image: int) -> None:
    """Open the clean image on the Errors page, with what this run predicts for it."""
    session.change(run=run_id, split="test", epoch=None)
    image_grid.open_image(image)


@st.cache_data(show_spinner=False, max_entries=8)
def _corrupted(checksum: str, corruption: str, severity: int, _dataset: Dataset) -> np.ndarray:  # noqa: ARG001
    return CORRUPTIONS[corruption](robustness_split(_dataset).images, severity)


def _tile(
    found: Robustness, position: int, corruption: str, severity: int, names: Sequence[str]
) -> Tile:
    place = list(CORRUPTIONS).index(corruption), SEVERITIES.index(severity), position
    true, predicted = names[found.labels[position]], names[found.predicted[place]]
    confidence = percent(found.confidence[place], 0)
    image = int(found.indices[position])
    if true == predicted:
        return Tile(image, (true, confidence), f"{true}, correct, {confidence}, #{image}")
    alt = f"{true}, predicted as {predicted}, {confidence}, #{image}"
    return Tile(image, (f"{true} → {predicted}", confidence), alt, is_wrong=True)
