"""Mirrored and moved images."""

import numpy as np
import torch

from fmnist.augmentation import SHIFT, augment
from fmnist.garments import draw_garments

IMAGES = torch.tensor(draw_garments(200, seed=3)[0])


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_none_leaves_images_and_generator() -> None:
    drawn = generator()
    before = drawn.get_state()
    assert augment(IMAGES, "none", drawn) is IMAGES
    assert torch.equal(drawn.get_state(), before)


def test_flip_mirrors_about_half() -> None:
    result = augment(IMAGES, "flip", generator())
    same = (result == IMAGES).all(dim=(1, 2))
    mirrored = (result == IMAGES.flip(2)).all(dim=(1, 2))
    assert bool((same | mirrored).all())
    assert 70 < int((mirrored & ~same).sum()) < 130


def test_flip_shift_moves_each_by_up_to_two_pixels_either_way() -> None:
    dot = torch.zeros(2000, 28, 28, dtype=torch.uint8)
    dot[:, 13, 10] = 255
    result = augment(dot, "flip-shift", generator()).numpy()
    image, rows, columns = np.nonzero(result)
    assert np.array_equal(image, np.arange(2000))  # one dot each: nothing is lost or doubled
    assert set(rows) == set(range(13 - SHIFT, 13 + SHIFT + 1))
    left, right = set(range(10 - SHIFT, 10 + SHIFT + 1)), set(range(17 - SHIFT, 17 + SHIFT + 1))
    assert set(columns) == left | right


def test_black_comes_in_at_the_edges() -> None:
    result = augment(torch.full((500, 28, 28), 9, dtype=torch.uint8), "flip-shift", generator())
    rims = result[:, 0, 14], result[:, -1, 14], result[:, 14, 0], result[:, 14, -1]
    assert all(set(rim.tolist()) == {0, 9} for rim in rims)
    assert bool((result[:, SHIFT:-SHIFT, SHIFT:-SHIFT] == 9).all())


def test_the_generator_decides_and_the_images_stay() -> None:
    before = IMAGES.clone()
    first = augment(IMAGES, "flip-shift", generator(1))
    assert torch.equal(first, augment(IMAGES, "flip-shift", generator(1)))
    assert not torch.equal(first, augment(IMAGES, "flip-shift", generator(2)))
    assert torch.equal(IMAGES, before)
