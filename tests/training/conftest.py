"""Fixtures of the tests of trainings."""

from pathlib import Path

import pytest

from fmnist.runs.run import Run
from tests.training.helpers import run_whole


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of the default settings that nothing interrupted."""
    return run_whole(tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture
def own_artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Drawings are kept there, and nowhere else."""
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path / "artifacts"))
    return tmp_path / "artifacts"
