"""Drawings to train on: outlines of photographs, garments as people sketch them, doodles.

They come as `fmnist.sketchpad.preprocessing.to_model_input` would hand them over: white lines on
black, framed, of about its line width. Labels are class indices; `NON_GARMENT_LABEL` marks doodles.
"""

import hashlib
import io
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fmnist import paths
from fmnist.data.labels import CLASS_NAMES, IMAGE_SIZE, NUM_CLASSES
from fmnist.data.splits import Split
from fmnist.data.synthetic import Drawings
from fmnist.data.synthetic.non_garments import doodle
from fmnist.data.synthetic.sketches import sketch_garment
from fmnist.data.synthetic.strokes import (
    LINE_WIDTH,
    Drawing,
    broken_off,
    framed,
    in_a_hand,
    rasterize,
)
from fmnist.files import load_arrays, write_atomic

NON_GARMENT_LABEL: Final = NUM_CLASSES
"""Label of what is no garment: one more than the ten classes."""

_ZOOM: Final = 4  # pixels that an outline is drawn with to an image pixel
_SHIRT: Final = CLASS_NAMES.index("Shirt")
_EVERY: Final = 500  # drawings between two reports of progress
_KINDS: Final[tuple[Drawings, ...]] = ("outlines", "sketches", "doodles")
_BLOCK: Final = 1_000  # drawings of one seed
_JOB: Final = 10  # blocks made by one process
# of what a seed gives; one more whenever a drawing changes
_VERSIONS: Final[Mapping[Drawings, int]] = {"outlines": 1, "sketches": 2, "doodles": 2}

Progress = Callable[[int, int], None]
_Block: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.uint8]]  # images and their labels


def _raster(drawing: Drawing, rng: random.Random) -> NDArray[np.uint8]:
    """In a hand, now and then broken off or filled, at the widths that the preparation leaves."""
    drawn = in_a_hand(drawing, rng, unsteadiness=rng.uniform(0.3, 1.5))
    if rng.random() < 0.12:
        drawn = broken_off(drawn, rng.uniform(0.55, 0.95))
    return rasterize(
        drawn,
        width=LINE_WIDTH * rng.uniform(0.75, 1.35),
        size=IMAGE_SIZE - (rng.uniform(0.0, 4.0) if rng.random() < 0.2 else 0.0),
        fill=rng.uniform(0.3, 1.0) if rng.random() < 0.15 else 0.0,
    )


def sketched_garments(
    count: int, *, seed: int, progress: Progress | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Garments as people sketch them, the classes in turn, but for Shirt in every other turn.

    A sketched shirt and a sketched jacket are often the same drawing, and people who make it
    mean a jacket more often.

    Parameters
    ----------
    count, seed : int
    progress : callable, optional
        Called now and then with (drawings done, drawings in all).

    Returns
    -------
    images : uint8 (count, 28, 28)
    labels : uint8 (count,)
    """
    rng = random.Random(f"sketches {seed}")
    turns = np.array([*range(NUM_CLASSES), *(c for c in range(NUM_CLASSES) if c != _SHIRT)])
    labels = np.resize(turns, count).astype(np.uint8)
    return _all(
        [partial(sketch_garment, label, rng) for label in labels.tolist()], rng, progress
    ), labels


def doodles(
    count: int, *, seed: int, progress: Progress | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Drawings of things that are no garment.

    Parameters
    ----------
    count, seed : int
    progress : callable, optional
        Called now and then with (drawings done, drawings in all).

    Returns
    -------
    images : uint8 (count, 28, 28)
    labels : uint8 (count,)
        All `NON_GARMENT_LABEL`.
    """
    rng = random.Random(f"doodles {seed}")
    labels = np.full(count, NON_GARMENT_LABEL, np.uint8)
    return _all([lambda: doodle(rng)] * count, rng, progress), labels


def _all(
    makers: list[Callable[[], Drawing]], rng: random.Random, progress: Progress | None
) -> NDArray[np.uint8]:
    images = np.empty((len(makers), IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    for i, make in enumerate(makers):
        images[i] = _raster(make(), rng)
        if progress is not None and (i + 1) % _EVERY == 0:
            progress(i + 1, len(makers))
    return images


def outlines(
    images: NDArray[np.uint8], *, seed: int, progress: Progress | None = None
) -> NDArray[np.uint8]:
    """Line drawings made from photographs.

    The contour of every garment, thin or thick, bent and sheared as by hand; of some also the
    edges inside, some filled with a tone, some with gaps.

    Parameters
    ----------
    images : uint8 (N, 28, 28)
        White garment on black.
    seed : int
    progress : callable, optional
        Called now and then with (drawings done, drawings in all).

    Returns
    -------
    uint8 (N, 28, 28)
    """
    rng = np.random.RandomState(seed)  # its stream is frozen for good
    drawn = np.empty_like(images)
    for i, image in enumerate(images):
        drawn[i] = _outline(image, rng)
        if progress is not None and (i + 1) % _EVERY == 0:
            progress(i + 1, len(images))
    return drawn


def _outline(image: NDArray[np.uint8], rng: np.random.RandomState) -> NDArray[np.uint8]:
    size, border = IMAGE_SIZE * _ZOOM, 2 * _ZOOM
    large = ndimage.zoom(image.astype(np.float32), _ZOOM, order=1)
    large = _bent(np.pad(large, border), rng)
    smoothed = ndimage.gaussian_filter(large, rng.uniform(0.3, 0.8) * _ZOOM)
    mask = smoothed > rng.uniform(12, 45)
    if not mask.any():  # a very dark garment
        return image
    if rng.random_sample() < 0.7:
        mask = ndimage.binary_fill_holes(mask)
    half = 0.5 * LINE_WIDTH * rng.uniform(0.7, 1.4) * _ZOOM
    # distance to the contour, from either side
    inwards, outwards = (ndimage.distance_transform_edt(side) for side in (mask, ~mask))
    lines = (inwards + outwards) <= half + 0.5
    if rng.random_sample() < 0.5:
        inner = ndimage.gaussian_gradient_magnitude(large, 0.6 * _ZOOM)
        inside = inwards > 2 * half
        if inside.any():
            level = np.quantile(inner[inside], rng.uniform(0.75, 0.93))
            lines |= inside & (inner > max(level, 2.0))
    if rng.random_sample() < 0.3:  # gaps
        noise = ndimage.gaussian_filter(rng.standard_normal((size // 8, size // 8)), 0.6)
        blobs = ndimage.zoom(noise, lines.shape[0] / noise.shape[0], order=1)
        lines &= blobs[: lines.shape[0], : lines.shape[1]] < np.quantile(blobs, 0.88)
    tone = rng.uniform(0.3, 1.0) if rng.random_sample() < 0.2 else 0.0
    result = np.where(mask, np.float32(255 * tone), np.float32(0))
    result[lines] = 255
    rows, columns = np.flatnonzero(result.any(axis=1)), np.flatnonzero(result.any(axis=0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    return framed(result[box].astype(np.uint8))


def _bent(large: NDArray[np.float32], rng: np.random.RandomState) -> NDArray[np.float32]:
    """Wobbly, turned and sheared."""
    side = large.shape[0]
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    middle = side / 2
    turn, shear = rng.normal(0, 0.08), rng.normal(0, 0.08)
    aspect = np.exp(rng.normal(0, 0.1))
    u, v = (x - middle) / aspect, y - middle
    u, v = u + shear * v + turn * v, v - turn * u
    amplitude = rng.uniform(0.0, 0.8) * _ZOOM
    for wavelength in (0.7, 0.3):
        for _ in range(2):
            angle, phase = rng.uniform(0, 2 * np.pi, 2)
            along = (np.cos(angle) * x + np.sin(angle) * y) * (2 * np.pi / (wavelength * side))
            wave = amplitude * wavelength * np.sin(along + phase)
            u, v = u + rng.normal() * wave, v + rng.normal() * wave
    if rng.random_sample() < 0.5:  # shoes point both ways
        u = -u
    bent: NDArray[np.float32] = ndimage.map_coordinates(
        large, [v + middle, u + middle], order=1, mode="constant"
    )
    return bent


def with_drawings(
    split: Split, drawings: Drawings, *, seed: int, progress: Progress | None = None
) -> Split:
    """Photographs, and drawings to train on beside them.

    They are made by as many processes as there are processors, which takes minutes, and kept in
    `artifacts/cache/drawings`.

    Parameters
    ----------
    split : Split
        Photographs to outline.
    drawings : {"outlines", "sketches", "doodles"}
        An outline of every photograph; besides, two sketched garments to each; besides, four
        doodles to every three.
    seed : int
    progress : callable, optional
        Called now and then with (drawings done, drawings in all) while they are made; what it
        raises ends the making.

    Returns
    -------
    Split
        The photographs, twice, so that they are not outnumbered too far; then the drawings.
        Labels go to 10, `NON_GARMENT_LABEL`. Indices are the photographs', also those of their
        outlines, and -1.
    """
    kinds = _KINDS[: _KINDS.index(drawings) + 1]
    counts = [_counts(kind, len(split)) for kind in kinds]
    total = sum(map(sum, counts))
    content = hashlib.sha256(split.images.tobytes()).hexdigest()
    images, labels = [split.images, split.images], [split.labels, split.labels]
    begun = before = 0
    for kind, blocks in zip(kinds, counts, strict=True):
        key = hashlib.sha256(f"{_VERSIONS[kind]} {content} {kind} {seed}".encode()).hexdigest()[:16]
        path = paths.artifacts_folder() / "cache" / "drawings" / f"{kind}-{key}.npz"
        try:
            arrays = load_arrays(path)
            made = arrays["images"], arrays["labels"]
        except (FileNotFoundError, ValueError, KeyError):  # none yet, or damaged: made anew
            # every block has a seed, whichever kinds are asked for
            seeds = np.random.SeedSequence(seed).generate_state(begun + len(blocks))[begun:]
            jobs = _jobs(kind, split, blocks, seeds.tolist())
            made = _made(jobs, partial(_tell, progress, before, total))
            buffer = io.BytesIO()
            np.savez(buffer, images=made[0], labels=made[1])
            write_atomic(path, buffer.getvalue())
        images.append(made[0])
        labels.append(made[1])
        begun, before = begun + len(blocks), before + sum(blocks)
    rest = np.full(total - len(split), -1, np.int32)
    return Split(
        split.name,
        np.concatenate(images),
        np.concatenate(labels),
        np.concatenate([split.indices, split.indices, split.indices, rest]),
    )


def _tell(progress: Progress | None, before: int, total: int, done: int) -> None:
    if progress is not None:
        progress(before + done, total)


def _counts(kind: Drawings, photographs: int) -> list[int]:
    """How many drawings of a kind go with so many photographs, in blocks."""
    share = {"outlines": photographs, "sketches": 2 * photographs}
    count = share.get(kind, 4 * photographs // 3)
    return [min(_BLOCK, count - at) for at in range(0, count, _BLOCK)]


@dataclass(frozen=True, eq=False)
class _Job:
    """Blocks of drawings for one process to make.

    `images` and `labels` are the photographs to outline, where that is the kind.
    """

    kind: Drawings
    counts: list[int]
    seeds: list[int]
    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    def make(self) -> _Block:
        """Make them here and now."""
        blocks: list[_Block] = []
        at = 0
        for count, seed in zip(self.counts, self.seeds, strict=True):
            if self.kind == "outlines":
                part = slice(at, at + count)
                blocks.append((outlines(self.images[part], seed=seed), self.labels[part]))
                at += count
            else:
                make = sketched_garments if self.kind == "sketches" else doodles
                blocks.append(make(count, seed=seed))
        images, labels = zip(*blocks, strict=True)
        return np.concatenate(images), np.concatenate(labels)

    def make_elsewhere(self, children: list["subprocess.Popen[bytes]"]) -> _Block:
        """Make them in a process of their own, which is added to `children`."""
        with tempfile.TemporaryDirectory() as folder:
            given, made = Path(folder, "given.npz"), Path(folder, "made.npz")
            np.savez(
                given, counts=self.counts, seeds=self.seeds, images=self.images, labels=self.labels
            )
            # not by multiprocessing, which would run the main module again: an app's script
            child = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "fmnist.data.synthetic.training_drawings",
                    self.kind,
                    str(given),
                    str(made),
                ],
                cwd=paths.PROJECT,
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for the process that asked
            )
            children.append(child)
            _, said = child.communicate()
            if child.returncode != 0:
                reason = said.decode(errors="replace").strip().splitlines()[-1:]
                raise ChildProcessError(f"Drawings could not be made: {' '.join(reason)}")
            arrays = load_arrays(made)
            return arrays["images"], arrays["labels"]


def _jobs(kind: Drawings, split: Split, counts: list[int], seeds: list[int]) -> list[_Job]:
    jobs = []
    for at in range(0, len(counts), _JOB):
        these = slice(at, at + _JOB)
        first = sum(counts[:at])
        part = slice(first, first + sum(counts[these]))
        if kind != "outlines":
            part = slice(0)
        jobs.append(_Job(kind, counts[these], seeds[these], split.images[part], split.labels[part]))
    return jobs


def _made(jobs: list[_Job], progress: Callable[[int], None]) -> _Block:
    """What all jobs make, in their order; a single one is done here, more by several processes."""
    if len(jobs) == 1:
        made = [jobs[0].make()]
        progress(len(made[0][1]))
    else:
        children: list[subprocess.Popen[bytes]] = []
        pool = ThreadPoolExecutor(os.cpu_count())
        try:
            futures = [pool.submit(job.make_elsewhere, children) for job in jobs]
            for _ in as_completed(futures):
                progress(sum(len(f.result()[1]) for f in futures if f.done()))
            made = [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()
            for child in children:
                child.terminate()
            pool.shutdown()
    images, labels = zip(*made, strict=True)
    return np.concatenate(images), np.concatenate(labels)


def _main(kind: Drawings, given: str, made: str) -> None:
    """What `_Job.make_elsewhere` starts."""
    values = load_arrays(Path(given))
    job = _Job(
        kind, values["counts"].tolist(), values["seeds"].tolist(), values["images"],
        values["labels"],
    )  # fmt: skip
    images, labels = job.make()
    np.savez(made, images=images, labels=labels)


if __name__ == "__main__":
    _main(cast(Drawings, sys.argv[1]), *sys.argv[2:])
