"""Attributions for the Explain page: computed with progress, once, and kept in memory."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard.explain.subject import Subject, weights_key
from fmnist.reports.text import counted
from fmnist.runs.run import Run

if TYPE_CHECKING:
    from fmnist.explain.attributions import Explainer, Settings, Targets
    from fmnist.models.classifier import Classifier

_MOST_KEPT: Final = 256
UNTRAINED: Final = 3
"""Networks with random weights that a map is compared with."""


@st.cache_resource(show_spinner=False, max_entries=2 * UNTRAINED)
def _untrained(key: tuple[object, ...], seed: int, _classifier: "Classifier") -> "Explainer":  # noqa: ARG001
    from fmnist.explain import sanity

    return sanity.untrained(_classifier, seed)


def untrained(run: Run, classifier: "Classifier", seed: int) -> "Explainer":
    """The explainer of the same network with random weights."""
    return _untrained((*weights_key(run), classifier.temperature), seed, classifier)


@st.cache_data(show_spinner=False, max_entries=64)
def _predicted_labels(key: tuple[object, ...], _subject: Subject) -> NDArray[np.int64]:  # noqa: ARG001
    labels: NDArray[np.int64] = _subject.classifier.logits(_subject.images).argmax(1)
    return labels


def predicted_labels(subject: Subject) -> NDArray[np.int64]:
    """The class predicted for each of a subject's images, int64 (M,)."""
    labels: NDArray[np.int64] = _predicted_labels(subject.key, subject)
    return labels


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked of each image.

    Attributes
    ----------
    labels : int64 (N,)
        The class to explain.
    against : int64 (N,) or None
        The class it is contrasted with.
    names : tuple of str
        The two in words.
    """

    labels: NDArray[np.int64]
    against: NDArray[np.int64] | None
    names: tuple[str, str]

    @property
    def title(self) -> str:
        """The question in words: "Why Coat and not Shirt?"."""
        one, other = self.names
        return f"Why {one}?" if self.against is None else f"Why {one} and not {other}?"

    @property
    def score(self) -> str:
        """What is explained, in words."""
        one, other = self.names
        score = f"the logit of {one}"
        return score if self.against is None else f"{score} minus that of {other}"

    @property
    def is_empty(self) -> bool:
        """Whether a class is contrasted with itself for every image."""
        return self.against is not None and bool((self.labels == self.against).all())

    def targets(self) -> "Targets":
        """The question as an explainer takes it."""
        from fmnist.explain.attributions import Targets

        return Targets(self.labels, self.against)

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for equal questions."""
        return self.labels.tobytes(), None if self.against is None else self.against.tobytes()


@dataclass(frozen=True, eq=False)
class Explanation:
    """One network's answer.

    Attributes
    ----------
    map : float32 (28, 28)
        The mean over the images.
    layer : str
        For Grad-CAM: title of the layer.
    score, black_score : float
        Mean score of the images, and of a black image.
    """

    map: NDArray[np.float32]
    layer: str
    score: float
    black_score: float


@st.cache_resource(show_spinner=False)
def _kept() -> dict[tuple[object, ...], Explanation]:
    # not a cached function, which would record and repeat the progress it shows
    return {}


def explain(
    explainer: "Explainer",
    subject: Subject,
    question: Question,
    settings: "Settings",
    *,
    key: tuple[object, ...],
) -> Explanation:
    """Explain the first images of a subject, as many as the question has labels; with progress.

    Parameters
    ----------
    explainer : Explainer
    subject : Subject
    question : Question
    settings : Settings
        A layer that the network lacks becomes its last convolution.
    key : tuple
        Names the network.
    """
    if settings.method == "grad-cam" and settings.layer not in {x.name for x in explainer.layers}:
        settings = replace(settings, layer=explainer.layers[-1].name)
    kept = _kept()
    full_key = (*key, *subject.key, question.key, settings)
    if full_key not in kept:
        if len(kept) >= _MOST_KEPT:
            kept.clear()
        kept[full_key] = _explain(explainer, subject, question, settings)
    return kept[full_key]


def _explain(
    explainer: "Explainer", subject: Subject, question: Question, settings: "Settings"
) -> Explanation:
    images, targets = subject.images[: len(question.labels)], question.targets()
    place = st.empty()

    def show_progress(done: int, total: int) -> None:
        place.progress(done / total, f"Explaining {counted(total, 'image')}…")

    show_progress(0, len(images))
    maps = explainer.attribute(images, targets, settings, progress=show_progress)
    scores = explainer.scores(images, targets)
    black = explainer.scores(np.zeros_like(images), targets)
    place.empty()
    layer = explainer.layer(settings.layer).title if settings.method == "grad-cam" else ""
    return Explanation(maps.mean(0), layer, float(scores.mean()), float(black.mean()))
