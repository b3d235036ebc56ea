"""Images changed at random, and mixed in pairs."""

from typing import get_args

import numpy as np
import pytest
import torch

from fmnist.data.synthetic.garments import draw_garments
from fmnist.runs.config import Augmenter
from fmnist.training.augmentation import CUT_OUT, ERASED, augment, mix

IMAGES = torch.tensor(draw_garments(200, seed=3)[0])


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_none_leaves_images_and_generator() -> None:
    drawn = generator()
    before = drawn.get_state()
    assert augment(IMAGES, (), drawn) is IMAGES
    assert torch.equal(drawn.get_state(), before)


def test_flip_mirrors_about_half() -> None:
    result = augment(IMAGES, ("flip",), generator())
    same = (result == IMAGES).all(dim=(1, 2))
    mirrored = (result == IMAGES.flip(2)).all(dim=(1, 2))
    assert bool((same | mirrored).all())
    assert 70 < int((mirrored & ~same).sum()) < 130


@pytest.mark.parametrize("most", [2, 4])
def test_flip_shift_moves_each_by_up_to_so_many_pixels_either_way(most: int) -> None:
    dot = torch.zeros(2000, 28, 28, dtype=torch.uint8)
    dot[:, 13, 10] = 255
    result = augment(dot, ("flip", "shift"), generator(), shift_pixels=most).numpy()
    image, rows, columns = np.nonzero(result)
    assert np.array_equal(image, np.arange(2000))  # one dot each: nothing is lost or doubled
    assert set(rows) == set(range(13 - most, 13 + most + 1))
    left, right = set(range(10 - most, 10 + most + 1)), set(range(17 - most, 17 + most + 1))
    assert set(columns) == left | right


def test_black_comes_in_at_the_edges() -> None:
    result = augment(
        torch.full((500, 28, 28), 9, dtype=torch.uint8), ("flip", "shift"), generator()
    )
    rims = result[:, 0, 14], result[:, -1, 14], result[:, 14, 0], result[:, 14, -1]
    assert all(set(rim.tolist()) == {0, 9} for rim in rims)
    assert bool((result[:, 2:-2, 2:-2] == 9).all())


def test_the_generator_decides_and_the_images_stay() -> None:
    before = IMAGES.clone()
    first = augment(IMAGES, ("flip", "shift"), generator(1))
    assert torch.equal(first, augment(IMAGES, ("flip", "shift"), generator(1)))
    assert not torch.equal(first, augment(IMAGES, ("flip", "shift"), generator(2)))
    assert torch.equal(IMAGES, before)


@pytest.mark.parametrize("name", get_args(Augmenter))
def test_every_augmenter_changes_images_each_on_its_own(name: Augmenter) -> None:
    same = IMAGES[:1].expand(200, 28, 28)
    result = augment(same, (name,), generator())
    assert (result.shape, result.dtype) == (same.shape, torch.uint8)
    assert len({image.numpy().tobytes() for image in result}) > (1 if name == "flip" else 20)
    assert torch.equal(result, augment(same, (name,), generator()))


def test_rotation_turns_about_the_middle_by_up_to_15_degrees() -> None:
    bar = torch.zeros(500, 28, 28, dtype=torch.uint8)
    bar[:, 13:15, 2:26] = 255
    rows, columns = np.mgrid[:28, :28] - 13.5
    turned = augment(bar, ("rotate",), generator()).numpy().astype(float)
    # the angle of the bar's main axis, from its second moments
    spread = [(turned * a * b).sum((1, 2)) for a, b in ((columns, columns), (rows, rows))]
    angles = (
        np.rad2deg(np.arctan2(2 * (turned * rows * columns).sum((1, 2)), spread[0] - spread[1])) / 2
    )
    assert -15.5 < angles.min() < -13 and 13 < angles.max() < 15.5
    assert (
        np.abs((turned * rows).sum((1, 2)) / turned.sum((1, 2))).max() < 0.1
    )  # stays in the middle


def test_rand_leaves_some_images_and_pushes_none_out() -> None:
    many = IMAGES.repeat(5, 1, 1)
    result = augment(many, ("rand",), generator())
    untouched = (result == many).all(dim=(1, 2)).float().mean()
    assert 0.005 < float(untouched) < 0.2
    light = result.float().mean(dim=(1, 2)) / many.float().mean(dim=(1, 2))
    assert float(light.min()) > 0.4 and float(light.max()) < 2


def test_erasing_puts_noise_in_a_rectangle_of_half_of_the_images() -> None:
    result = augment(torch.zeros(2000, 28, 28, dtype=torch.uint8), ("erase",), generator())
    rows, columns = (result > 0).any(2).sum(1), (result > 0).any(1).sum(1)
    erased = rows > 0
    assert 900 < int(erased.sum()) < 1100
    area = (rows * columns)[erased] / 28**2
    # the rectangle's sides are not whole pixels
    assert ERASED[0] * 0.4 < float(area.min()) and float(area.max()) < ERASED[1] * 1.2
    for image, height, width in zip(result[erased], rows[erased], columns[erased], strict=True):
        inside = image[(image > 0).any(1)][:, (image > 0).any(0)]
        assert inside.shape == (height, width)
        assert float((inside > 0).float().mean()) > 0.8


def test_cutout_fills_a_square_of_every_image_that_the_edge_may_cut_off() -> None:
    black = torch.zeros(2000, 28, 28, dtype=torch.uint8)
    result = augment(black, ("cutout",), generator(), cutout_side=10)
    assert set(result.flatten().tolist()) == {0, CUT_OUT}
    rows, columns = (result > 0).any(2).sum(1), (result > 0).any(1).sum(1)
    assert torch.equal((result > 0).sum((1, 2)), rows * columns)  # one rectangle each
    # a center at the first or last pixel leaves half of the side inside
    assert (int(rows.min()), int(rows.max())) == (int(columns.min()), int(columns.max())) == (5, 10)
    centers = 28 * 28 - (rows < 10).logical_or(columns < 10).sum() / 2000 * 28 * 28
    assert float(centers) == pytest.approx(19 * 19, rel=0.1)  # where the whole square fits
    assert bool((augment(black, ("cutout",), generator(), cutout_side=28) > 0).any((1, 2)).all())


def pairs(
    batch_mix: str | None, probability: float = 1.0, seed: int = 0
) -> tuple[torch.Tensor, ...]:
    """Images that are each of one value, mixed."""
    values = torch.arange(8.0).view(8, 1, 1, 1).expand(8, 1, 28, 28)
    return values, *mix(values, batch_mix, probability, generator(seed))  # type: ignore[arg-type]


def test_mixup_adds_images_by_their_weight() -> None:
    values, mixed, partners, weight = pairs("mixup")
    assert 0 < float(weight) < 1
    torch.testing.assert_close(mixed, weight * values + (1 - weight) * values[partners])


def test_cutmix_puts_a_rectangle_of_another_image_that_is_its_weight() -> None:
    weights = []
    for seed in range(50):
        values, mixed, partners, weight = pairs("cutmix", seed=seed)
        taken = mixed != values
        for image, (own, other) in enumerate(zip(range(8), partners.tolist(), strict=True)):
            assert set(mixed[image].flatten().tolist()) <= {own, other}
            if own != other:
                assert float(taken[image].float().mean()) == pytest.approx(1 - float(weight))
        rows, columns = taken[:, 0].any(0).any(1), taken[:, 0].any(0).any(0)
        assert int(rows.sum() * columns.sum()) == round(784 * (1 - float(weight)))  # one rectangle
        weights.append(float(weight))
    assert min(weights) < 0.3 and max(weights) > 0.9


def test_a_share_of_the_batches_is_mixed() -> None:
    weights = [float(pairs("mixup", 0.3, seed)[3]) for seed in range(300)]
    assert 60 < sum(weight < 1 for weight in weights) < 120
    values, mixed, _, weight = pairs(None)
    assert mixed is values and float(weight) == 1
