"""The report of a run: one HTML file that needs nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import DATASET_TITLES, Dataset, SplitName, monitored_split
from fmnist.errors import DamagedFileError, sentence
from fmnist.evaluation import leaderboard
from fmnist.evaluation.calibration import brier_score, reliability
from fmnist.evaluation.filters import sort_positions
from fmnist.evaluation.metrics import class_scores, most_confused_pairs, standard_error
from fmnist.evaluation.misclassifications import ERROR_TYPES, error_types
from fmnist.evaluation.predictions import EpochEvaluations, Evaluation, check_images
from fmnist.models.registry import describe
from fmnist.models.sizes import Size
from fmnist.reports import charts, html, model_card, svg
from fmnist.reports.html import Table, Tile
from fmnist.reports.sentences import MEASURED_ON, PROTOCOLS_IN_WORDS, curves_in_words
from fmnist.reports.text import counted, duration, percent
from fmnist.runs.config import RunConfig, TrainConfig
from fmnist.runs.run import ACTIVE_STATES, Run, RunError
from fmnist.runs.temperature import load_temperature

HARDEST: Final = 48
"""Misclassified images shown."""

_STATES: Final = {
    "queued": "The run had not begun when this report was written.",
    "running": "The run was training when this report was written.",
    "paused": "The run was paused when this report was written.",
    "stopped": "The run was stopped before its last epoch.",
    "pruned": "A sweep ended the run early, since others were better.",
    "interrupted": "The run was interrupted before its last epoch.",
}


class Figure(NamedTuple):
    """A number, what it was measured on, and a term of the glossary that explains it."""

    title: str
    value: str
    basis: str
    term: str = ""


@dataclass(frozen=True, eq=False)
class Shown:
    """The predictions that a report is about.

    Attributes
    ----------
    evaluation : Evaluation
    epoch : int or None
        Whose weights made them; None of an ensemble, and where it is unknown.
    is_selected : bool
        Whether these are the weights that the run saves.
    """

    evaluation: Evaluation
    epoch: int | None
    is_selected: bool

    def basis(self, config: RunConfig) -> str:
        """What all figures of the predictions are measured on, in words."""
        split = self.evaluation.split
        images = counted(len(self.evaluation.labels), f"{split} image")
        epoch = f", weights of epoch {self.epoch}" if self.epoch else ""
        chosen = ", epoch selected on these images" * (split == "test" == self._monitored(config))
        return f"{images}{epoch}; {config.protocol} protocol{chosen}"

    @staticmethod
    def _monitored(config: RunConfig) -> SplitName | None:
        return monitored_split(config.protocol) if config.checkpoint == "best" else None


def run_report(run: Run, *, dataset: Dataset | None = None, size: Size | None = None) -> str:
    """The report of a run, as HTML; the same run gives the same text.

    What the run does not have is left out, and said so.

    Parameters
    ----------
    run : Run
    dataset : Dataset, optional
        Where the pixels of misclassified images come from.
    size : Size, optional
        Of the network, or of all in an ensemble together.

    Raises
    ------
    RunError
        If the run is broken, or a file of it is.
    """
    config = readable(run)
    shown = shown_predictions(run)
    return html.render(
        "run_report.html.j2",
        title=run.name,
        facts=_facts(run, config, size),
        protocol=f"{config.protocol.capitalize()}: {PROTOCOLS_IN_WORDS[config.protocol]}",
        notices=_notices(run, shown),
        figures=_figures(run, config, shown),
        curves=_curves(run, config),
        no_curves=_no_curves(run),
        **_of_predictions(run, config, shown, dataset),
        settings=leaderboard.settings(run),
        card=_card(run),
    )


def readable(run: Run) -> RunConfig:
    """The settings of a run that can be read.

    Raises
    ------
    RunError
        If it is broken.
    """
    if run.config is None or run.state == "broken":
        raise RunError(f"The run {run.run_id} is broken: {run.reason}")
    return run.config


def shown_predictions(run: Run) -> Shown | None:
    """What the pages show of a run at first: test, else validation, else the newest epoch.

    Returns
    -------
    Shown or None
        None before the first epoch.

    Raises
    ------
    RunError
        If a file is damaged.
    """
    selected = run.history.selected
    epoch = selected.epoch if selected and not run.members else None
    saved: tuple[SplitName, ...] = () if run.state in ACTIVE_STATES else ("test", "validation")
    try:
        kept = load_temperature(run)
        for split in saved:
            if run.evaluation_path(split).exists():
                evaluation = Evaluation.load(run.evaluation_path(split))
                check_images(run, split, evaluation.indices, classes=evaluation.num_classes)
                temperature = kept.value if kept else 1.0
                return Shown(replace(evaluation, temperature=temperature), epoch, True)
        if not run.epochs_path.exists():
            return None
        epochs = EpochEvaluations.load(run.epochs_path)
        check_images(run, epochs.split, epochs.indices)
        return Shown(epochs.epoch(len(epochs.logits)), len(epochs.logits), False)
    except (OSError, DamagedFileError) as error:
        raise RunError(sentence(error, f"The run {run.run_id} is broken")) from error


def _facts(run: Run, config: RunConfig, size: Size | None) -> list[tuple[str, str]]:
    model = describe(*config.models)
    facts = [
        ("Model", model.title if run.members else f"{model.title}: {model.summary}"),
        ("Data", DATASET_TITLES[config.dataset]),
        ("State", run.state.capitalize()),
        ("Started", f"{datetime.fromtimestamp(run.created, UTC):%Y-%m-%d %H:%M} UTC"),
        ("Run", run.run_id),
    ]
    if run.training:
        facts.insert(2, ("Epochs", f"{len(run.history.epochs)} of {run.training.epochs}"))
    if run.fine_tuning:
        facts.insert(1, ("Fine-tuned from", run.fine_tuning.base))
        if run.fine_tuning.own_classes:
            facts.insert(2, ("Own classes", ", ".join(run.fine_tuning.own_classes)))
    if run.members:
        facts.insert(1, ("Members", ", ".join(run.members)))
    if size:
        facts.insert(1, ("Parameters", f"{size.parameters:,}"))
        facts.insert(2, ("Multiply-adds", f"{size.multiply_adds:,} an image"))
    if run.history.epochs:
        facts.append(("Training time", duration(run.progress.seconds)))
    return facts


def _notices(run: Run, shown: Shown | None) -> list[str]:
    """What the run lacks, in sentences."""
    notices = [_STATES[run.state]] if run.state in _STATES else []
    if run.state == "failed":
        notices.append(f"The run failed: {run.reason or 'the reason is unknown.'}")
    if shown is None:
        notices.append(
            "It has not been evaluated: there are no accuracy, confusion matrix, calibration and "
            "misclassified images."
        )
    elif shown.evaluation.split != "test":
        notices.append(
            "It has no evaluation of the test images. The figures are of the "
            f"{shown.evaluation.split} images."
        )
    elif not shown.is_selected:
        notices.append("The figures are those after its newest epoch.")
    if shown is not None and not run.weights_path.exists():
        notices.append("Its weights are not kept on this machine; its predictions are.")
    return notices


def _figures(run: Run, config: RunConfig, shown: Shown | None) -> list[Figure]:
    row = leaderboard.LeaderboardRow(run, run.name)
    figures = []
    if shown is not None:
        evaluation, basis = shown.evaluation, shown.basis(config)
        error = standard_error(evaluation.accuracy, len(evaluation.labels))
        figures = [
            Figure(
                f"{evaluation.split.capitalize()} accuracy",
                f"{percent(evaluation.accuracy)} ± {100 * error:.2f}",
                f"{basis}; ± is one standard error, in points",
                "accuracy",
            ),
            Figure(f"{evaluation.split.capitalize()} loss", f"{evaluation.loss:.4f}", basis, "nll"),
        ]
    selected = run.history.selected
    if row.validation_accuracy is not None and selected:
        epoch = "" if run.members else f", epoch {selected.epoch}"
        basis = f"validation images{epoch}; {config.protocol} protocol"
        validation = percent(row.validation_accuracy)
        figures.insert(1, Figure("Validation accuracy", validation, basis, "validation"))
    if shown is not None and run.state not in ACTIVE_STATES and run.tta_path.exists():
        accuracy = Evaluation.load(run.tta_path).accuracy
        basis = f"test images, {config.tta or 'the views of each member'}"
        basis += f"; {config.protocol} protocol"
        figures.append(Figure("Test accuracy with TTA", percent(accuracy), basis, "tta"))
    return figures


def _no_curves(run: Run) -> str:
    """Why there are none, where there are none."""
    if run.members:
        return (
            "An ensemble is not trained: it averages the probabilities of its members, "
            f"{', '.join(run.members)}. It has no training curves."
        )
    if run.fine_tuning:
        return "Fine-tuning trains the last layer once, so it has no curves."
    return "The run has not finished an epoch, so it has no curves."


def _curves(run: Run, config: RunConfig) -> dict[str, Any] | None:
    """Charts of loss and accuracy, what they show, and the table of the epochs."""
    history, training = run.history, run.training
    if training is None or not history.epochs:
        return None
    measured = MEASURED_ON[monitored_split(config.protocol)]
    epochs = history.epochs
    first, last = epochs[0], epochs[-1]
    over = f"over {counted(len(epochs), 'epoch')}"
    return {
        "basis": f"{measured}: measured after each epoch, {config.protocol} protocol. Training: "
        "mean over the steps of the epoch, with dropout, while the weights change.",
        "loss": svg.line_chart(
            charts.loss_curves(
                history, monitored=measured, epochs_after=_epochs_after(run, training)
            ),
            key="loss",
            unit="Loss (nats)",
            alt=f"Loss {over}. Training: from {first.train_loss:.3f} to {last.train_loss:.3f}. "
            f"{measured}: from {first.loss:.3f} to {last.loss:.3f}.",
        ),
        "accuracy": svg.line_chart(
            charts.accuracy_curves(history, monitored=measured),
            key="accuracy",
            unit="Accuracy (%)",
            alt=f"Accuracy {over}. Training: from {percent(first.train_accuracy)} to "
            f"{percent(last.train_accuracy)}. {measured}: from {percent(first.accuracy)} to "
            f"{percent(last.accuracy)}.",
        ),
        "remarks": curves_in_words(history),
        "table": _epoch_table(run, measured),
    }


def _epochs_after(run: Run, training: TrainConfig) -> Any:
    return partial(training.epochs_after, steps=run.progress.steps)


def _epoch_table(run: Run, measured: str) -> Table:
    titles = [
        "Epoch", "Training loss", "Training accuracy", f"{measured} loss", f"{measured} accuracy",
        "Time",
    ]  # fmt: skip
    rows = [
        (
            str(e.epoch), f"{e.train_loss:.4f}", percent(e.train_accuracy), f"{e.loss:.4f}",
            percent(e.accuracy), duration(e.seconds),
        )
        for e in run.history.epochs
    ]  # fmt: skip
    return Table("Every epoch", titles, rows)


def _of_predictions(
    run: Run, config: RunConfig, shown: Shown | None, dataset: Dataset | None
) -> dict[str, Any]:
    """Confusion matrix, classes, calibration and errors; None where nothing is predicted yet."""
    if shown is None:
        return dict.fromkeys(("basis", "matrix", "classes", "pairs", "calibration", "errors"))
    confusion, names = shown.evaluation.confusion, run.class_names
    classes = [
        (
            names[s.label], f"{s.correct:,} of {s.total:,}", percent(s.accuracy),
            percent(s.precision), percent(s.f1),
        )
        for s in class_scores(confusion)
    ]  # fmt: skip
    pairs = [
        (
            names[p.true_label],
            names[p.predicted_label],
            f"{p.count:,}",
            percent(p.share),
        )
        for p in most_confused_pairs(confusion)
    ]
    return {
        "basis": shown.basis(config),
        "matrix": _matrix(confusion, names),
        "classes": Table(
            "Scores of each class", ["Class", "Correct", "Recall", "Precision", "F1"], classes
        ),
        "pairs": Table(
            "Most confused",
            ["True class", "Predicted as", "Images", "Share of the true class"],
            pairs,
        ),
        "calibration": _calibration(shown.evaluation),
        "errors": _errors(run, shown.evaluation, dataset),
    }


def _matrix(confusion: NDArray[np.int64], names: Sequence[str]) -> dict[str, Any]:
    colors = charts.css_colors(charts.confusion_colors(confusion))
    rows = [
        [(f"{count}" if count else "·", color) for count, color in zip(*row, strict=True)]
        for row in zip(confusion.tolist(), colors, strict=True)
    ]
    names = names[: len(rows)]
    return {"names": names, "rows": list(zip(names, rows, strict=True))}


def _calibration(evaluation: Evaluation) -> dict[str, Any]:
    bins = reliability(evaluation.confidence, evaluation.correct)
    figures = [
        ("ECE", percent(bins.ece), "ece"),
        ("MCE", percent(bins.mce), "mce"),
        ("NLL", f"{evaluation.loss:.4f} nats", "nll"),
        ("Brier score", f"{brier_score(evaluation.probabilities, evaluation.labels):.4f}", "brier"),
    ]
    rows = [
        (f"{percent(low, 0)} to {percent(high, 0)}", f"{images:,}", percent(sure), percent(right))
        for low, high, images, sure, right in zip(
            bins.edges[:-1],
            bins.edges[1:],
            bins.counts,
            bins.confidences,
            bins.accuracies,
            strict=True,
        )
    ]
    temperature = f"Temperature {evaluation.temperature:.3f}, saved with the run."
    if evaluation.temperature == 1:
        temperature = "Without a temperature: the logits as they are."
    return {
        "figures": figures,
        "temperature": temperature,
        "chart": svg.reliability_chart(
            bins,
            key="reliability",
            alt="Reliability diagram: mean confidence "
            f"{percent(float(evaluation.confidence.mean()))}, accuracy "
            f"{percent(evaluation.accuracy)}; the table below has every bin.",
        ),
        "table": Table("Every bin", ["Confidence", "Images", "Mean confidence", "Accuracy"], rows),
    }


def pixels(run: Run, split: SplitName, dataset: Dataset | None) -> NDArray[np.uint8] | None:
    """The images that an evaluation's indices count; None where they are not the run's.

    Parameters
    ----------
    run : Run
    split : {"train", "validation", "test"}
    dataset : Dataset or None

    Returns
    -------
    uint8 (N, 28, 28) or None
    """
    if dataset is None or run.config is None or dataset.name != run.config.dataset:
        return None
    if run.dataset.get("checksum", dataset.checksum) != dataset.checksum:
        return None
    return dataset.test_images if split == "test" else dataset.train_images


def _errors(run: Run, evaluation: Evaluation, dataset: Dataset | None) -> dict[str, Any]:
    wrong = np.flatnonzero(~evaluation.correct)
    chosen = sort_positions(evaluation, wrong, "confidence")[:HARDEST]
    types, source = error_types(evaluation), pixels(run, evaluation.split, dataset)
    tiles = []
    for position in chosen:
        true = CLASS_NAMES[evaluation.labels[position]]
        predicted = run.class_names[evaluation.predicted_labels[position]]
        sure = percent(evaluation.confidence[position], 1)
        image = int(evaluation.indices[position])
        tiles.append(
            Tile(
                html.picture(source[image]) if source is not None else "",
                f"Image {image}: {true}, predicted as {predicted}, {sure}",
                f"{true} → {predicted}",
                (sure, f"{ERROR_TYPES[types[position]]}, #{image}"),
            )
        )
    return {
        "tiles": tiles,
        "wrong": len(wrong),
        "images": len(evaluation.labels),
        "has_pixels": source is not None,
    }


def _card(run: Run) -> Markup | str:
    """The model card; a sentence where the run has none."""
    if run.state in ACTIVE_STATES:
        return "A run has a model card once it has ended."
    try:
        text = model_card.card_elsewhere(run)
    except RunError as error:
        return sentence(error)
    return html.from_markdown(text.partition("\n")[2], level=3)
