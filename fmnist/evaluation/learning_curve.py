"""Learning curves: test accuracy against the number of training images, random or chosen.

Actively chosen images are those that the model of the previous size was least sure of (uncertainty
sampling: Lewis and Gale 1994; by margin: Scheffer et al. 2001), from the training split of the
held-out protocol. The first images are random ones, and the test split chooses nothing.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from fmnist.data.corrections import Corrections
from fmnist.data.splits import DatasetName
from fmnist.errors import ToldError
from fmnist.evaluation.metrics import entropies, margins, standard_error
from fmnist.evaluation.significance import Correctness
from fmnist.runs.config import TrainConfig
from fmnist.runs.recipes import RECIPES
from fmnist.runs.run import Run

Way = Literal["random", "margin", "entropy"]
"""How training images are chosen: at random, or by the model of the previous size."""

WAY_TITLES: Final[dict[Way, str]] = {
    "random": "At random", "margin": "Smallest margin", "entropy": "Highest entropy",
}  # fmt: skip

_SIZES: Final = (500, 1000, 2000, 4000, 8000, 16_000, 32_000)
_SMALLEST_BATCH: Final = 32


class CurveError(ToldError):
    """Runs that do not make up a learning curve."""


def sizes(images: int) -> tuple[int, ...]:
    """Sizes of the training sets, doubled from 500 on; at last all images."""
    return (*(size for size in _SIZES if size < images), images)


def point_config(dataset: DatasetName, size: int, images: int, *, seed: int = 0) -> TrainConfig:
    """Settings of a run on random images: the Swift recipe.

    Fewer images take more epochs, of smaller batches, by a rule that is fixed beforehand: with
    those of the whole training split, the model would take five steps on 500 images.

    Parameters
    ----------
    dataset : str
    size : int
        Number of training images.
    images : int
        Size of the training split under the held-out protocol.
    seed : int
    """
    whole = TrainConfig(**{**RECIPES["swift"], "dataset": dataset, "seed": seed, "log_every": 10})
    if size >= images:
        return whole
    batch = 2 ** round(math.log2(size / 64))
    return replace(
        whole,
        subset=size,
        epochs=round(whole.epochs * math.sqrt(images / size)),
        batch_size=min(max(batch, _SMALLEST_BATCH), whole.batch_size),
    )


def point_name(way: Way, size: int, seed: int) -> str:
    """What people call the run of a point."""
    how = "at random" if way == "random" else f"by {way}"
    return f"Learning curve: {size:,} {how}" + (f", seed {seed}" if seed else "")


def chosen_config(config: TrainConfig, chosen: Corrections) -> TrainConfig:
    """The settings of `point_config` for chosen images in place of random ones."""
    return replace(config, subset=None, corrections=chosen.checksum)


def most_uncertain(
    probabilities: NDArray[np.floating], used: NDArray[np.bool_], count: int, way: Way
) -> NDArray[np.intp]:
    """Choose the images that a model is least sure of.

    Parameters
    ----------
    probabilities : float (N, C)
    used : bool (N,)
        Images that are not chosen, since the model has been trained on them.
    count : int
    way : {"margin", "entropy"}
        Smallest margin between the two most probable classes, or highest entropy.

    Returns
    -------
    intp (min(count, number of others),)
        Positions, the least sure first; of equal ones the first.
    """
    doubt = -margins(probabilities) if way == "margin" else entropies(probabilities)
    order = np.argsort(np.where(used, np.inf, -doubt), kind="stable")
    return order[: min(count, int((~used).sum()))]


@dataclass(frozen=True)
class Point:
    """Runs on equally many images, chosen in the same way, with several seeds.

    Attributes
    ----------
    size : int
        Number of training images.
    runs : tuple of Run
        One a seed, by seed.
    """

    size: int
    runs: tuple[Run, ...]


Curve = tuple[Point, ...]
"""Points by size; those of the smallest and the largest size belong to all ways of choosing."""


def place_of(
    config: TrainConfig, images: int, load: Callable[[str], Corrections | None]
) -> tuple[Way, int] | None:
    """Where on which curve a run is: how its images were chosen, and how many.

    Parameters
    ----------
    config : TrainConfig
    images : int
        Size of the training split.
    load : callable
        Gives corrections by their checksum; None if there are none.

    Returns
    -------
    (str, int) or None
        None if it belongs to no curve.
    """
    chosen = None
    if config.corrections is not None:
        chosen = load(config.corrections)
        if chosen is None or not chosen.chosen or chosen.relabeled or chosen.excluded:
            return None
    size = len(chosen.chosen) if chosen else config.subset or images
    if size not in sizes(images):
        return None
    expected = point_config(config.dataset, size, images, seed=config.seed)
    if chosen:
        expected = chosen_config(expected, chosen)
    way: Way = "random"
    if chosen:
        way = "margin" if chosen.chosen_by == "margin" else "entropy"
    return (way, size) if config == expected else None


def curves(
    runs: Iterable[Run],
    dataset: DatasetName,
    images: int,
    load: Callable[[Run, str], Corrections | None],
) -> dict[Way, Curve]:
    """Runs as learning curves.

    Parameters
    ----------
    runs : iterable of Run
        Of several with the same place and seed, the newest finished one counts, or the newest.
        Broken ones do not.
    dataset : str
    images : int
        Size of the training split.
    load : callable
        As for `place_of`, from the run and the checksum.

    Returns
    -------
    dict of str to tuple of Point
        Of the ways that have runs of their own; those of active choice begin and end with the
        random runs.
    """
    found: dict[tuple[Way, int], dict[int, Run]] = {}
    for run in sorted(runs, key=lambda run: (run.state == "finished", run.created or 0.0)):
        config = run.training
        if run.state == "broken" or config is None or config.dataset != dataset:
            continue
        place = place_of(config, images, lambda checksum, run=run: load(run, checksum))  # type: ignore[misc]
        if place:
            found.setdefault(place, {})[config.seed] = run
    ends = (sizes(images)[0], images)
    made: dict[Way, Curve] = {}
    for way in WAY_TITLES:  # in this order
        if not any(of == way for of, _ in found):
            continue
        by_size = {size: of for (own, size), of in found.items() if own == way}
        by_size |= {size: found["random", size] for size in ends if ("random", size) in found}
        made[way] = tuple(
            Point(size, tuple(run for _, run in sorted(of.items())))
            for size, of in sorted(by_size.items())
        )
    return made


@dataclass(frozen=True)
class Step:
    """A point with one seed, which is trained or is to be trained."""

    way: Way
    size: int
    seed: int


def steps(images: int, ways: Iterable[Way], seeds: Iterable[int]) -> list[Step]:
    """What learning curves take; each model comes before the one that it chooses images for.

    Random images are always trained on: they are the first images of all ways, and what these are
    compared with.

    Parameters
    ----------
    images : int
        Size of the training split.
    ways : iterable of {"random", "margin", "entropy"}
    seeds : iterable of int
    """
    of = sizes(images)
    wanted = set(ways)
    active: list[Way] = [way for way in WAY_TITLES if way != "random" and way in wanted]
    made = []
    for seed in seeds:
        made += [Step("random", size, seed) for size in of]
        made += [Step(way, size, seed) for way in active for size in of[1:-1]]
    return made


def chooser(step: Step, images: int) -> Step:
    """The point whose model chooses the images of a point: the size before, at first random."""
    of = sizes(images)
    size = of[of.index(step.size) - 1]
    return Step("random" if size == of[0] else step.way, size, step.seed)


def run_of(made: dict[Way, Curve], way: Way, size: int, seed: int) -> Run | None:
    """The run at a place; None if there is none."""
    points = [point for point in made.get(way, ()) if point.size == size]
    runs = [run for point in points for run in point.runs if run.training]
    return next((run for run in runs if run.training and run.training.seed == seed), None)


@dataclass(frozen=True, eq=False)
class Measured:
    """Accuracy of a point.

    Attributes
    ----------
    size : int
        Number of training images.
    share : float64 (N,)
        Share of the seeds that classify each test image correctly, in [0, 1].
    accuracies : tuple of float
        One a seed, in [0, 1].
    """

    size: int
    share: NDArray[np.float64]
    accuracies: tuple[float, ...]

    @classmethod
    def of(cls, size: int, seeds: Sequence[Correctness]) -> "Measured":
        """Of the runs of a point.

        Raises
        ------
        CurveError
            If they were measured on different test images.
        """
        if not all(each.on_same_images(seeds[0]) for each in seeds):
            raise CurveError("Runs of the curve were measured on different test images.")
        share = np.mean([each.correct for each in seeds], axis=0)
        return cls(size, share, tuple(each.accuracy for each in seeds))

    @property
    def accuracy(self) -> float:
        """Mean over the seeds, in [0, 1]."""
        return float(self.share.mean())

    @property
    def error(self) -> float:
        """Standard error of the accuracy: of the test images, and of the seeds if there are more.

        With one seed, the chance of training is not in it.
        """
        of_images = standard_error(self.accuracy, len(self.share))
        if len(self.accuracies) < 2:
            return of_images
        of_seeds = float(np.std(self.accuracies, ddof=1)) / math.sqrt(len(self.accuracies))
        return math.hypot(of_images, of_seeds)

    @property
    def interval(self) -> tuple[float, float]:
        """95% interval, in [0, 1]."""
        margin = 1.96 * self.error
        return max(0.0, self.accuracy - margin), min(1.0, self.accuracy + margin)


def measured_curves(
    found: dict[Way, Curve], load: Callable[[Run], Correctness | None]
) -> dict[Way, tuple[Measured, ...]]:
    """Accuracies of the finished runs of curves; a point that two of them share is the same object.

    Parameters
    ----------
    found : dict of str to tuple of Point
    load : callable
        Gives which test images a run classifies correctly; None leaves the run out.

    Raises
    ------
    CurveError
        If the runs of a point were measured on different test images.
    """
    known: dict[tuple[str, ...], Measured | None] = {}
    made: dict[Way, tuple[Measured, ...]] = {}
    for way, curve in found.items():
        points = []
        for point in curve:
            runs = [run for run in point.runs if run.state == "finished"]
            key = tuple(run.run_id for run in runs)
            if key not in known:
                seeds = [each for run in runs if (each := load(run)) is not None]
                known[key] = Measured.of(point.size, seeds) if seeds else None
            if (measured := known[key]) is not None:
                points.append(measured)
        made[way] = tuple(points)
    return made


@dataclass(frozen=True)
class Gain:
    """What choosing brought against random images, over the sizes that both have.

    Attributes
    ----------
    sizes : tuple of int
        Without those that the two share.
    difference : float
        Mean difference of the test accuracies (fraction).
    low, high : float
        Its 95% interval over the test images.
    """

    sizes: tuple[int, ...]
    difference: float
    low: float
    high: float


def gain(active: Sequence[Measured], random: Sequence[Measured]) -> Gain | None:
    """Mean difference of two curves, paired by test image; None without common sizes.

    Points that are the same runs, as both curves have at their ends, do not count.

    Raises
    ------
    CurveError
        If the points were measured on different test images.
    """
    others = {point.size: point for point in random}
    pairs = [
        (point, others[point.size])
        for point in active
        if point.size in others and point is not others[point.size]
    ]
    if not pairs:
        return None
    if len({len(each.share) for pair in pairs for each in pair}) > 1:
        raise CurveError("Runs of the curve were measured on different test images.")
    each = np.mean([one.share - other.share for one, other in pairs], axis=0)
    mean, margin = float(each.mean()), 1.96 * float(each.std(ddof=1)) / math.sqrt(len(each))
    return Gain(tuple(one.size for one, _ in pairs), mean, mean - margin, mean + margin)
