"""Drawings to train on: outlines of photographs, sketched garments, sketched non-garments; and
imitated phone photos.

They look like what `fmnist.sketchpad.preprocessing.to_model_input` returns: white lines on black,
as large as the image, of about the same width; of a photo, tones on black. Labels are class
indices, and `NON_GARMENT_LABEL` for non-garments.
"""

import hashlib
import io
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
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
from fmnist.data.synthetic import TrainingDrawings
from fmnist.data.synthetic.non_garments import sketch_non_garment
from fmnist.data.synthetic.phone_photos import phone_photos
from fmnist.data.synthetic.sketches import sketch_garment
from fmnist.data.synthetic.strokes import (
    LINE_WIDTH,
    Drawing,
    jitter_strokes,
    letterbox,
    rasterize,
    truncate_strokes,
)
from fmnist.errors import DamagedFileError
from fmnist.files import load_arrays, write_atomic

NON_GARMENT_LABEL: Final = NUM_CLASSES
"""Label of non-garments: the index after the ten classes."""

_ZOOM: Final = 4  # pixels that an outline is drawn with to an image pixel
_SHIRT: Final = CLASS_NAMES.index("Shirt")
_PROGRESS_STEP: Final = 20  # drawings between two reports of progress
_KINDS: Final[tuple[TrainingDrawings, ...]] = (
    "outlines", "sketches", "non-garments", "phone-photos",
)  # fmt: skip
_OF_PHOTOGRAPHS: Final[tuple[TrainingDrawings, ...]] = ("outlines", "phone-photos")
"""Kinds that are made of the photographs, one of each."""
_BLOCK_SIZE: Final = 1_000  # drawings that share a seed
_JOB_SIZE: Final = 10  # blocks that one process generates
# part of the cache's file names; add one whenever the same seed gives other drawings
_VERSIONS: Final[Mapping[TrainingDrawings, int]] = {
    "outlines": 1, "sketches": 3, "non-garments": 3, "phone-photos": 1,
}  # fmt: skip

Progress = Callable[[int, int], None]
_Block: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.uint8]]  # images and their labels


def _rasterize(drawing: Drawing, rng: random.Random) -> NDArray[np.uint8]:
    """Jitter and draw, now and then truncated or filled, at the widths after preprocessing."""
    drawn = jitter_strokes(drawing, rng, jitter=rng.uniform(0.3, 1.5))
    if rng.random() < 0.12:
        drawn = truncate_strokes(drawn, rng.uniform(0.55, 0.95))
    return rasterize(
        drawn,
        width=LINE_WIDTH * rng.uniform(0.75, 1.35),
        size=IMAGE_SIZE - (rng.uniform(0.0, 4.0) if rng.random() < 0.2 else 0.0),
        fill=rng.uniform(0.3, 1.0) if rng.random() < 0.15 else 0.0,
    )


def sketched_garments(
    count: int, *, seed: int, progress: Progress | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw garments as people sketch them, class after class; Shirt half as often as the others.

    A sketched shirt and a sketched jacket are often the same drawing, and those who draw it mean a
    jacket more often.

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
    generators = [partial(sketch_garment, label, rng) for label in labels.tolist()]
    return _rasterize_all(generators, rng, progress), labels


def sketched_non_garments(
    count: int, *, seed: int, progress: Progress | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw other things as people sketch them.

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
    rng = random.Random(f"doodles {seed}")  # any other text would draw other images
    labels = np.full(count, NON_GARMENT_LABEL, np.uint8)
    return _rasterize_all([partial(sketch_non_garment, rng)] * count, rng, progress), labels


def _rasterize_all(
    generators: Sequence[Callable[[], Drawing]], rng: random.Random, progress: Progress | None
) -> NDArray[np.uint8]:
    images = np.empty((len(generators), IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    for i, generate in enumerate(generators):
        images[i] = _rasterize(generate(), rng)
        if progress is not None and (i + 1) % _PROGRESS_STEP == 0:
            progress(i + 1, len(generators))
    return images


def outlines(
    images: NDArray[np.uint8], *, seed: int, progress: Progress | None = None
) -> NDArray[np.uint8]:
    """Make line drawings from photographs.

    Each is the contour of a garment, thin or thick, bent and sheared as by hand. Some also have
    the edges inside, some are filled with a tone, some have gaps.

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
        if progress is not None and (i + 1) % _PROGRESS_STEP == 0:
            progress(i + 1, len(images))
    return drawn


def _outline(image: NDArray[np.uint8], rng: np.random.RandomState) -> NDArray[np.uint8]:
    size, border = IMAGE_SIZE * _ZOOM, 2 * _ZOOM
    large = ndimage.zoom(image.astype(np.float32), _ZOOM, order=1)
    large = _warp(np.pad(large, border), rng)
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
    return letterbox(result[box].astype(np.uint8))


def _warp(large: NDArray[np.float32], rng: np.random.RandomState) -> NDArray[np.float32]:
    """Distort by waves, rotation and shear."""
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
    warped: NDArray[np.float32] = ndimage.map_coordinates(
        large, [v + middle, u + middle], order=1, mode="constant"
    )
    return warped


def with_drawings(
    split: Split, drawings: TrainingDrawings, *, seed: int, progress: Progress | None = None
) -> Split:
    """Add drawings to photographs, to train on both.

    All processors generate them, which takes minutes; they are cached in
    `artifacts/cache/drawings`.

    Parameters
    ----------
    split : Split
        Photographs.
    drawings : {"outlines", "sketches", "non-garments", "phone-photos"}
        "outlines" adds an outline of every photograph; "sketches" also adds two sketched garments
        per photograph; "non-garments" also adds two sketched non-garments per photograph;
        "phone-photos" also adds an imitated phone photo per photograph.
    seed : int
    progress : callable, optional
        Called now and then with (drawings done, drawings in all) while they are generated; an
        exception that it raises ends the work.

    Returns
    -------
    Split
        The photographs twice, so that drawings do not outnumber them too far; then the drawings.
        Labels go up to `NON_GARMENT_LABEL`. `indices` are those of the photographs, also for their
        outlines; -1 for sketches.
    """
    kinds = _KINDS[: _KINDS.index(drawings) + 1]
    sizes = [_block_sizes(kind, len(split)) for kind in kinds]
    total = sum(map(sum, sizes))
    content = hashlib.sha256(split.images.tobytes()).hexdigest()
    images, labels = [split.images, split.images], [split.labels, split.labels]
    first_block = done_before = 0
    for kind, blocks in zip(kinds, sizes, strict=True):
        key = hashlib.sha256(f"{_VERSIONS[kind]} {content} {kind} {seed}".encode()).hexdigest()[:16]
        path = paths.artifacts_folder() / "cache" / "drawings" / f"{kind}-{key}.npz"
        try:
            generated = _read_block(path, sum(blocks))
        except (OSError, DamagedFileError):  # absent or damaged: generate
            # a block's seed does not depend on which kinds are asked for
            last_block = first_block + len(blocks)
            seeds = np.random.SeedSequence(seed).generate_state(last_block)[first_block:]
            jobs = _jobs(kind, split, blocks, seeds.tolist())
            generated = _run_jobs(jobs, partial(_report, progress, done_before, total))
            buffer = io.BytesIO()
            np.savez(buffer, images=generated[0], labels=generated[1])
            write_atomic(path, buffer.getvalue(), make_folder=True)
        images.append(generated[0])
        labels.append(generated[1])
        first_block, done_before = first_block + len(blocks), done_before + sum(blocks)
    no_index = np.full(total - len(split), -1, np.int32)
    return Split(
        split.name,
        np.concatenate(images),
        np.concatenate(labels),
        np.concatenate([split.indices, split.indices, split.indices, no_index]),
    )


def _read_block(path: Path, count: int) -> _Block:
    """A cached file of so many drawings and their labels."""
    arrays = load_arrays(path, ("images", "labels"), max_bytes=count * (IMAGE_SIZE**2 + 1))
    images, labels = arrays["images"], arrays["labels"]
    fits = (
        images.dtype == labels.dtype == np.uint8
        and images.shape == (count, IMAGE_SIZE, IMAGE_SIZE)
        and labels.shape == (count,)
        and bool(np.all(labels <= NON_GARMENT_LABEL))
    )
    if not fits:
        raise DamagedFileError(f"the arrays in {path.name} do not fit together.")
    return images, labels


def _report(progress: Progress | None, before: int, total: int, done: int) -> None:
    if progress is not None:
        progress(before + done, total)


def _block_sizes(kind: TrainingDrawings, photographs: int) -> list[int]:
    """How many drawings of a kind each block has, for a number of photographs."""
    count = photographs if kind in _OF_PHOTOGRAPHS else 2 * photographs
    return [min(_BLOCK_SIZE, count - at) for at in range(0, count, _BLOCK_SIZE)]


@dataclass(frozen=True, eq=False)
class _Job:
    """Blocks of drawings for one process to generate.

    `images` and `labels` are the photographs to make them of; empty for the other kinds.
    """

    kind: TrainingDrawings
    counts: list[int]
    seeds: list[int]
    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    def run(self) -> _Block:
        """Generate them in this process."""
        blocks: list[_Block] = []
        at = 0
        for count, seed in zip(self.counts, self.seeds, strict=True):
            part = slice(at, at + count)
            at += count
            if self.kind == "outlines":
                blocks.append((outlines(self.images[part], seed=seed), self.labels[part]))
            elif self.kind == "phone-photos":
                blocks.append(phone_photos(self.images[part], self.labels[part], seed=seed))
            else:
                draw = sketched_garments if self.kind == "sketches" else sketched_non_garments
                blocks.append(draw(count, seed=seed))
        images, labels = zip(*blocks, strict=True)
        return np.concatenate(images), np.concatenate(labels)

    def run_in_child(self, children: list["subprocess.Popen[bytes]"]) -> _Block:
        """Generate them in a new process, which is added to `children`."""
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "source.npz"), Path(folder, "target.npz")
            np.savez(
                source, counts=self.counts, seeds=self.seeds, images=self.images, labels=self.labels
            )
            # not by multiprocessing: that runs the main module again, which is the app's script
            child = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "fmnist.data.synthetic.training_drawings",
                    self.kind,
                    str(source),
                    str(target),
                ],
                cwd=paths.PROJECT,
                stderr=subprocess.PIPE,
                start_new_session=True,  # so that Ctrl-C ends the parent only
            )
            children.append(child)
            _, errors = child.communicate()
            if child.returncode != 0:
                reason = errors.decode(errors="replace").strip().splitlines()[-1:]
                raise ChildProcessError(f"Drawings could not be generated: {' '.join(reason)}")
            arrays = load_arrays(target)
            return arrays["images"], arrays["labels"]


def _jobs(kind: TrainingDrawings, split: Split, counts: list[int], seeds: list[int]) -> list[_Job]:
    jobs = []
    for at in range(0, len(counts), _JOB_SIZE):
        blocks = slice(at, at + _JOB_SIZE)
        first = sum(counts[:at])
        part = slice(first, first + sum(counts[blocks]))
        if kind not in _OF_PHOTOGRAPHS:
            part = slice(0)
        images, labels = split.images[part], split.labels[part]
        jobs.append(_Job(kind, counts[blocks], seeds[blocks], images, labels))
    return jobs


def _run_jobs(jobs: list[_Job], progress: Callable[[int], None]) -> _Block:
    """Run all jobs and join their drawings in order; a single job runs in this process."""
    if len(jobs) == 1:
        results = [jobs[0].run()]
        progress(len(results[0][1]))
    else:
        children: list[subprocess.Popen[bytes]] = []
        pool = ThreadPoolExecutor(os.cpu_count())
        try:
            futures = [pool.submit(job.run_in_child, children) for job in jobs]
            for _ in as_completed(futures):
                progress(sum(len(f.result()[1]) for f in futures if f.done()))
            results = [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()
            for child in children:
                child.terminate()
            pool.shutdown()
    images, labels = zip(*results, strict=True)
    return np.concatenate(images), np.concatenate(labels)


def _child(kind: TrainingDrawings, source: str, target: str) -> None:
    """Run one job in the process that `_Job.run_in_child` starts."""
    values = load_arrays(Path(source))
    job = _Job(
        kind, values["counts"].tolist(), values["seeds"].tolist(), values["images"],
        values["labels"],
    )  # fmt: skip
    images, labels = job.run()
    np.savez(target, images=images, labels=labels)


if __name__ == "__main__":
    _child(cast(TrainingDrawings, sys.argv[1]), *sys.argv[2:])
