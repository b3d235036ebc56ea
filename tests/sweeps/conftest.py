"""Fixtures of the tests of sweeps."""

from pathlib import Path

import pytest

from fmnist.sweeps import worker


@pytest.fixture(autouse=True)
def artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path))
    monkeypatch.setattr(worker, "LOOK_SECONDS", 0.01)
    return tmp_path
