"""Maps of untrained networks, and how similar two maps are."""

import math

import numpy as np
import pytest

from fmnist.explain.attributions import Explainer, Targets
from fmnist.explain.sanity import similarity, structural, untrained
from fmnist.models.classifier import Classifier
from fmnist.models.registry import create_model

RNG = np.random.default_rng(0)
MAP = RNG.standard_normal((28, 28))


def test_a_map_is_most_similar_to_itself() -> None:
    same = similarity(MAP, 3 * MAP)
    assert same.spearman == pytest.approx(1)
    assert same.spearman_absolute == pytest.approx(1)
    assert same.ssim == pytest.approx(1)


def test_the_opposite_map_has_the_same_absolute_values() -> None:
    opposite = similarity(MAP, -MAP)
    assert opposite.spearman == pytest.approx(-1)
    assert opposite.spearman_absolute == pytest.approx(1)
    assert opposite.ssim < -0.8


def test_unrelated_maps_are_not_similar() -> None:
    unrelated = similarity(MAP, RNG.standard_normal((28, 28)))
    assert abs(unrelated.spearman) < 0.15
    assert abs(unrelated.ssim) < 0.15


def test_a_constant_map_has_no_ranks() -> None:
    flat = similarity(MAP, np.zeros((28, 28)))
    assert math.isnan(flat.spearman)
    assert math.isfinite(flat.ssim)


def test_structural_similarity_as_in_the_paper() -> None:
    # constant maps: only the means differ
    one, other = np.ones((28, 28)), np.ones((28, 28))
    other[:] = 0.5
    assert structural(one, other) == pytest.approx(1)  # each is scaled to 1
    checked = np.indices((28, 28)).sum(0) % 2 * 1.0
    assert structural(checked, 1 - checked) < 0


def test_an_untrained_network_has_other_weights_and_the_same_layers() -> None:
    trained = Classifier(create_model("lenet-5", seed=5), models=["lenet-5"], temperature=2.0)
    first, again, other = untrained(trained, 0), untrained(trained, 0), untrained(trained, 1)
    assert first.layers == Explainer(trained).layers
    image = RNG.integers(0, 256, (1, 28, 28), dtype=np.uint8)
    scores = [e.scores(image, Targets.of(0))[0] for e in (first, again, other)]
    assert scores[0] == scores[1] != scores[2]
    fresh = Classifier(create_model("lenet-5", seed=0), models=["lenet-5"])
    assert scores[0] == pytest.approx(fresh.logits(image)[0, 0] / 2, abs=1e-6)
