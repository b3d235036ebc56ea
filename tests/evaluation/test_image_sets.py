"""Sets of images, and what an address may say instead of one."""

import base64
import zlib

import numpy as np
import pytest

from fmnist.evaluation.image_sets import MAX_TEXT, ImageSet


def packed(content: bytes) -> str:
    return base64.urlsafe_b64encode(zlib.compress(content)).decode().rstrip("=")


def test_a_set_holds_what_it_was_made_of_once_and_sorted() -> None:
    chosen = ImageSet.of("fashion-mnist", "test", [9_999, 7, 8, 7])
    assert chosen.indices.tolist() == [7, 8, 9_999]
    assert len(chosen) == 3
    assert chosen == ImageSet.of("fashion-mnist", "test", (7, 8, 9_999))
    assert hash(chosen) == hash(ImageSet.of("fashion-mnist", "test", (7, 8, 9_999)))


@pytest.mark.parametrize("chosen", [[0], [7], [8], [9_999], range(10_000), range(0, 9_000, 3)])
def test_the_text_says_it_all(chosen: list[int]) -> None:
    made = ImageSet.of("fashion-mnist", "test", chosen)
    assert ImageSet.from_text(str(made)) == made
    assert made.indices.tolist() == list(chosen)


def test_any_half_of_the_test_images_fits_into_two_kilobytes() -> None:
    half = np.random.default_rng(0).permutation(10_000)[:5_000]
    assert len(str(ImageSet.of("fashion-mnist", "test", half))) < 2_000


def test_any_half_of_the_training_images_may_be_read() -> None:
    half = np.random.default_rng(0).permutation(60_000)[:30_000]
    made = ImageSet.of("fashion-mnist", "train", half)
    assert len(str(made)) <= MAX_TEXT
    assert ImageSet.from_text(str(made)) == made


@pytest.mark.parametrize("chosen", [[], [-1], [10_000], [2_000_000_000]])
def test_images_that_cannot_be_are_refused(chosen: list[int]) -> None:
    with pytest.raises(ValueError, match="from 0 to 9,999"):
        ImageSet.of("fashion-mnist", "test", chosen)


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "..", "test", "fashion-mnist.test", "fashion-mnist.test.", "fashion-mnist.test.!",
        "fashion-mnist.test.AAAA",  # not compressed
        f"fashion-mnist.test.{packed(b'')}",  # no image
        f"fashion-mnist.test.{packed(bytes(1250))}",  # again
        f"fashion-mnist.test.{packed(bytes(1250) + b'1')}",  # an image more than there are
        f"fashion-mnist.test.{packed(b'1' * 100_000_000)}",  # a bomb
        f"fashion-mnist.test.{packed(b'1')}AAAA",  # something behind it
        f"fashion-mnist.test.{packed(b'123456')[:-4]}",  # cut off
        f"fashion-mnist.test.{packed(b'1')}.more",
        f"synthetic-garments.test.{packed(bytes(1000) + b'1')}",
        f"mnist.test.{packed(b'1')}", f"fashion-mnist.holdout.{packed(b'1')}",
        "fashion-mnist.test.é", "x" * 1_000_000,
    ],
)  # fmt: skip
def test_hostile_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        ImageSet.from_text(text)
