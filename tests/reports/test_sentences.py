"""Results of tests in words."""

import numpy as np
import pytest

from fmnist.evaluation.seeds import Welch
from fmnist.evaluation.significance import McNemar
from fmnist.reports.sentences import (
    curves_in_words,
    drawing_in_words,
    mcnemar_in_words,
    welch_in_words,
)
from fmnist.runs.history import EpochEntry, History


@pytest.mark.parametrize(
    ("test", "says"),
    [
        (McNemar(0, 0, 1.0), "exactly the same images"),
        (McNemar(10, 12, 0.83), "no significant difference"),
        (McNemar(163, 206, 0.0286), "new is more accurate on images like these"),
        (McNemar(206, 163, 0.0286), "old is more accurate on images like these"),
        (McNemar(500, 100, 1e-9), "fewer than 0.01% of cases (p < 0.0001)"),
        (McNemar(163, 206, 0.0286), "by chance in 2.9% of cases (p = 0.0286)"),
        (McNemar(10, 10, 1.0), "by chance in all cases"),
        (McNemar(10, 11, 0.9967), "by chance in nearly all cases (p = 0.9967): no significant"),
        (McNemar(1, 2, 1.0), "old is correct on 1 image that new misclassifies"),
        (McNemar(163, 206, 0.0286), "old is correct on 163 images that new misclassifies"),
    ],
)
def test_the_words_say_which_is_better(test: McNemar, says: str) -> None:
    assert says in mcnemar_in_words(test, "old", "new")


@pytest.mark.parametrize(
    ("epochs", "labels", "says"),
    [
        ([0], [4], "Before training: Coat, 60%."),
        ([3], [4], "After epoch 3: Coat, 60%."),
        ([0, 1], [4, 4], "Before training: Coat, 60%. After epoch 1: Coat, 60%."),
        (
            [0, 1, 2, 3, 4],
            [8, 4, 6, 4, 4],
            "Before training: Bag, 60%. After epoch 4: Coat, 60%. Coat since epoch 3.",
        ),
    ],
)
def test_the_way_of_a_drawing_in_words(epochs: list[int], labels: list[int], says: str) -> None:
    probabilities = np.full((len(epochs), 10), 0.4 / 9)
    probabilities[np.arange(len(epochs)), labels] = 0.6
    assert drawing_in_words(np.array(epochs), probabilities) == says


@pytest.mark.parametrize(
    ("test", "says"),
    [
        (Welch(0.012, 0.004, 0.02, 0.012), "new is 1.20 points more accurate on average than old "
         "(95% interval +0.40 to +2.00)"),
        (Welch(0.012, 0.004, 0.02, 0.012), "in 1.2% of cases (p = 0.0120): new is the better"),
        (Welch(-0.012, -0.02, -0.004, 0.012), "new is 1.20 points less accurate"),
        (Welch(-0.012, -0.02, -0.004, 0.012), "(95% interval −2.00 to −0.40)"),
        (Welch(-0.012, -0.02, -0.004, 0.012), ": old is the better setting"),
        (Welch(0.001, -0.004, 0.006, 0.5), ": no significant difference."),
    ],
)  # fmt: skip
def test_which_setting_is_better(test: Welch, says: str) -> None:
    assert says in welch_in_words(test, "new", "old")


@pytest.mark.parametrize(
    ("losses", "says"),
    [
        ((0.5, 0.4, 0.3), "Validation loss has not started rising: no sign of overfitting."),
        (
            (0.5, 0.3, 0.4),
            "Validation loss is above that of epoch 2; one such epoch may be chance.",
        ),
        ((0.3, 0.4, 0.5), "Overfitting since epoch 1"),
    ],
)
def test_what_the_validation_loss_shows(losses: tuple[float, ...], says: str) -> None:
    epochs = (
        EpochEntry(number, 10 * number, 0.5, 0.8, "validation", loss, 0.8, 60.0, 100.0)
        for number, loss in enumerate(losses, 1)
    )
    last = curves_in_words(History(epochs=tuple(epochs)))[-1]
    assert f"{last.title}{last.text}".startswith(says)
