"""The state of a training: what it holds, and that it can be saved and loaded."""

from dataclasses import replace

import torch

from fmnist.training.state import RunningSums, Totals, TrainState
from tests.training.helpers import CONFIG

CPU = torch.device("cpu")
SMALL = replace(CONFIG, model="logistic", ema=0.9)


def test_the_batches_of_an_epoch_show_every_image_once() -> None:
    state = TrainState.create(SMALL, images=200, device=CPU)
    batches = list(state.remaining_batches())
    assert [len(batch) for batch in batches] == [32] * 6 + [8]
    assert sorted(torch.cat(batches).tolist()) == list(range(200))
    state.batch = 5
    again = list(state.remaining_batches())
    assert [batch.tolist() for batch in again] == [batch.tolist() for batch in batches[5:]]
    state.begin_next_epoch()
    assert (state.epoch, state.step) == (2, 7)
    assert next(state.remaining_batches()).tolist() != batches[0].tolist()


def test_a_loaded_state_is_the_saved_one() -> None:
    state = TrainState.create(SMALL, images=200, device=CPU)
    images = torch.rand(4, 1, 28, 28)
    for _ in range(3):
        state.model(images).sum().backward()
        state.optimizer.step()
        assert state.average
        state.average.update_parameters(state.model)
        state.batch += 1
    state.recent.add(torch.tensor(2.0), torch.tensor(3), 4)
    state.totals = Totals(1.5, 2, 3)
    torch.rand(5, generator=state.augmentation_generator)
    torch.rand(5, generator=state.dropout_generator)
    state.begun -= 100
    saved = state.state_dict()
    loaded = TrainState.create(replace(SMALL, seed=8), images=200, device=CPU)
    loaded.load_state_dict(saved)
    again = loaded.state_dict()
    for clock in ("seconds", "epoch_seconds"):
        assert 0 <= again.pop(clock) - saved.pop(clock) < 60
    assert str(again) == str(saved)  # floats of a tensor are shown to few digits
    for name, tensor in saved["model"].items():
        assert torch.equal(tensor, again["model"][name])
        assert torch.equal(saved["average"][f"module.{name}"], again["average"][f"module.{name}"])
    assert (loaded.step, loaded.seconds > 100) == (3, True)


def test_sums_begin_again_once_taken() -> None:
    sums = RunningSums(CPU)
    sums.add(torch.tensor(0.5), torch.tensor(3), 4)
    sums.add(torch.tensor(1.0), torch.tensor(1), 2)
    assert sums.take() == Totals(loss=4.0, correct=4, images=6)
    assert sums.take() == Totals()
