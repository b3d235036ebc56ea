"""The smallest changes of an image that change its prediction."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fmnist.data.labels import IMAGE_SIZE

if TYPE_CHECKING:
    from fmnist.models.classifier import Classifier

Images = NDArray[np.uint8]
Labels = NDArray[np.integer]
Predict = Callable[[Images], Labels]
"""From uint8 (N, 28, 28) to predicted labels, int (N,)."""

_BATCH: Final = 64
PLACE_STEP: Final = 2
"""Pixels between the places that are tried for a square."""
FARTHEST: Final = 10
"""Pixels of the farthest shift that is tried, in each direction."""
LEVELS: Final = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32, 48, 64)
"""Sizes of adversarial changes that are tried, in gray levels of 255."""
PGD_STEPS: Final = 10


@dataclass(frozen=True, eq=False)
class Flip:
    """A changed image that is predicted as another class.

    Attributes
    ----------
    image : uint8 (28, 28)
    label : int
        What it is predicted as.
    size : float
        How large the change is; see the function that found it.
    place : tuple of int
        Top and left of an erased square; pixels down and to the right of a shift.
    """

    image: NDArray[np.uint8]
    label: int
    size: float
    place: tuple[int, ...] = ()


_Candidate = tuple[NDArray[np.uint8], float, tuple[int, ...]]


def _first(predict: Predict, candidates: Iterable[_Candidate], wanted: "Wanted") -> Flip | None:
    """The first candidate, from small to large, with a wanted prediction."""
    left = iter(candidates)
    while some := list(islice(left, _BATCH)):
        labels = predict(np.stack([image for image, _, _ in some]))
        for (image, size, place), label in zip(some, labels, strict=True):
            if wanted(int(label)):
                return Flip(image, int(label), size, place)
    return None


@dataclass(frozen=True)
class Wanted:
    """Which prediction counts as changed.

    Attributes
    ----------
    label : int
        What the image is predicted as now.
    target : int or None
        The class to reach; None for any other.
    """

    label: int
    target: int | None = None

    def __call__(self, label: int) -> bool:
        return label != self.label if self.target is None else label == self.target


def erased_square(predict: Predict, image: NDArray[np.uint8], wanted: Wanted) -> Flip | None:
    """The smallest square that, erased to black, changes the prediction.

    Places two pixels apart are tried for each side; squares that are black already are left out.

    Returns
    -------
    Flip or None
        `size` is the side in pixels.
    """

    def candidates() -> Iterator[_Candidate]:
        for side in range(1, IMAGE_SIZE + 1):
            places = range(0, IMAGE_SIZE - side + 1, PLACE_STEP if side > 1 else 1)
            for top in places:
                for left in places:
                    rows, columns = slice(top, top + side), slice(left, left + side)
                    if image[rows, columns].any():
                        erased = image.copy()
                        erased[rows, columns] = 0
                        yield erased, float(side), (top, left)

    return _first(predict, candidates(), wanted)


def shifted(image: NDArray[np.uint8], down: int, right: int) -> NDArray[np.uint8]:
    """An image moved by whole pixels; what comes in is black."""
    moved = np.zeros_like(image)
    size = IMAGE_SIZE
    moved[max(down, 0) : size + min(down, 0), max(right, 0) : size + min(right, 0)] = image[
        max(-down, 0) : size + min(-down, 0), max(-right, 0) : size + min(-right, 0)
    ]
    return moved


def smallest_shift(predict: Predict, image: NDArray[np.uint8], wanted: Wanted) -> Flip | None:
    """The shortest shift that changes the prediction, at most ten pixels in each direction.

    Returns
    -------
    Flip or None
        `size` is the distance in pixels, `place` the pixels down and to the right.
    """
    reach = range(-FARTHEST, FARTHEST + 1)
    moves = sorted((np.hypot(down, right), down, right) for down in reach for right in reach)[1:]
    return _first(
        predict,
        (
            (shifted(image, down, right), float(distance), (down, right))
            for distance, down, right in moves
        ),
        wanted,
    )


def smallest_rotation(predict: Predict, image: NDArray[np.uint8], wanted: Wanted) -> Flip | None:
    """The smallest rotation, in whole degrees, that changes the prediction.

    Returns
    -------
    Flip or None
        `size` is the angle in degrees, counterclockwise.
    """
    picture = Image.fromarray(image)
    angles = (sign * degrees for degrees in range(1, 181) for sign in (1, -1))
    return _first(
        predict,
        (
            (np.asarray(picture.rotate(angle, Image.Resampling.BILINEAR)), float(angle), ())
            for angle in angles
        ),
        wanted,
    )


def smallest_brightness(predict: Predict, image: NDArray[np.uint8], wanted: Wanted) -> Flip | None:
    """The factor nearest to 1 by which all pixels are multiplied, between 1/32 and 32.

    Returns
    -------
    Flip or None
        `size` is the factor.
    """
    powers = (sign * step / 20 for step in range(1, 101) for sign in (1, -1))
    return _first(
        predict,
        (
            (np.clip(np.rint(image * 2.0**power), 0, 255).astype(np.uint8), float(2.0**power), ())
            for power in powers
        ),
        wanted,
    )


def adversarial(
    classifier: "Classifier",
    image: NDArray[np.uint8],
    wanted: Wanted,
    *,
    steps: int,
    largest: float = LEVELS[-1],
) -> Flip | None:
    """The smallest adversarial change found: no pixel changes by more than `size` levels.

    One step of this size along the sign of the gradient is the fast gradient sign method
    (Goodfellow, Shlens and Szegedy 2015, "Explaining and Harnessing Adversarial Examples").
    Several smaller steps, each brought back into the allowed range, are projected gradient descent
    (Madry et al. 2018, "Towards Deep Learning Models Resistant to Adversarial Attacks"), here
    without its random start. The sizes of `LEVELS` are tried; pixels are whole numbers at the end.

    Parameters
    ----------
    classifier : Classifier
    image : uint8 (28, 28)
    wanted : Wanted
    steps : int
        1, or `PGD_STEPS`.
    largest : float
        Larger sizes are not tried.

    Returns
    -------
    Flip or None
        `size` is the largest change of a pixel, in levels from 0 to 255.
    """
    import torch
    from torch.nn import functional

    model, toward = classifier.model, wanted.target is not None
    label = classifier.named_outputs[wanted.label if wanted.target is None else wanted.target]
    sizes = [level for level in LEVELS if level <= largest]
    levels = torch.tensor(sizes, dtype=torch.float32)[:, None, None]
    original = torch.tensor(image, dtype=torch.float32).expand(len(sizes), -1, -1)
    labels = torch.full((len(sizes),), label)
    low, high = (original - levels).clamp(min=0), (original + levels).clamp(max=255)
    stride = levels if steps == 1 else 2.5 * levels / steps
    changed = original.clone()
    for _ in range(steps):
        changed.requires_grad_(True)
        # a copy, since normalization works in place
        logits = model(classifier.normalization(changed.clone()))
        # in float64 the gradient of a certain prediction is small, not 0
        loss = functional.cross_entropy(logits.double(), labels)
        (slope,) = torch.autograd.grad(loss, changed)
        with torch.no_grad():
            step = -stride * slope.sign() if toward else stride * slope.sign()
            changed = torch.minimum(torch.maximum(changed + step, low), high)
    images = changed.detach().round().byte().numpy()
    predicted = classifier.logits(images).argmax(1)
    for found, reached in zip(images, predicted, strict=True):
        if wanted(int(reached)):
            size = int(np.abs(found.astype(int) - image).max())
            return Flip(found, int(reached), float(size))
    return None
