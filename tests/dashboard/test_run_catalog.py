"""The lists of runs that the pages offer, and how often their files are read."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import streamlit as st

from fmnist import paths
from fmnist.dashboard import run_catalog
from fmnist.runs import store
from fmnist.runs.history import History, StepEntry
from fmnist.runs.run import Run
from tools.made_up_run import made_up_run


@pytest.fixture(autouse=True)
def empty_caches() -> Iterator[None]:
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


class Reads:
    """Counts the runs and the histories that are read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.runs = self.histories = 0
        read_files, from_lines = store.read_files, History.from_lines

        def counted(*arguments: Any, **named: Any) -> Run:
            run = read_files(*arguments, **named)
            self.runs += 1
            return run

        def counted_lines(*arguments: Any, **named: Any) -> History:
            self.histories += 1
            return from_lines(*arguments, **named)

        monkeypatch.setattr(store, "read_files", counted)
        monkeypatch.setattr(History, "from_lines", counted_lines)

    def since(self) -> tuple[int, int]:
        """Runs and histories read since the last call."""
        read = (self.runs, self.histories)
        self.runs = self.histories = 0
        return read


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    return Reads(monkeypatch)


@pytest.fixture
def training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that trains; its lock is held by the test that asks for it."""
    monkeypatch.setattr(paths, "runs_folder", lambda: tmp_path)
    run = made_up_run(tmp_path)
    run.write_status("running", run.progress)
    return run


def opened(run: Run) -> Run:
    found = run_catalog.run_or_none(run.run_id)
    assert found
    return found


def test_what_has_not_changed_is_not_read_again(training: Run, reads: Reads) -> None:
    with store.owning(training):
        first = opened(training)
        assert reads.since() == (1, 1)
        assert opened(training) is first
        assert run_catalog.own_runs() == [first]
        assert reads.since() == (0, 0)
        # the training goes on: a new status, the same history
        training.write_status("running", replace(training.progress, seconds=5000.0))
        assert opened(training).progress.seconds == 5000
        assert opened(training).history is first.history
        assert reads.since() == (1, 0)
        line = json.dumps(StepEntry(7, 61, 0.25, 5001.0).to_json())
        with training.history_path.open("a") as stream:
            stream.write(f"{line}\n")
        assert opened(training).history.steps[-1].loss == 0.25
        assert reads.since() == (1, 1)
        training.write_status("finished", training.progress)
        assert opened(training).state == "finished"
        assert reads.since() == (1, 1)  # one that has ended is checked as a whole
    assert opened(training).state == "finished"
    assert reads.since() == (0, 0)


def test_a_run_whose_owner_dies_is_interrupted_without_a_new_read(
    training: Run, reads: Reads
) -> None:
    with store.owning(training):
        assert opened(training).state == "running"
    reads.since()
    assert opened(training).state == "interrupted"
    assert reads.since() == (0, 0)


def test_many_sessions_read_a_change_once(training: Run, reads: Reads) -> None:
    gate, found = threading.Barrier(20), []

    def session() -> None:
        gate.wait()
        found.append(opened(training).progress.seconds)

    with store.owning(training):
        for seconds in (100.0, 200.0):
            training.write_status("running", replace(training.progress, seconds=seconds))
            sessions = [threading.Thread(target=session) for _ in range(20)]
            for each in sessions:
                each.start()
            for each in sessions:
                each.join()
            assert found == [seconds] * 20
            found.clear()
    assert reads.runs == 2


def test_a_broken_run_that_is_mended_is_whole_again(training: Run, reads: Reads) -> None:
    text = training.history_path.read_text()
    training.write_status("finished", training.progress)
    training.history_path.write_text("not json\n")
    assert opened(training).state == "broken"
    training.history_path.write_text(text)
    assert opened(training).state == "finished"


def test_an_unfinished_benchmark_run_is_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "benchmark_folder", lambda: tmp_path)
    finished, unfinished = (made_up_run(tmp_path, folder=name) for name in ("one", "two"))
    unfinished.write_status("running", unfinished.progress)
    assert [run.run_id for run in run_catalog.benchmark_runs()] == [finished.run_id]
