"""Swift's networks take images of reduced size."""

import pytest
import torch
from torch import nn

from fmnist.models.networks.swift import FlatSwift, GridMaxPool2d, Swift


@pytest.mark.parametrize("side", [12, 16, 20, 24, 28])
def test_images_of_reduced_size_give_logits(side: int) -> None:
    images = torch.zeros(2, 1, side, side)
    assert FlatSwift().eval()(images).shape == Swift().eval()(images).shape == (2, 10)


@pytest.mark.parametrize("side", [3, 4, 5, 6, 7, 8])
def test_the_grid_covers_a_map_and_is_symmetric(side: int) -> None:
    pool = GridMaxPool2d()
    found = []
    for place in range(side):
        column = torch.zeros(1, 1, side, side)
        column[..., place] = 1
        seen = pool(column)
        assert seen.shape == (1, 1, 3, 3)
        found.append(seen[0, 0, 0])
    covered = torch.stack(found)  # (side, 3)
    assert (covered.sum(1) >= 1).all()
    assert torch.equal(covered, covered.flip(0, 1))


def test_full_images_are_pooled_three_by_three_with_stride_two() -> None:
    maps = torch.randn(2, 4, 7, 7, generator=torch.Generator().manual_seed(0))
    assert torch.equal(GridMaxPool2d()(maps), nn.MaxPool2d(3, 2)(maps))
