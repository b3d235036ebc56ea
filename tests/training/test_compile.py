"""torch.compile as a setting: what it computes, and what happens where it fails."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from fmnist.reports.text import trained_on
from fmnist.runs.run import Run
from tests.training.helpers import reread, run_whole
from tests.training.test_group import PLAIN, alike
from tools.small import same_result

COMPILED = replace(PLAIN, compile="default", epochs=1)


def texts(run: Run) -> list[str]:
    return [event.text for event in run.read_events()]


def test_where_compiling_fails_the_run_is_the_one_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(network: nn.Module) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            network(*arguments)  # draws from the generators first
            raise RuntimeError("no C++ compiler was found\nand much advice")

        return call

    monkeypatch.setattr(torch, "compile", broken)
    run = run_whole(tmp_path / "compiled", COMPILED)
    assert "Not compiled, trains without: no C++ compiler was found" in texts(run)
    told = trained_on(reread(run).environment)
    assert told.endswith("in float32. Not compiled: no C++ compiler was found.")
    same_result(run_whole(tmp_path / "plain", replace(COMPILED, compile=None)), run)


def test_the_compiled_network_takes_the_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = 0

    def counted(network: nn.Module) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            nonlocal called
            called += 1
            return network(*arguments)

        return call

    monkeypatch.setattr(torch, "compile", counted)
    run = run_whole(tmp_path / "compiled", COMPILED)
    assert called == 1 + run.progress.steps
    assert "Compiled with torch.compile" in texts(run)
    assert trained_on(reread(run).environment).endswith("in float32, compiled with torch.compile.")
    same_result(run_whole(tmp_path / "plain", replace(COMPILED, compile=None)), run)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the compiler
@pytest.mark.parametrize("model", ["fashion-cnn", "residual-small"])
def test_a_compiled_network_learns_what_the_other_learns(tmp_path: Path, model: str) -> None:
    config = replace(COMPILED, model=model)
    run = run_whole(tmp_path / "compiled", config)
    assert "Compiled with torch.compile" in texts(run)
    alike(run_whole(tmp_path / "plain", replace(config, compile=None)), run, 1e-3)
