"""What is said of a drawing, in words."""

from pathlib import Path

import numpy as np
import pytest

from fmnist import paths
from fmnist.data.labels import CLASS_NAMES
from fmnist.reports.answers import SURE, answer_in_words, refused_garments
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.sketchpad.recognition import IN_DISTRIBUTION_THRESHOLD as THRESHOLD
from fmnist.sketchpad.recognition import SketchResult

NEAREST = "Nearest: Trouser, 100%."


def result(score: float, *, own: tuple[str, ...] = (), second: float = 0.0) -> SketchResult:
    probabilities = np.zeros(10 + len(own), np.float32)
    probabilities[1], probabilities[3] = 1 - second, second
    names = (*CLASS_NAMES, *own)
    return SketchResult(probabilities, score, np.ones((28, 28), np.uint8), class_names=names)


@pytest.mark.parametrize(
    ("score", "own", "said"),
    [
        (SURE, (), "Trouser, 100%."),
        (SURE - 0.01, (), f"{NEAREST} It may be none of the ten classes."),
        (THRESHOLD, ("hat",), f"{NEAREST} It may be none of the 11 classes."),
        (THRESHOLD - 0.01, (), f"This does not look like a garment. {NEAREST}"),
    ],
)
def test_a_score_decides_how_sure_the_words_are(
    score: float, own: tuple[str, ...], said: str
) -> None:
    assert str(answer_in_words(result(score, own=own))) == said


def test_a_second_class_and_how_often_garments_are_refused() -> None:
    assert str(answer_in_words(result(1.0, second=0.2))) == "Trouser, 80%, or Dress, 20%."
    assert answer_in_words(result(1.0), refused=0.1).note == ""
    assert (
        "Of drawings of garments, about one in 12 is refused."
        in answer_in_words(result(0.1), refused=0.083).note
    )


def test_how_often_is_read_from_the_notes_or_not_told(tmp_path: Path) -> None:
    if "sketch" in store.run_ids(paths.pretrained_folder()):
        share = refused_garments(store.open_run(paths.pretrained_folder(), "sketch"))
        assert share is not None and 0 < share < 0.3
    run = store.create_run(tmp_path, TrainConfig(dataset="synthetic-garments"), name="Mine")
    assert refused_garments(run) is None
    for row, expected in (("91.7% ± 3.6", 0.083), ("–", None), ("100.0% ± 0.0", None)):
        (run.folder / "notes.md").write_text(
            f"| Model | Garments kept |\n| :-- | --: |\n| Other | 50% |\n| {run.name} | {row} |\n"
        )
        assert refused_garments(run) == (expected and pytest.approx(expected))
