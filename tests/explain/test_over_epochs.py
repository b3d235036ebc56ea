"""The frames of a training: with the weights of each epoch, what a network made of an image."""

import numpy as np
import pytest

from fmnist.explain import feature_maps, over_epochs
from fmnist.explain.attributions import Explainer, Targets
from fmnist.models.classifier import Classifier
from fmnist.models.registry import create_model


def test_a_frame_is_what_the_other_parts_show() -> None:
    classifier = Classifier(create_model("lenet-5", seed=0), models=["lenet-5"])
    image = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)
    steps = feature_maps.walk(classifier, image)
    channels = over_epochs.strongest_channels(steps[0], 3)
    strengths = np.abs(steps[0].output).mean((1, 2))
    assert list(channels) == np.argsort(-strengths)[:3].tolist()
    frame = over_epochs.frame(classifier, image, layer=steps[0].key, channels=channels, label=4)
    assert np.array_equal(frame.maps, steps[0].output[list(channels)])
    assert np.array_equal(frame.filters, feature_maps.first_filters(classifier.model)[1])
    assert np.array_equal(frame.probabilities, classifier.predict_proba(image[None])[0])
    expected = Explainer(classifier).attribute(image[None], Targets.of(4))[0]
    assert frame.grad_cam is not None and np.array_equal(frame.grad_cam, expected)


def test_a_network_without_convolutions_has_no_grad_cam() -> None:
    classifier = Classifier(create_model("mlp", seed=0), models=["mlp"])
    image = np.zeros((28, 28), np.uint8)
    frame = over_epochs.frame(classifier, image, layer="1", channels=(0, 5), label=0)
    assert frame.grad_cam is None and frame.maps.shape == (2, 1, 1)
    with pytest.raises(ValueError, match="no layer other"):
        over_epochs.frame(classifier, image, layer="other", channels=(0,), label=0)
