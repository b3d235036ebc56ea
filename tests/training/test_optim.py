"""Optimizer, averaged weights, number format."""

from pathlib import Path

import pytest
import torch
from torch.optim.swa_utils import AveragedModel

from fmnist.evaluation.predictions import evaluate
from fmnist.models.classifier import Classifier
from fmnist.reports.text import trained_on
from fmnist.runs.config import TrainConfig
from fmnist.training import optim, recorder
from fmnist.training.group import default_device
from tests.training.helpers import CONFIG, run_whole
from tools.small import small_dataset


def test_norms_and_biases_do_not_decay() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    config = TrainConfig(optimizer="adamw", weight_decay=0.5, learning_rate=0.1)
    optimizer = optim.create_optimizer(model, config)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    before = [p.detach().clone() for p in model.parameters()]
    optimizer.step()
    shrunk = [not torch.equal(old, p) for old, p in zip(before, model.parameters(), strict=True)]
    assert shrunk == [True, False, False, False]


def test_averaged_weights_are_measured_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[dict[str, torch.Tensor]] = []
    update = AveragedModel.update_parameters

    def remember(average: AveragedModel, model: torch.nn.Module) -> None:
        for network in (model,) if steps else (average.module, model):
            steps.append({k: v.clone() for k, v in network.state_dict().items()})
        update(average, model)

    monkeypatch.setattr(AveragedModel, "update_parameters", remember)
    config = TrainConfig.from_json(CONFIG.to_json() | {"ema": 0.7, "epochs": 1})
    run = run_whole(tmp_path, config)
    expected = steps[0]
    for step, weights in enumerate(steps[1:]):
        decay = min(0.7, (1 + step) / (10 + step))
        expected = {k: decay * v + (1 - decay) * weights[k] for k, v in expected.items()}
    kept = Classifier.load(run.weights_path)
    for name, tensor in kept.model.state_dict().items():
        torch.testing.assert_close(tensor, expected[name])
        assert not torch.equal(tensor, steps[-1][name])
    measured = evaluate(kept, small_dataset().split("validation"))
    assert measured.accuracy == run.history.epochs[0].accuracy


def test_auto_precision_is_what_the_processor_has(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    for capabilities, expected in (
        ({"avx2": True, "avx512_bf16": True}, torch.bfloat16),
        ({"avx2": True, "avx512_bf16": False, "amx_bf16": False}, torch.float32),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=capabilities: found)
        assert optim.resolve_dtype("auto", cpu) == expected
        assert optim.resolve_dtype("float32", cpu) == torch.float32
        assert optim.resolve_dtype("bfloat16", cpu) == torch.bfloat16
        assert optim.resolve_dtype(TrainConfig().precision, cpu) == torch.float32


def test_the_default_precision_is_mixed_on_a_gpu_that_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    gpu = torch.device(default_device())
    assert gpu == torch.device("cuda:0")
    for can, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda can=can, **_: can)
        for precision in (TrainConfig().precision, "auto"):
            assert optim.resolve_dtype(precision, gpu) == expected
        assert optim.resolve_dtype("float32", gpu) == torch.float32
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _device: "NVIDIA H100")
    environment = recorder.environment(small_dataset(), gpu, torch.bfloat16, 2)["environment"]
    told = trained_on(environment, is_active=True)
    assert told == "Trains on 2 processes, each on NVIDIA H100, in bfloat16."
