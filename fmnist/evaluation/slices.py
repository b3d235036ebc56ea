"""Weak slices: groups of images alike in a simple way on which a model is less accurate."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fmnist.data.image_properties import PROPERTIES
from fmnist.data.labels import CLASS_NAMES, NUM_CLASSES

MIN_IMAGES: Final = 30
"""Images that a slice, and the rest of its class, must have at least."""
LEVEL: Final = 0.05
"""False discovery rate up to which a slice counts as weak."""
QUARTER: Final = 0.25
CLUSTER_IMAGES: Final = 100
"""Images of a class for each of its clusters, on average."""
MOST_CLUSTERS: Final = 8
_DIFFERS: Final = 0.5  # from the rest of the class, in standard deviations, to be named


@dataclass(frozen=True)
class Slice:
    """A group of images, by a rule that can be applied to any images.

    Attributes
    ----------
    label : int or None
        True class of the images; None for all classes.
    measure : str
        Key of `fmnist.data.image_properties.PROPERTIES`.
    low, high : float
        Range of the property, both ends included; may be infinite.
    """

    label: int | None
    measure: str
    low: float
    high: float

    @property
    def title(self) -> str:
        """What it is called: "Shirt, dark"."""
        found = PROPERTIES[self.measure]
        name = "All classes" if self.label is None else CLASS_NAMES[self.label]
        return f"{name}, {found.low if np.isinf(self.low) else found.high}"

    def mask(
        self, labels: NDArray[np.integer], values: Mapping[str, NDArray[np.floating]]
    ) -> NDArray[np.bool_]:
        """Mark the images that belong to it.

        Parameters
        ----------
        labels : int (N,)
            True classes.
        values : mapping of str to float (N,)
            As `fmnist.data.image_properties.measure_all` returns.

        Returns
        -------
        bool (N,)
        """
        of_slice = values[self.measure]
        mask: NDArray[np.bool_] = (of_slice >= self.low) & (of_slice <= self.high)
        return mask if self.label is None else mask & (labels == self.label)


@dataclass(frozen=True, eq=False)
class Cluster:
    """Images of a class that are near each other in a model's feature space.

    It is no rule: other images have no place in it.

    Attributes
    ----------
    label : int
        True class of the images.
    number : int
        From 1 on, the largest cluster of the class first.
    members : bool (N,)
    words : tuple of str
        In what the images differ most from the rest of the class: "bright", "wide".
    """

    label: int
    number: int
    members: NDArray[np.bool_]
    words: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What it is called: "Shirt, cluster 2 (bright, wide)"."""
        marks = f" ({', '.join(self.words)})" if self.words else ""
        return f"{CLASS_NAMES[self.label]}, cluster {self.number}{marks}"

    def mask(
        self,
        labels: NDArray[np.integer],  # noqa: ARG002 - as `Slice.mask`
        values: Mapping[str, NDArray[np.floating]],  # noqa: ARG002
    ) -> NDArray[np.bool_]:
        """Mark the images that belong to it, bool (N,)."""
        return self.members


@dataclass(frozen=True, eq=False)
class SliceResult:
    """How accurate a model is on a slice, against the rest of the slice's class.

    Attributes
    ----------
    slice : Slice or Cluster
    images, misclassified : int
    accuracy, rest_accuracy : float
        On the slice, and on the other images of its class; in [0, 1].
    interval : tuple of float
        95% confidence interval of the accuracy (Wilson 1927).
    p_value : float
        One-sided, exact (Fisher 1922), corrected for the number of slices looked at (Benjamini and
        Hochberg 1995).
    """

    slice: Slice | Cluster
    images: int
    misclassified: int
    accuracy: float
    rest_accuracy: float
    interval: tuple[float, float]
    p_value: float

    @property
    def gap(self) -> float:
        """How far its accuracy lies below the rest's, a fraction."""
        return self.rest_accuracy - self.accuracy

    @property
    def is_weak(self) -> bool:
        """Whether chance hardly explains the gap."""
        return self.gap > 0 and self.p_value <= LEVEL


def candidates(
    labels: NDArray[np.integer], values: Mapping[str, NDArray[np.floating]]
) -> Iterator[Slice]:
    """The lowest and the highest quarter of each property, within each class and over all.

    Where so many images share a value that a quarter cannot be told from the rest, there is none.

    Parameters
    ----------
    labels : int (N,)
    values : mapping of str to float (N,)
    """
    for label in (None, *range(NUM_CLASSES)):
        of_class = labels >= 0 if label is None else labels == label
        if of_class.sum() < 2 * MIN_IMAGES:
            continue
        for measure, numbers in values.items():
            low, high = np.quantile(numbers[of_class], [QUARTER, 1 - QUARTER])
            if low < high:
                yield Slice(label, measure, -np.inf, float(low))
                yield Slice(label, measure, float(high), np.inf)


def clusters(
    labels: NDArray[np.integer],
    features: NDArray[np.floating],
    values: Mapping[str, NDArray[np.floating]],
) -> Iterator[Cluster]:
    """Clusters of each class in a model's feature space, by k-means (Lloyd 1982).

    Parameters
    ----------
    labels : int (N,)
        True classes.
    features : float (N, F)
        Finite.
    values : mapping of str to float (N,)
        Properties, which name what the images of a cluster have in common.
    """
    from sklearn.cluster import KMeans  # here, since importing it takes seconds

    for label in range(NUM_CLASSES):
        positions = np.flatnonzero(labels == label)
        count = min(MOST_CLUSTERS, len(positions) // CLUSTER_IMAGES)
        if count < 2:
            continue
        kmeans = KMeans(count, n_init=4, random_state=0)
        found = kmeans.fit_predict(features[positions].astype(np.float64))
        sizes = np.bincount(found, minlength=count)
        for number, cluster in enumerate(np.argsort(-sizes, kind="stable"), 1):
            members = np.zeros(len(labels), dtype=np.bool_)
            members[positions[found == cluster]] = True
            yield Cluster(label, number, members, _words(members[positions], positions, values))


def _words(
    within: NDArray[np.bool_],
    positions: NDArray[np.intp],
    values: Mapping[str, NDArray[np.floating]],
) -> tuple[str, ...]:
    """The one or two properties in which a part of a class differs most from the rest of it."""
    marks = []
    for measure, numbers in values.items():
        of_class = numbers[positions].astype(np.float64)
        spread = of_class.std()
        if spread and within.any() and not within.all():
            difference = (of_class[within].mean() - of_class[~within].mean()) / spread
            if abs(difference) >= _DIFFERS:
                found = PROPERTIES[measure]
                marks.append((-abs(difference), found.high if difference > 0 else found.low))
    return tuple(word for _, word in sorted(marks)[:2])


def wilson(right: int, images: int) -> tuple[float, float]:
    """95% confidence interval of an accuracy (Wilson 1927).

    Parameters
    ----------
    right, images : int
        Images classified correctly, of at least one.
    """
    from scipy import stats  # here, since importing it takes seconds

    interval = stats.binomtest(right, images).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def weak_slices(
    correct: NDArray[np.bool_],
    labels: NDArray[np.integer],
    values: Mapping[str, NDArray[np.floating]],
    slices: Sequence[Slice | Cluster],
) -> list[SliceResult]:
    """Measure a model on slices.

    Parameters
    ----------
    correct : bool (N,)
        Which images it classifies correctly.
    labels : int (N,)
        True classes.
    values : mapping of str to float (N,)
    slices : sequence of Slice or Cluster
        Those with fewer than `MIN_IMAGES`, in the slice or in the rest, are left out.

    Returns
    -------
    list of SliceResult
        The weak ones first, by their gap, then the others.
    """
    from scipy import stats  # here, since importing it takes seconds

    counted: list[tuple[Slice | Cluster, int, int, int, int]] = []
    for each in slices:
        mask = each.mask(labels, values)
        rest = ~mask if each.label is None else ~mask & (labels == each.label)
        images, others = int(mask.sum()), int(rest.sum())
        if min(images, others) >= MIN_IMAGES:
            wrong, others_wrong = int((mask & ~correct).sum()), int((rest & ~correct).sum())
            counted.append((each, images, wrong, others, others_wrong))
    if not counted:
        return []
    p_values = [
        stats.fisher_exact(
            [[wrong, images - wrong], [others_wrong, others - others_wrong]], alternative="greater"
        ).pvalue
        for _, images, wrong, others, others_wrong in counted
    ]
    corrected = stats.false_discovery_control(p_values)
    found = []
    for (each, images, wrong, others, others_wrong), p_value in zip(
        counted, corrected, strict=True
    ):
        right = images - wrong
        found.append(
            SliceResult(
                each, images, wrong, right / images, 1 - others_wrong / others,
                wilson(right, images), float(p_value),
            )
        )  # fmt: skip
    return sorted(found, key=lambda result: (not result.is_weak, -result.gap))
