"""Protocols, curves and results of tests in sentences for people."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import Protocol, SplitName
from fmnist.evaluation.seeds import Spread, Welch
from fmnist.evaluation.significance import SIGNIFICANCE, McNemar
from fmnist.reports.text import counted, p_value, percent, points, share_of_cases
from fmnist.runs.history import History

MEASURED_ON: Final[Mapping[SplitName, str]] = {
    "validation": "Validation",
    "test": "Test",
    "train": "Training sample",
}
"""What the epochs of a run were evaluated on."""

PROTOCOLS_IN_WORDS: Final[Mapping[Protocol, str]] = {
    "held-out": "the epoch was selected on validation images; the test images were used once.",
    "notebook": "the epoch was selected on the test images, so the accuracy is optimistic.",
    "full": "trained on all training images for a fixed number of epochs; the test images were "
    "used once.",
}
"""What a protocol means for the accuracy beside it."""


MONITORED_IN_WORDS: Final[Mapping[SplitName, str]] = {
    "train": "a sample of the training images (full protocol)",
    "validation": "the validation images (held-out protocol)",
    "test": "the test images (notebook protocol)",
}
"""What the epochs of a run were evaluated on, in a sentence."""


class Remark(NamedTuple):
    """What a chart shows: a Material icon, the first words, which may be none, and the rest."""

    icon: str
    title: str
    text: str


def drawing_in_words(epochs: NDArray[np.integer], probabilities: NDArray[np.floating]) -> str:
    """What a training predicts for a drawing, first and last, and since when.

    Parameters
    ----------
    epochs : int (E,)
        At least one; 0 is before the training.
    probabilities : float (E, 10)
    """
    labels = probabilities.argmax(axis=1)
    told = [
        f"{f'After epoch {epochs[at]}' if epochs[at] else 'Before training'}: "
        f"{CLASS_NAMES[labels[at]]}, {percent(float(probabilities[at].max()), 0)}."
        for at in dict.fromkeys((0, len(epochs) - 1))
    ]
    others = np.flatnonzero(labels != labels[-1])
    if len(others):
        told.append(f"{CLASS_NAMES[labels[-1]]} since epoch {epochs[others[-1] + 1]}.")
    return " ".join(told)


def curves_in_words(history: History) -> list[Remark]:
    """What the curves of a training show; empty before the first epoch."""
    if not history.epochs:
        return []
    last, best = history.epochs[-1], history.selected
    if last.split == "train":
        return [
            Remark(
                "info", "", "Evaluated on some of the training images (full protocol): this shows "
                "fit, not generalization. The test images are evaluated once, at the end."
            )
        ]  # fmt: skip
    gap = last.train_accuracy - last.accuracy
    split = last.split
    remarks = [
        Remark(
            "straighten", "Generalization gap",
            f" after epoch {last.epoch}: training accuracy "
            f"{percent(last.train_accuracy, 1)} (while it learned), {split} accuracy "
            f"{percent(last.accuracy, 1)}: training accuracy is {points(abs(gap), 1)} "
            f"{'higher' if gap >= 0 else 'lower'}.",
        )
    ]  # fmt: skip
    onset = history.overfitting_onset
    if onset and best:
        text = (
            f": {split} loss was lowest at that epoch ({onset.loss:.3f}) and is now "
            f"{last.loss:.3f}. The saved weights are those of epoch {best.epoch}, the "
            f"{'last' if history.checkpoint == 'last' else 'most accurate'}."
        )
        remarks.append(Remark("trending_up", f"Overfitting since epoch {onset.epoch}", text))
    elif len(history.epochs) >= 3:
        lowest = min(history.epochs, key=lambda epoch: epoch.loss)
        text = f"{split.capitalize()} loss has not started rising: no sign of overfitting."
        if lowest is not last:
            text = (
                f"{split.capitalize()} loss is above that of epoch {lowest.epoch}; one such epoch "
                "may be chance."
            )
        remarks.append(Remark("trending_down" if lowest is last else "trending_up", "", text))
    if split == "test":
        text = (
            "The best epoch is selected on the test images (notebook protocol), so its accuracy is "
            "optimistic."
        )
        remarks.append(Remark("info", "", text))
    return remarks


def mcnemar_in_words(test: McNemar, name_a: str, name_b: str) -> str:
    """Result of McNemar's test of two runs, in two sentences, or one where they are alike."""
    if test.only_a + test.only_b == 0:
        return f"{name_a} and {name_b} are correct on exactly the same images."
    counts = (
        f"{name_a} is correct on {counted(test.only_a, 'image')} that {name_b} misclassifies; "
        f"{name_b} is correct on {test.only_b:,} that {name_a} misclassifies."
    )
    chance = (
        "If both were equally accurate, a difference this large would occur by chance in "
        f"{share_of_cases(test.p_value, SIGNIFICANCE)} ({p_value(test.p_value, SIGNIFICANCE)})"
    )
    if test.p_value >= SIGNIFICANCE:
        return f"{counts} {chance}: no significant difference."
    better = name_a if test.only_a > test.only_b else name_b
    return f"{counts} {chance}: {better} is more accurate on images like these."


def spread_in_words(spread: Spread) -> str:
    """Mean and spread of an accuracy over seeds: "91.20% ± 0.15 (3 seeds)"."""
    mean = percent(spread.mean)
    if spread.deviation is None:
        return f"{mean} (1 seed)"
    return f"{mean} ± {100 * spread.deviation:.2f} ({spread.count} seeds)"


def welch_in_words(test: Welch, name_a: str, name_b: str) -> str:
    """Result of Welch's test of the seeds of two settings, in two sentences."""
    interval = f"95% interval {100 * test.low:+.2f} to {100 * test.high:+.2f}".replace("-", "−")
    gap = f"{name_a} is {points(abs(test.difference))} "
    gap += f"{'more' if test.difference >= 0 else 'less'} accurate on average than {name_b} "
    gap += f"({interval})."
    chance = (
        "If both settings were equally good, seeds would give a difference this large in "
        f"{share_of_cases(test.p_value, SIGNIFICANCE)} ({p_value(test.p_value, SIGNIFICANCE)})"
    )
    if test.p_value >= SIGNIFICANCE:
        return f"{gap} {chance}: no significant difference."
    better = name_a if test.difference > 0 else name_b
    return f"{gap} {chance}: {better} is the better setting for this training set."


def selected_on_test_in_words(names: Sequence[str]) -> str:
    """What the notebook protocol means for tests of these runs, in two sentences."""
    return (
        f"{' and '.join(names)}: the epoch was selected on these test images (notebook protocol). "
        "This biases the accuracy upward; the test does not correct for it."
    )


def many_pairs_in_words(runs: int) -> str:
    """What testing all pairs of runs means, in two sentences; empty where there is only one."""
    pairs = runs * (runs - 1) // 2
    if pairs < 2:
        return ""
    return (
        f"{runs} runs make {pairs} pairs. Of twenty equally accurate pairs, about one shows "
        f"p < {SIGNIFICANCE} by chance."
    )
