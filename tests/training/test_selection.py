"""Which images an epoch shows, and what their losses weigh."""

import torch

from fmnist.training.selection import choose_images, epoch_size


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_all_images_are_shuffled_as_ever() -> None:
    order, weights = choose_images(
        torch.rand(50), torch.zeros(50, dtype=torch.int64), 1.0, generator()
    )
    assert torch.equal(order, torch.randperm(50, generator=generator()))
    assert torch.equal(weights, torch.ones(50))


def test_the_hardest_are_shown_and_a_sample_of_the_rest() -> None:
    losses = torch.arange(100.0)
    order, weights = choose_images(losses, torch.ones(100, dtype=torch.int64), 0.5, generator())
    assert len(order) == len(set(order.tolist())) == 50
    assert set(range(70, 100)) <= set(order.tolist())  # 0.6 of 50
    assert not torch.equal(order.sort(descending=True).values, order)
    rest = [image for image in order.tolist() if image < 70]
    assert len(rest) == 20 and max(rest) - min(rest) > 30
    # 20 images count for 70, and the mean weight is 1
    assert torch.allclose(weights[70:], torch.tensor(0.5))
    assert torch.allclose(weights[rest], torch.tensor(0.5 * 70 / 20))
    assert abs(weights[order].mean().item() - 1) < 1e-6


def test_of_the_rest_those_shown_least_come_first() -> None:
    losses, shown = torch.arange(100.0), torch.ones(100, dtype=torch.int64)
    shown[:60] += 1
    order, _ = choose_images(losses, shown, 0.5, generator())
    rest = {image for image in order.tolist() if image < 70}
    assert rest > set(range(60, 70)) and len(rest) == 20


def test_the_weighted_mean_is_that_of_all_images() -> None:
    losses = torch.rand(200, generator=generator())
    shown = torch.zeros(200, dtype=torch.int64)
    means = []
    for seed in range(300):
        order, weights = choose_images(losses, shown, 0.4, generator(seed))
        means.append((losses[order] * weights[order]).mean())
    assert abs(torch.stack(means).mean() - losses.mean()) < 0.005


def test_at_least_one_image() -> None:
    assert (epoch_size(55_000, 0.5), epoch_size(10, 0.01)) == (27_500, 1)
    order, weights = choose_images(
        torch.rand(10), torch.zeros(10, dtype=torch.int64), 0.01, generator()
    )
    assert len(order) == 1 and weights.isfinite().all()
