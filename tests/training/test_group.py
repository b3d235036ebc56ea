"""Several processes train one run: the same as one alone, but for rounding."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch import Tensor, nn

from fmnist.models.layers import Dropout, Share
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run
from fmnist.training.batch_norm import AddUp, SharedBatchNorm2d
from fmnist.training.errors import failure_message
from fmnist.training.follower import Plan, follow
from fmnist.training.group import Group
from fmnist.training.loop import Outcome, TrainingError
from tests.training.group_in_threads import share_work, together
from tests.training.helpers import CONFIG, MANY, reread, run_until, run_whole
from tools.small import small_dataset

# SGD, since Adam divides what rounding leaves of a gradient of 0 by itself
PLAIN = replace(CONFIG, optimizer="sgd", learning_rate=0.05, epochs=2, augmentation=("flip",))


def run_together(root: Path, config: TrainConfig, size: int) -> Run:
    """Train a new run to its end, by so many processes."""
    run = store.create_run(root, config)
    assert go_on_together(run, size) == "finished"
    return reread(run)


def go_on_together(run: Run, size: int, until: int = 10**9) -> Outcome:
    outcome: Outcome = together(size, lambda group: run_until(run, until, "pause", group=group))
    return outcome


def alike(one: Run, other: Run, tolerance: float = 1e-4) -> None:
    """Assert that two runs ended alike, but for rounding."""
    assert one.state == other.state == "finished"
    for path in (one.weights_path, one.last_weights_path):
        left, right = load_file(path), load_file(other.folder / path.name)
        assert left.keys() == right.keys()
        for name, weights in left.items():
            np.testing.assert_allclose(
                right[name], weights, rtol=tolerance, atol=tolerance, err_msg=name
            )
    for name in ("steps", "epochs"):
        pairs = zip(getattr(one.history, name), getattr(other.history, name), strict=True)
        for a, b in pairs:
            named = {k: v for k, v in vars(a).items() if isinstance(v, float)}
            for clock in ("seconds", "images_per_second"):
                named.pop(clock, None)
            for key, value in named.items():
                assert getattr(b, key) == pytest.approx(value, rel=tolerance, abs=tolerance), key


@pytest.mark.parametrize("model", ["fashion-cnn", "lenet-5", "logistic"])
def test_two_processes_learn_what_one_learns(tmp_path: Path, model: str) -> None:
    config = replace(PLAIN, model=model)
    alike(run_whole(tmp_path / "one", config), run_together(tmp_path / "two", config, 2))


def test_shares_may_differ_and_be_empty(tmp_path: Path) -> None:
    # of five images the last batch has two, which is too few for three processes
    config = replace(PLAIN, subset=32, batch_size=5)
    alike(run_whole(tmp_path / "one", config), run_together(tmp_path / "three", config, 3))


def test_batches_are_normalized_over_all_processes(tmp_path: Path) -> None:
    config = replace(PLAIN, subset=101, model="residual-small", epochs=1)
    alike(run_whole(tmp_path / "one", config), run_together(tmp_path / "two", config, 2), 1e-3)


def test_mixed_batches_and_averaged_weights_are_those_of_one_process(tmp_path: Path) -> None:
    more = {"batch_mix": "cutmix", "ema": 0.9, "label_smoothing": 0.1, "model": "lenet-5"}
    config = TrainConfig.from_json(PLAIN.to_json() | more)
    alike(run_whole(tmp_path / "one", config), run_together(tmp_path / "two", config, 2))


@pytest.mark.slow
def test_with_every_option_two_processes_learn_what_one_learns(
    tmp_path: Path, own_artifacts: Path
) -> None:
    config = replace(MANY, precision="float32", optimizer="sgd", learning_rate=0.01)
    alike(run_whole(tmp_path / "one", config), run_together(tmp_path / "two", config, 2), 1e-3)


def test_images_are_selected_by_the_losses_of_all_processes(tmp_path: Path) -> None:
    config = replace(PLAIN, model="lenet-5", epochs=4, epoch_share=0.5)
    alike(run_whole(tmp_path / "one", config), run_together(tmp_path / "two", config, 2))


def test_a_paused_run_goes_on_with_any_number_of_processes(tmp_path: Path) -> None:
    run = store.create_run(tmp_path / "several", PLAIN)
    assert go_on_together(run, 2, until=4) == "paused"  # one step after a log entry
    assert go_on_together(run, 3, until=5) == "paused"
    assert run_until(run, 10**9, "pause") == "finished"
    alike(run_whole(tmp_path / "one", PLAIN), reread(run))


def test_weights_of_two_processes_are_resumed_bit_for_bit(tmp_path: Path) -> None:
    config = replace(CONFIG, model="lenet-5", augmentation=("flip", "shift"))
    undisturbed = run_together(tmp_path / "undisturbed", config, 2)
    run = store.create_run(tmp_path / "disturbed", config)
    assert [go_on_together(run, 2, until=5) for _ in range(2)] == ["paused"] * 2
    assert go_on_together(run, 2) == "finished"
    resumed = reread(run)
    for path in (undisturbed.weights_path, undisturbed.last_weights_path):
        assert (resumed.folder / path.name).read_bytes() == path.read_bytes()
    alike(undisturbed, resumed, 1e-6)  # the sums of losses may be rounded elsewhere


def test_the_log_says_how_many_train(tmp_path: Path) -> None:
    run = run_together(tmp_path, replace(PLAIN, epochs=1, model="logistic"), 2)
    texts = [event.text for event in run.read_events()]
    assert any(text.startswith("Started on 2 processes, each cpu") for text in texts)
    assert run.environment["processes"] == "2"


def test_another_data_set_is_told() -> None:
    other = replace(small_dataset(), checksum="0" * 64)

    class Heard(Group):
        def receive(self) -> bytes:
            return Plan.of(PLAIN, other, None, None).to_bytes()

    with pytest.raises(TrainingError, match="data set of this machine is another"):
        follow(Heard(1, 2), lambda _: small_dataset())


def test_a_process_that_has_ended_is_told_in_a_sentence() -> None:
    error = RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed by peer [::1]:1")
    assert failure_message(error).startswith("Another process of this training ended")


@pytest.mark.parametrize("batch", [0, 1, 2, 3, 7, 128])
def test_shares_are_the_whole_batch_once(batch: int) -> None:
    shares = [Share(rank, 3, batch) for rank in range(3)]
    images = [i for share in shares if share.count for i in range(batch)[share.images]]
    assert images == list(range(batch))
    assert sum(share.count for share in shares) == batch
    assert max(s.count for s in shares) - min(s.count for s in shares) <= 1
    assert all(len(range(128)[share.images]) >= 1 for share in shares)


@pytest.mark.parametrize("channels_last", [False, True])
def test_dropout_of_shares_is_that_of_the_whole_batch(channels_last: bool) -> None:
    form = torch.channels_last if channels_last else torch.contiguous_format
    images = torch.rand(7, 5, 3, 3).to(memory_format=form) + 1

    def masked(share: Share | None) -> Tensor:
        layer = Dropout(0.5)
        layer.generator, layer.share = torch.Generator().manual_seed(3), share
        mine = images if share is None else images[share.images]
        result: Tensor = layer(mine)
        return result

    parts = [masked(Share(rank, 3, 7)) for rank in range(3)]
    assert torch.equal(torch.cat(parts), masked(None))


def test_batch_normalization_over_processes_is_that_of_the_whole_batch() -> None:
    generator = torch.Generator().manual_seed(0)
    # a large mean beside a small spread, where sums of squares lose digits
    images = (
        torch.randn(7, 4, 5, 5, generator=generator) + torch.tensor([0, 1, 20, -9])[:, None, None]
    )
    wanted = torch.randn(images.shape, generator=generator)

    def layer() -> nn.BatchNorm2d:
        norm = nn.BatchNorm2d(4)
        with torch.no_grad():
            norm.weight.copy_(torch.tensor([1.0, 2.0, 3.0, -1.0]))
            norm.bias.fill_(0.5)
        return norm

    def learn(norm: nn.BatchNorm2d, places: slice, counts: bool) -> tuple[Tensor, ...]:
        input = images[places].clone().requires_grad_()
        for _ in range(2):
            output = norm(input)
        (output * wanted[places]).sum().mul(counts).backward()
        assert input.grad is not None and norm.weight.grad is not None
        assert norm.bias.grad is not None
        return output.detach(), input.grad, norm.weight.grad, norm.bias.grad

    alone = layer()
    expected = learn(alone, slice(None), True)

    def work(share: Share, add_up: AddUp) -> tuple[Any, ...]:
        share.batch = 7
        norm = SharedBatchNorm2d(layer(), share, add_up)
        return norm, learn(norm, share.images, not share.is_empty), share.count

    found = share_work(9, work)  # more processes than images
    assert [count for *_, count in found].count(0) == 2
    for place in range(2):
        joined = torch.cat([values[place] for _, values, count in found if count])
        torch.testing.assert_close(joined, expected[place], rtol=1e-4, atol=1e-4)
    for place in range(2, 4):
        total = torch.stack([values[place] for _, values, _ in found]).sum(0)
        torch.testing.assert_close(total, expected[place], rtol=1e-4, atol=1e-4)
    for norm, *_ in found:
        for name, buffer in alone.named_buffers():
            torch.testing.assert_close(norm.get_buffer(name), buffer)
    norm = found[0][0].eval()
    torch.testing.assert_close(norm(images), alone.eval()(images), rtol=1e-4, atol=1e-4)
