"""Drawings to train on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fmnist.data.splits import Split
from fmnist.data.synthetic import training_drawings as drawings
from fmnist.data.synthetic.garments import draw_garments
from fmnist.data.synthetic.training_drawings import (
    NON_GARMENT_LABEL,
    outlines,
    sketched_garments,
    sketched_non_garments,
    with_drawings,
)
from fmnist.files import load_arrays


@pytest.fixture(scope="module")
def garments() -> NDArray[np.uint8]:
    return draw_garments(60, seed=0)[0]


def share_filling_the_image(images: NDArray[np.uint8]) -> float:
    """Share of drawings that reach across the image, or nearly so."""
    lit = images > 40
    sizes = np.stack([lit.any(axis=axis).sum(axis=1) for axis in (1, 2)]).max(axis=0)
    return float((sizes >= 22).mean())


def test_sketched_garments_in_turn_and_again() -> None:
    images, labels = sketched_garments(40, seed=5)
    assert images.shape == (40, 28, 28) and images.dtype == np.uint8
    turn = [*range(10), 0, 1, 2, 3, 4, 5, 7, 8, 9]
    assert labels.tolist() == [*turn, *turn, 0, 1]
    assert (images == sketched_garments(40, seed=5)[0]).all()
    assert (images != sketched_garments(40, seed=6)[0]).any(axis=(1, 2)).all()
    assert share_filling_the_image(images) == 1.0
    assert 0.03 < (images > 127).mean() < 0.5  # lines, mostly


def test_sketched_non_garments_have_their_label() -> None:
    seen: list[tuple[int, int]] = []
    images, labels = sketched_non_garments(
        500, seed=0, progress=lambda done, total: seen.append((done, total))
    )
    assert set(labels.tolist()) == {NON_GARMENT_LABEL}
    assert (images == sketched_non_garments(500, seed=0)[0]).all()
    # some are cut short, or end in specks that the pen leaves too faint to count
    assert share_filling_the_image(images) > 0.95
    assert seen == [(done, 500) for done in range(20, 501, 20)]


def test_outlines_are_lines_around_the_garment(garments: NDArray[np.uint8]) -> None:
    drawn = outlines(garments, seed=0)
    assert drawn.shape == garments.shape and drawn.dtype == np.uint8
    assert (drawn == outlines(garments, seed=0)).all()
    assert share_filling_the_image(drawn) == 1.0
    # most are hollow: far fewer lit pixels than the garment has
    share = (drawn > 127).mean(axis=(1, 2)) / (garments > 40).mean(axis=(1, 2))
    assert np.median(share) < 0.7
    assert (share > 0.9).any()  # some are filled


def test_nothing_to_outline_stays() -> None:
    assert not outlines(np.zeros((2, 28, 28), np.uint8), seed=0).any()


@pytest.fixture
def photographs(
    garments: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Split:
    """Synthetic garments as photographs; the cache is in a new folder."""
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path))
    count = len(garments)
    labels = (np.arange(count) % 10).astype(np.uint8)
    return Split("train", garments, labels, np.arange(100, 100 + count, dtype=np.int32))


@pytest.mark.parametrize(("option", "per_photograph"), [("outlines", 1), ("sketches", 3)])
def test_photographs_come_first_and_twice_then_their_outlines(
    photographs: Split, option: Any, per_photograph: int
) -> None:
    count = len(photographs)
    both = with_drawings(photographs, option, seed=3)
    assert len(both) == (2 + per_photograph) * count
    for part in (slice(count), slice(count, 2 * count)):
        assert (both.images[part] == photographs.images).all()
    for part in (slice(count), slice(count, 2 * count), slice(2 * count, 3 * count)):
        assert (both.labels[part] == photographs.labels).all()
        assert (both.indices[part] == photographs.indices).all()
    assert (both.indices[3 * count :] == -1).all()
    assert both.labels.max() < NON_GARMENT_LABEL


def test_more_kinds_begin_with_the_same_drawings(
    photographs: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = with_drawings(photographs, "non-garments", seed=3)
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path / "elsewhere"))
    fewer = with_drawings(photographs, "sketches", seed=3)
    assert (every.images[: len(fewer)] == fewer.images).all()
    assert (every.labels[: len(fewer)] == fewer.labels).all()


def test_non_garments_are_a_class_of_their_own_and_come_last(photographs: Split) -> None:
    count = len(photographs)
    both = with_drawings(photographs, "non-garments", seed=3)
    assert len(both) == 7 * count
    assert (both.labels[: 5 * count] < NON_GARMENT_LABEL).all()
    assert (both.labels[5 * count :] == NON_GARMENT_LABEL).all()


def test_drawings_are_made_once_and_again_where_the_file_is_damaged(
    photographs: Split, tmp_path: Path
) -> None:
    asked: list[int] = []
    first = with_drawings(
        photographs, "sketches", seed=3, progress=lambda done, _: asked.append(done)
    )
    assert asked[-1] == 3 * len(photographs)
    again = with_drawings(
        photographs, "sketches", seed=3, progress=lambda done, _: asked.append(-1)
    )
    assert -1 not in asked
    assert (first.images == again.images).all() and (first.labels == again.labels).all()
    kept = sorted((tmp_path / "cache" / "drawings").iterdir())
    assert [path.name.partition("-")[0] for path in kept] == ["outlines", "sketches"]
    good = load_arrays(kept[1])
    for damage in (
        {"images": good["images"][1:], "labels": good["labels"][1:]},
        {"images": good["images"].astype(np.float32)},
        {"images": good["images"][:, 1:]},
        {"labels": np.full_like(good["labels"], 11)},
    ):
        np.savez(kept[1], **(good | damage))
        assert (with_drawings(photographs, "sketches", seed=3).labels == first.labels).all()
        assert (load_arrays(kept[1])["images"] == good["images"]).all()
    kept[1].write_bytes(kept[1].read_bytes()[:1000])
    assert (with_drawings(photographs, "sketches", seed=3).images == first.images).all()
    assert (with_drawings(photographs, "sketches", seed=4).images != first.images).any()
    assert len(list(kept[0].parent.iterdir())) == 4


def test_what_progress_raises_ends_the_making(photographs: Split, tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    def stop(_done: int, _total: int) -> None:
        raise Enough

    with pytest.raises(Enough):
        with_drawings(photographs, "non-garments", seed=3, progress=stop)
    assert not (tmp_path / "cache").exists()


def test_several_processes_make_the_same_drawings(
    photographs: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawings, "_BLOCK_SIZE", 20)
    here = with_drawings(photographs, "sketches", seed=3)  # 3 and 6 blocks
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path / "elsewhere"))
    monkeypatch.setattr(drawings, "_JOB_SIZE", 4)
    asked: list[int] = []
    there = with_drawings(
        photographs, "sketches", seed=3, progress=lambda done, _: asked.append(done)
    )
    assert (here.images == there.images).all() and (here.labels == there.labels).all()
    assert asked[-1] == 180 and asked == sorted(asked)


def test_a_process_that_fails_says_why(photographs: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawings, "_BLOCK_SIZE", 20)
    monkeypatch.setattr(drawings, "_JOB_SIZE", 1)
    monkeypatch.setattr(drawings, "_KINDS", ("outlines", "sketches"))
    broken = Split("train", photographs.images[:, :, :5], photographs.labels, photographs.indices)
    with pytest.raises(ChildProcessError, match="Drawings could not be generated: "):
        with_drawings(broken, "outlines", seed=3)
