"""Break it: what noise, rounding, zeroed channels and missing biases do to a network."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import cache
from fmnist.dashboard.components import clickable
from fmnist.dashboard.confusion import matrix
from fmnist.dashboard.confusion.matrix import MatrixDisplay
from fmnist.dashboard.explain import kept
from fmnist.dashboard.explain.own_data import affordable, own_dataset
from fmnist.dashboard.explain.subject import Subject, weights_key
from fmnist.data.splits import Split, SplitName, stratified_subset
from fmnist.reports.text import counted, percent, points
from fmnist.text import plain

if TYPE_CHECKING:
    from fmnist.explain.perturbations import Perturbation, WeightedLayer

_BITS: Final = (32, 8, 6, 5, 4, 3, 2, 1)
_NOISE: Final = "break-noise"
_ROUNDED: Final = "break-bits"
_LAYER: Final = "break-layer"
_CHANNEL: Final = "break-channel"
_BIASES: Final = "break-biases"
_SEED: Final = "break-seed"
_WHOLE: Final = -1
"""Stands for all channels of a layer."""


def show(subject: Subject) -> None:
    """The controls, and the confusion matrix of the broken network beside its accuracy."""
    from fmnist.explain import perturbations

    st.caption(
        "Change the weights of a copy of this model and see what it still knows. The model itself "
        "and its files stay as they are."
    )
    dataset = own_dataset(subject.run)
    if dataset is None or subject.run.config is None:
        return
    protocol = subject.run.config.protocol
    name: SplitName = "validation" if protocol == "held-out" else "test"
    split = cache.split(dataset, dataset.checksum, protocol, name)
    controls, answer = st.columns([4, 7], gap="large")
    with controls:
        chosen = _controls(perturbations.weighted_layers(subject.classifier.model))
        # the bar appears below the controls, where it moves nothing
        whole, before = _measure(subject, split, dataset.checksum, perturbations.Perturbation())
        broken, now = _measure(subject, split, dataset.checksum, chosen)
    with answer:
        _show_figures(
            subject,
            (perturbations.accuracy(whole), perturbations.accuracy(broken)),
            before,
            now,
            chosen.is_none,
        )
        _show_matrix(broken, split, subject.class_names)


def _controls(layers: "list[WeightedLayer]") -> "Perturbation":
    """What to break, and a button that mends all of it."""
    from fmnist.explain.perturbations import Perturbation

    noise = st.slider(
        "Noise on the weights",
        0.0,
        2.0,
        step=0.1,
        key=_NOISE,
        help="Gaussian noise, as a multiple of the standard deviation of each layer's weights.",
    )
    bits = st.select_slider(
        "Bits per weight",
        _BITS,
        key=_ROUNDED,
        help="Each layer's weights are rounded to 2ⁿ evenly spaced values around 0. With one bit "
        "only their signs are left. 32 bits: as trained.",
    )
    by_name = {layer.name: layer for layer in layers}
    zeroed = st.selectbox(
        "Zeroed layer",
        list(by_name),
        index=None,
        key=_LAYER,
        format_func=lambda name: f"{name}: {by_name[name].title}",
        placeholder="None",
        help="Its weights and its bias become 0. Where batch normalization follows, the layer then "
        "gives the same number everywhere.",
    )
    channel = _WHOLE
    if zeroed is not None:
        options = [_WHOLE, *range(by_name[zeroed].channels)]
        if st.session_state.get(_CHANNEL) not in options:
            st.session_state[_CHANNEL] = _WHOLE
        channel = st.selectbox(
            "Zeroed channel",
            options,
            key=_CHANNEL,
            format_func=lambda number: "All channels" if number == _WHOLE else f"Channel {number}",
        )
    without_biases = st.toggle(
        "No biases", key=_BIASES, help="Biases become 0, those of normalization layers included."
    )
    with st.container(horizontal=True, key="break-buttons"):
        st.button(
            "Reset", key="break-reset", icon=":material/restart_alt:", on_click=_reset,
            help="Back to the model as it was trained.",
        )  # fmt: skip
        st.button(
            "Other noise", key="break-again", icon=":material/casino:", disabled=not noise,
            on_click=_draw_again,
            help="Draw the noise again.",
        )  # fmt: skip
    return Perturbation(
        noise=float(noise),
        bits=int(bits),
        layer=zeroed,
        channel=None if channel == _WHOLE else int(channel),
        without_biases=without_biases,
        seed=st.session_state.get(_SEED, 0) if noise else 0,
    )


def _reset() -> None:
    st.session_state.update({_NOISE: 0.0, _ROUNDED: _BITS[0], _LAYER: None, _BIASES: False})
    for key in (_CHANNEL, _SEED):
        st.session_state.pop(key, None)


def _draw_again() -> None:
    st.session_state[_SEED] = st.session_state.get(_SEED, 0) + 1


def _show_figures(
    subject: Subject,
    accuracies: tuple[float, float],
    before: NDArray[np.float32],
    now: NDArray[np.float32],
    is_whole: bool,
) -> None:
    """Accuracy and the prediction for the image, beside those of the whole model."""
    change = accuracies[1] - accuracies[0]
    label, trained, names = int(now.argmax()), int(before.argmax()), subject.class_names
    with st.container(horizontal=True, key="break-figures"):
        st.metric(
            "Accuracy",
            percent(accuracies[1]),
            # with a hyphen: st.metric takes a number after a true minus sign for a positive one
            "As trained" if is_whole else points(change),
            delta_color="normal" if change else "off",
            delta_arrow="auto" if change else "off",
        )
        st.metric(
            "The mean image" if subject.kind == "average" else "This image",
            f"{plain(names[label])}, {percent(now[label], 0)}",
            f"as trained: {plain(names[trained])}, {percent(before[trained], 0)}",
            delta_color="off",
            delta_arrow="off",
        )


def _show_matrix(confusion: NDArray[np.int64], split: Split, names: Sequence[str]) -> None:
    display = MatrixDisplay("Counts", errors_only=False, grouped=False)
    clickable.confusion_matrix(
        matrix.cells(display, confusion, None, names),
        key="break-matrix",
        label="Confusion matrix with these weights",
        order=range(len(confusion)),
        true=(),
        predicted=(),
        on_pick=None,
        names=names,
    )
    shown = int(confusion.sum())
    part = "" if shown == len(split) else f" of {len(split):,}, the same number of each class"
    st.caption(
        f"{counted(shown, f'{split.name} image')}{part}. They are always the same ones, so that "
        "Reset brings the first matrix back."
        + (" The protocol of this run has no validation images." if split.name == "test" else "")
    )


def _measure(
    subject: Subject, split: Split, checksum: str, perturbation: "Perturbation"
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Matrix of a broken copy on the split, and its probabilities for the image."""
    from fmnist.explain import perturbations

    count = affordable(subject.classifier.models, len(split))
    key = ("broken", *weights_key(subject.run), checksum, split.name, count, perturbation)

    def compute(progress: kept.Progress) -> NDArray[np.int64]:
        chosen = stratified_subset(split.labels, count, seed=0)
        broken = perturbations.perturbed(subject.classifier, perturbation)
        return perturbations.confusion(
            broken, split.images[chosen], split.labels[chosen], progress=progress
        )

    found = kept.result(key, compute, doing="Classifying the images…")
    image = kept.result(
        ("broken image", *subject.key, perturbation),
        lambda _: perturbations.probabilities(
            perturbations.perturbed(subject.classifier, perturbation), subject.image
        ),
        doing="Classifying the image…",
    )
    return found, image
