"""What a classifier says about a drawing."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fmnist import paths
from fmnist.data.labels import CLASS_NAMES, NO_GARMENT
from fmnist.runs.run import RunError
from fmnist.sketchpad.canvas import Raster, from_strokes
from fmnist.sketchpad.preprocessing import Preparation, to_model_input
from fmnist.sketchpad.recognition import (
    IN_DISTRIBUTION_THRESHOLD,
    averaged,
    classify,
    shifted,
    with_own_classes,
)
from tests.sketchpad.drawn import TROUSERS, canvas, human_sketch


class Predicts:
    """A classifier with known predictions."""

    def __init__(self, *, score: float | None) -> None:
        self.score = score
        self.has_ood_class = score is not None

    class_names: tuple[str, ...] = CLASS_NAMES

    def predict_proba(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        assert images.shape == (5, 28, 28)
        return np.eye(10, dtype=np.float32)[[3] * 5]

    def in_distribution_scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        assert self.score is not None and images.shape == (5, 28, 28)
        return np.full(5, self.score, np.float32)


@pytest.mark.parametrize(
    ("own", "detectors", "expected"),
    [(0.25, None, 0.25), (0.25, 0.75, 0.25), (None, 0.75, 0.75), (None, None, 1.0)],
)
def test_the_models_own_score_comes_before_the_ood_models(
    own: float | None, detectors: float | None, expected: float
) -> None:
    ood_model: Any = None if detectors is None else Predicts(score=detectors)
    model: Any = Predicts(score=own)
    result = classify(canvas(TROUSERS), model, ood_model=ood_model)
    assert result.in_distribution_score == pytest.approx(expected)
    assert result.is_garment == (expected >= IN_DISTRIBUTION_THRESHOLD)
    assert result.probabilities.argmax() == 3
    assert (result.model_input == to_model_input(canvas(TROUSERS))).all()


def test_images_move_by_a_pixel_to_each_side_and_nothing_wraps_around() -> None:
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 0, 27], image[0, 10, 10] = 200, 100
    moved = shifted(image)
    assert [np.argwhere(one == 100).tolist() for one in moved] == [
        [[10, 10]], [[10, 9]], [[10, 11]], [[9, 10]], [[11, 10]],
    ]  # fmt: skip
    # the corner leaves the image where it moves up or to the right
    assert [np.argwhere(one == 200).tolist() for one in moved] == [
        [[0, 27]], [[0, 26]], [], [], [[1, 27]],
    ]  # fmt: skip
    with pytest.raises(ValueError, match="shape"):
        shifted(image[0])


def test_probabilities_are_averaged_and_scores_as_logits() -> None:
    probabilities = np.array([[1, 0], [1, 0], [1, 0], [0, 1], [0, 1]] * 2, np.float32)
    scores = np.array([0.9, 0.9, 0.9, 0.1, 0.5, 0, 1, 0.5, 0.5, 0.5], np.float32)
    means, together = averaged(probabilities, scores)
    assert means == pytest.approx(np.array([[0.6, 0.4], [0.6, 0.4]]))
    # log(9) · (3 − 1) / 5 = 0.879
    assert together == pytest.approx([1 / (1 + np.exp(-0.8789)), 0.5], abs=1e-4)
    assert averaged(probabilities, None)[1] is None


def test_an_own_class_is_not_refused_by_a_model_that_does_not_know_it() -> None:
    probabilities = np.zeros((3, 11), np.float32)
    probabilities[[0, 1, 2], [10, 3, 3]] = 1
    scores = np.array([0.1, 0.2, 1], np.float32)
    assert with_own_classes(scores, probabilities) == pytest.approx([1, 0.2, 1])
    assert with_own_classes(scores, probabilities[:, :10]) == pytest.approx(scores)

    class Hats(Predicts):
        class_names = (*CLASS_NAMES, "hat")

        def predict_proba(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
            return np.eye(11, dtype=np.float32)[[10] * len(images)]

    model: Any = Hats(score=None)
    ood_model: Any = Predicts(score=0.1)
    result = classify(canvas(TROUSERS), model, ood_model=ood_model)
    assert result.is_garment and result.label_choice == result.predicted_class == "hat"
    assert result.predicted_garment == 0


def test_classify_prepares_as_asked_and_a_blank_canvas_is_no_garment() -> None:
    model: Any = Predicts(score=0.9)
    preparation = Preparation(fill=1.0)
    filled = classify(canvas(TROUSERS), model, preparation=preparation)
    assert (filled.model_input == to_model_input(canvas(TROUSERS), preparation)).all()
    assert classify(canvas([(0, 0), (0, 0)], pen=0), model).in_distribution_score == 0


@pytest.mark.skipif(
    not (paths.pretrained_folder() / "sketch" / "model.safetensors").exists(),
    reason="the sketch model is not shipped with this version",
)
@pytest.mark.parametrize(
    ("file", "word", "number", "acceptable"),
    [
        ("garments", "t-shirt", 0, {"T-shirt/top", "Shirt"}),
        ("garments", "pants", 0, {"Trouser"}),
        ("garments", "shoe", 4, {"Sneaker", "Ankle boot"}),
        ("garments", "purse", 0, {"Bag"}),
        ("not-garments", "cat", 1, {NO_GARMENT}),
    ],
)
def test_what_people_draw(file: str, word: str, number: int, acceptable: set[str]) -> None:
    shapes = from_strokes(human_sketch(file, word, number))
    assert classify(Raster(is_paper=True).pixels(shapes)).label_choice in acceptable


def test_an_unknown_model_is_rejected() -> None:
    with pytest.raises(RunError, match="nobody"):
        classify(canvas(TROUSERS), "nobody")
