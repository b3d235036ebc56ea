"""The lists of runs that the pages offer."""

from pathlib import Path

import pytest

from fmnist import paths
from fmnist.dashboard import run_catalog
from tools.made_up_run import made_up_run


def test_an_unfinished_benchmark_run_is_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "benchmark_folder", lambda: tmp_path)
    finished, unfinished = (made_up_run(tmp_path, folder=name) for name in ("one", "two"))
    unfinished.write_status("running", unfinished.progress)
    assert [run.run_id for run in run_catalog.benchmark_runs()] == [finished.run_id]
