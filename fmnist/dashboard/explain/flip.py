"""What would flip it: the smallest changes of the image that change its prediction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import streamlit as st

from fmnist.dashboard import failures, nearest_images, pictures
from fmnist.dashboard.explain import kept
from fmnist.dashboard.explain.own_data import own_dataset
from fmnist.dashboard.explain.subject import Subject
from fmnist.data.labels import NUM_CLASSES
from fmnist.reports import glossary
from fmnist.reports.text import counted
from fmnist.text import plain

if TYPE_CHECKING:
    from fmnist.explain.flips import Flip, Wanted

_TARGET: Final = "flip-target"
_WIDTH: Final = 132
_NEIGHBORS: Final = 8


@dataclass(frozen=True)
class Way:
    """One way to change an image.

    Attributes
    ----------
    title : str
    describe : callable
        The change in a few words.
    failed : str
        What is said if it never changes the prediction.
    amplified : int
        How many times larger than it is the change is also shown; 1 for not at all.
    help : str or None
        More on it.
    """

    title: str
    describe: "Callable[[Flip], str]"
    failed: str
    amplified: int = 1
    help: str | None = None


def _shift(flip: "Flip") -> str:
    down, right = flip.place
    parts = [
        f"{counted(abs(pixels), 'pixel')} {direction}"
        for pixels, direction in (
            (down, "down" if down > 0 else "up"),
            (right, "right" if right > 0 else "left"),
        )
        if pixels
    ]
    return " and ".join(parts)


def _rotation(flip: "Flip") -> str:
    return f"{abs(flip.size):.0f}° {'counter' if flip.size > 0 else ''}clockwise"


def _levels(flip: "Flip") -> str:
    return f"by at most {counted(round(flip.size), 'level')} of 255 a pixel"


WAYS: Final[Mapping[str, Way]] = {
    "erased": Way(
        "Erased square",
        lambda flip: f"{flip.size:.0f} × {flip.size:.0f} pixels set to black",
        "No erased square changes it.",
    ),
    "shift": Way("Shift", _shift, "No shift of up to 10 pixels changes it."),
    "rotation": Way("Rotation", _rotation, "No rotation changes it."),
    "brightness": Way(
        "Brightness",
        lambda flip: f"all pixels × {flip.size:.2f}",
        "No factor between 1/32 and 32 changes it.",
    ),
    "fgsm": Way(
        "Adversarial, one step (FGSM)",
        _levels,
        "One step of up to 64 levels does not change it.",
        amplified=10,
        help=glossary.short("adversarial_example"),
    ),
    "pgd": Way(
        "Adversarial, several steps (PGD)",
        _levels,
        "Steps of up to 64 levels in all do not change it.",
        amplified=10,
        help=glossary.short("adversarial_example"),
    ),
}
"""The ways that are tried, in the order of the page."""


def show(subject: Subject) -> None:
    """The changes side by side, and the nearest training images of the other class."""
    from fmnist.explain.flips import Wanted

    label, names = subject.predicted_label, subject.class_names
    st.caption(
        f"The smallest change of each kind that turns **{plain(names[label])}** into another "
        "prediction. A small one shows how near the image is to the border between two classes."
    )
    others = [None, *(other for other in range(len(names)) if other != label)]
    if st.session_state.get(_TARGET) not in others:
        st.session_state[_TARGET] = None
    target = st.selectbox(
        "Into",
        others,
        key=_TARGET,
        format_func=lambda other: "Any other class" if other is None else names[other],
        width=260,
    )
    wanted = Wanted(label, target)
    key = ("flips", *subject.key, wanted)
    note = "Classifies up to a few thousand changed images: seconds, for large models a minute."
    if kept.is_asked_for(key, "Search", note, button="flip-search"):
        found = kept.result(key, lambda progress: _search(subject, wanted, progress),
                            doing="Searching…")  # fmt: skip
        _show_flips(subject, found)
    _show_neighbors(subject, wanted)


def _search(
    subject: Subject, wanted: "Wanted", progress: kept.Progress
) -> "dict[str, Flip | None]":
    """The smallest change of each kind; None where none changes the prediction."""
    from fmnist.explain import flips

    classifier, image = subject.classifier, subject.image

    def predict(images: flips.Images) -> flips.Labels:
        labels: flips.Labels = classifier.logits(images).argmax(1)
        return labels

    found: dict[str, Flip | None] = {}

    def largest() -> float:
        one_step = found["fgsm"]
        return flips.LEVELS[-1] if one_step is None else one_step.size

    searches: dict[str, Callable[[], Flip | None]] = {
        "erased": lambda: flips.erased_square(predict, image, wanted),
        "shift": lambda: flips.smallest_shift(predict, image, wanted),
        "rotation": lambda: flips.smallest_rotation(predict, image, wanted),
        "brightness": lambda: flips.smallest_brightness(predict, image, wanted),
        "fgsm": lambda: flips.adversarial(classifier, image, wanted, steps=1),
        "pgd": lambda: flips.adversarial(
            classifier, image, wanted, steps=flips.PGD_STEPS, largest=largest()
        ),
    }
    for done, (name, search) in enumerate(searches.items()):
        progress(done, len(searches))
        found[name] = search()
    return found


def _show_flips(subject: Subject, found: "Mapping[str, Flip | None]") -> None:
    """A card for each kind of change."""
    with st.container(horizontal=True, gap="medium", key="flips"):
        for name, way in WAYS.items():
            flip = found[name]
            with st.container(width=_WIDTH * (1 + (way.amplified > 1)) + 16, gap="xsmall"):
                st.markdown(f"**{way.title}**", help=way.help)
                if flip is None:
                    st.caption(way.failed)
                    continue
                _show_pictures(subject, flip, way)
                st.markdown(f"→ **{plain(subject.class_names[flip.label])}**")
                st.caption(way.describe(flip))
    st.caption(
        "Squares are tried at places two pixels apart. FGSM moves every pixel once, by the same "
        "number of levels, along the sign of the gradient (Goodfellow et al. 2015); PGD goes "
        "there in several smaller steps (Madry et al. 2018). Sizes that are tried: 1 to 8 levels, "
        "then wider apart, up to 64."
    )


def _show_pictures(subject: Subject, flip: "Flip", way: Way) -> None:
    images = [pictures.enlarge(flip.image, _WIDTH)]
    captions, alts = ["Changed"], [f"{way.title}: {way.describe(flip)}"]
    if way.amplified > 1:
        change = way.amplified * (flip.image.astype(float) - subject.image)
        colors = pictures.signed_colors(np.clip(change, -255, 255), 255.0)
        images.append(pictures.enlarge(colors, _WIDTH))
        captions.append(f"Change × {way.amplified}")
        alts.append(f"The change, {way.amplified} times as large: orange brighter, blue darker")
    if len(images) == 1:
        st.image(images[0], width=_WIDTH, alt=alts[0])
    else:
        st.image(images, captions, width=_WIDTH, alt=alts)


def _show_neighbors(subject: Subject, wanted: "Wanted") -> None:
    """The nearest training images of the other class in feature space."""
    if wanted.target is not None and wanted.target >= NUM_CLASSES:
        return  # no training image is of an own class
    other = "other classes" if wanted.target is None else subject.class_names[wanted.target]
    st.markdown(f"**Nearest training images of {other}**")
    dataset = own_dataset(subject.run)
    if dataset is None:
        return
    with failures.shown("The features cannot be computed"):
        index = nearest_images.training_index(subject.run, dataset, key="flip-find")
        if index is None:
            return
        labels = [
            label
            for label in range(NUM_CLASSES)
            if (label != wanted.label if wanted.target is None else label == wanted.target)
        ]
        features = subject.classifier.features(subject.image[None])[0]
        found = index.nearest(features, k=_NEIGHBORS, labels=labels)
        nearest_images.wall(found, dataset, key="flip-nearest", label=f"Nearest of {other}")
        st.caption(
            "By the cosine similarity of the inputs of the last layer. What they share with the "
            "image, and the image lacks, is what the prediction would need."
        )
