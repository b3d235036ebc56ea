"""What ordinary use of the pages brings: namesakes, double clicks, other time zones, other tabs."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from fmnist.runs.run import Run
from tests.pages.test_pages import finished, give, machine, open_app

__all__ = ["finished", "machine"]  # fixtures


def give_namesakes(run: Run, root: Path) -> list[str]:
    """Two copies of a run with one name; returns their ids."""
    first = give(run, root)
    second = root / "20260102-030405-copy-0000"
    shutil.copytree(first.folder, second)
    return [first.run_id, second.name]


@pytest.mark.parametrize("page", ["", "train", "confusion", "errors", "confidence", "draw"])
def test_runs_of_one_name_have_different_labels(finished: Run, machine: Path, page: str) -> None:
    for run_id in give_namesakes(finished, machine):
        app = open_app(page, run=run_id)
        boxes: list[Any] = [*app.selectbox, *app.multiselect]
        assert boxes and all(len(set(box.options)) == len(box.options) for box in boxes)
        assert app.selectbox(key="run-picker").value == run_id


def test_each_run_of_one_name_can_be_opened(finished: Run, machine: Path) -> None:
    first, second = give_namesakes(finished, machine)
    app = open_app("confusion", run=first)
    for run_id, other in ((second, first), (first, second)):
        app.selectbox(key="run-picker").set_value(run_id).run()
        assert app.query_params["run"] == [run_id]
        app.selectbox(key="compared").set_value(other).run()
        assert app.query_params["compared"] == [other]
