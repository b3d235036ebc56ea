"""All runs compared with their checksums by one command."""

from pathlib import Path

import pytest

from fmnist import checksums, paths
from fmnist.cli import main
from fmnist.runs import store
from fmnist.runs.check import CheckResult, check_run
from fmnist.runs.publish import publish
from fmnist.runs.run import Run
from tools.made_up_run import made_up_run


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A finished run, the only one there is."""
    for name in ("pretrained", "benchmark"):
        monkeypatch.setattr(paths, f"{name}_folder", lambda: tmp_path / "none")
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path))
    made = made_up_run(tmp_path / "runs")
    return publish(made, tmp_path / "runs", "sound", card=None)


def test_a_sound_run_and_one_of_an_earlier_version(run: Run) -> None:
    assert check_run(run) == CheckResult()
    (run.folder / checksums.FILE).unlink()
    found = check_run(run)
    assert found.problems == ()
    assert sorted(found.unchecked) == [
        "epochs.npz", "history.jsonl", "model.safetensors", "test.npz", "validation.npz"
    ]  # fmt: skip
    assert check_run(run, write=True) == check_run(run) == CheckResult()


def test_every_damaged_file_is_named(run: Run) -> None:
    for path in (run.weights_path, run.evaluation_path("test")):
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert [problem[:30] for problem in check_run(run).problems] == [
        "The file model.safetensors is ", "The file test.npz is damaged ("
    ]  # fmt: skip
    (run.folder / checksums.FILE).write_text("{")
    run = store.open_run(run.folder.parent, run.run_id)
    problems = check_run(run).problems
    assert all("checksums.json is damaged" in problem for problem in problems)


def test_the_command_tells_and_writes(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0  # the run that was published has no checksum of its weights
    assert capsys.readouterr().out == "Runs: 2. Damaged: 0. Without some checksum: 1.\n"
    assert main(["check", "--write"]) == 0
    assert main(["check"]) == 0
    assert capsys.readouterr().out.endswith("Without some checksum: 0.\n")
    run.history_path.write_text(run.history_path.read_text().replace("0.8", "0.9"))
    assert main(["check", "sound"]) == 1
    told = capsys.readouterr().out
    assert told.startswith("sound: the file history.jsonl is damaged (its checksum differs)")
    assert told.endswith("Runs: 1. Damaged: 1. Without some checksum: 0.\n")


def test_what_ships_is_sound() -> None:
    for root in (paths.pretrained_folder(), paths.benchmark_folder()):
        for run in store.list_runs(root):
            assert check_run(run).problems == (), run.run_id
    for run in store.list_runs(paths.pretrained_folder()):
        assert check_run(run).unchecked == (), f"{run.run_id}: python -m fmnist check --write"
