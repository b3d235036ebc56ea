"""Calibration, against scikit-learn on the shipped evaluation, and by hand."""

import math

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    auc,
    brier_score_loss,
    classification_report,
    confusion_matrix,
    log_loss,
)

from fmnist import paths
from fmnist.data.labels import CLASS_NAMES
from fmnist.evaluation import calibration, metrics
from fmnist.evaluation.predictions import Evaluation

SHIPPED = paths.PROJECT / "artifacts/pretrained/fashion-cnn/evaluation"


@pytest.fixture(scope="module")
def test_split() -> Evaluation:
    return Evaluation.load(SHIPPED / "test.npz")


@pytest.fixture(scope="module")
def validation() -> Evaluation:
    return Evaluation.load(SHIPPED / "validation.npz")


def test_confusion_matrix_is_scikit_learns(test_split: Evaluation) -> None:
    expected = confusion_matrix(test_split.labels, test_split.predicted_labels)
    assert np.array_equal(test_split.confusion, expected)


def test_class_scores_are_scikit_learns(test_split: Evaluation) -> None:
    report = classification_report(
        test_split.labels, test_split.predicted_labels, target_names=CLASS_NAMES, output_dict=True
    )
    for score in metrics.class_scores(test_split.confusion):
        expected = report[CLASS_NAMES[score.label]]
        assert score.precision == pytest.approx(expected["precision"])
        assert score.accuracy == pytest.approx(expected["recall"])
        assert score.f1 == pytest.approx(expected["f1-score"])
        assert score.total == expected["support"]
    assert test_split.accuracy == pytest.approx(report["accuracy"])


@pytest.mark.parametrize("temperature", [0.7, 1.0, 1.85])
def test_losses_are_scikit_learns(test_split: Evaluation, temperature: float) -> None:
    probabilities = metrics.softmax(test_split.logits, temperature=temperature)
    losses = metrics.losses(test_split.logits, test_split.labels, temperature=temperature)
    # scikit-learn takes probabilities for no smaller than the precision of a float64
    clipped = np.minimum(losses, -np.log(np.finfo(np.float64).eps))
    assert clipped.mean() == pytest.approx(log_loss(test_split.labels, probabilities))
    assert (clipped != losses).sum() <= 3
    brier = calibration.brier_score(probabilities, test_split.labels)
    assert brier == pytest.approx(
        brier_score_loss(test_split.labels, probabilities, scale_by_half=False)
    )


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
@pytest.mark.parametrize("bins", [5, 15, 30])
def test_reliability_is_scikit_learns(
    test_split: Evaluation, strategy: calibration.Strategy, bins: int
) -> None:
    confidence, correct = test_split.confidence, test_split.correct
    found = calibration.reliability(confidence, correct, bins=bins, strategy=strategy)
    accuracies, confidences = calibration_curve(correct, confidence, n_bins=bins, strategy=strategy)
    filled = found.counts > 0
    assert found.counts.sum() == len(confidence)
    if strategy == "uniform":
        assert found.accuracies[filled] == pytest.approx(accuracies)
        assert found.confidences[filled] == pytest.approx(confidences)
    else:
        # many confidences equal 1: scikit-learn leaves bins of no width, here they are merged; and
        # an image on an edge counts above it here, below it there
        for accuracy in found.accuracies[filled][:-1]:
            assert np.isclose(accuracies, accuracy, atol=2 / found.counts.min()).any()
    gaps = np.abs(found.accuracies[filled] - found.confidences[filled])
    weights = found.counts[filled] / len(confidence)
    assert found.ece == pytest.approx((weights * gaps).sum())
    assert found.mce == pytest.approx(gaps.max())


def test_an_image_on_an_edge_is_in_one_bin_and_in_its_range() -> None:
    confidence = np.array([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    found = calibration.reliability(confidence, np.ones(6, dtype=bool), bins=5)
    assert found.counts.tolist() == [1, 1, 1, 1, 2]
    for low, high, count in zip(found.edges[:-1], found.edges[1:], found.counts, strict=True):
        assert metrics.in_range(confidence, low, high, top=1.0).sum() == count


def test_empty_bins_count_for_nothing() -> None:
    found = calibration.reliability(np.array([0.95, 0.95]), np.array([True, False]), bins=10)
    assert found.counts.tolist() == [0] * 9 + [2]
    assert np.isnan(found.accuracies[:9]).all()
    assert found.ece == found.mce == pytest.approx(0.45)


def test_the_temperature_is_that_of_the_lowest_loss(validation: Evaluation) -> None:
    fitted = calibration.fit_temperature(validation.logits, validation.labels)

    def loss(temperature: float) -> float:
        return metrics.cross_entropy(validation.logits, validation.labels, temperature=temperature)

    grid = [loss(t) for t in np.linspace(0.5, 4, 200)]
    assert loss(fitted) <= min(grid) + 1e-9
    assert loss(fitted) < loss(1.0)
    assert fitted > 1  # it is surer than it should be


def test_scaled_logits_are_scaled_back() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 10))
    labels = np.array([rng.choice(10, p=p) for p in metrics.softmax(logits)])
    honest = calibration.fit_temperature(logits, labels)
    assert honest == pytest.approx(1, abs=0.1)
    assert calibration.fit_temperature(3 * logits, labels) == pytest.approx(3 * honest, rel=1e-3)


def test_what_cannot_be_fitted_is_refused() -> None:
    with pytest.raises(ValueError, match="without images"):
        calibration.fit_temperature(np.zeros((0, 10)), np.zeros(0, dtype=int))
    with pytest.raises(ValueError, match="not finite"):
        calibration.fit_temperature(np.full((2, 10), np.nan), np.zeros(2, dtype=int))


def test_risk_and_coverage_by_hand() -> None:
    confidence = np.array([0.9, 0.8, 0.7, 0.6])
    correct = np.array([True, False, True, False])
    curve = calibration.risk_coverage(confidence, correct)
    assert curve.thresholds.tolist() == [0.9, 0.8, 0.7, 0.6]
    assert curve.coverages.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert curve.risks == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2])
    assert curve.area == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)
    assert curve.optimal_area == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)
    assert curve.at(0.75) == (0.5, 0.5)
    assert curve.at(0.8) == (0.5, 0.5)
    coverage, risk = curve.at(0.95)
    assert coverage == 0 and math.isnan(risk)


def test_equal_confidences_come_in_no_order() -> None:
    confidence = np.array([0.9, 0.9, 0.9, 0.5])
    one = calibration.risk_coverage(confidence, np.array([True, True, False, True]))
    other = calibration.risk_coverage(confidence, np.array([False, True, True, True]))
    assert one.area == other.area == pytest.approx((1 / 3 + 1 / 3 + 1 / 3 + 1 / 4) / 4)


def test_the_area_is_nearly_that_of_the_drawn_curve(test_split: Evaluation) -> None:
    curve = calibration.risk_coverage(test_split.confidence, test_split.correct)
    assert curve.area == pytest.approx(auc(curve.coverages, curve.risks), abs=1e-3)
    assert curve.optimal_area < curve.area < 1 - test_split.accuracy


def test_abstaining_counts_every_image_once(test_split: Evaluation) -> None:
    parts = calibration.selective_prediction_by_class(
        test_split.confidence, test_split.correct, test_split.labels, 0.9
    )
    whole = calibration.selective_prediction(test_split.confidence, test_split.correct, 0.9)
    assert whole.errors_kept + whole.errors_avoided == (~test_split.correct).sum()
    assert whole.kept == (test_split.confidence >= 0.9).sum()
    assert whole.accuracy == test_split.correct[test_split.confidence >= 0.9].mean()
    assert whole.coverage == whole.kept / 10_000
    for name in ("kept", "total", "errors_kept", "errors_avoided", "correct_lost"):
        assert sum(getattr(part, name) for part in parts) == getattr(whole, name)


def test_abstaining_from_everything() -> None:
    none = calibration.selective_prediction(np.array([0.5]), np.array([True]), 0.9)
    assert none.coverage == 0 and math.isnan(none.accuracy) and none.correct_lost == 1
