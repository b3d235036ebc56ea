"""`python -m fmnist report`: files, sentences and exit status."""

from pathlib import Path

import pytest

from fmnist import paths
from fmnist.cli import main
from fmnist.models import sizes
from fmnist.models.sizes import Size
from fmnist.runs import store
from tests.reports.html_file import check_self_contained
from tools.made_up_run import made_up_run

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of runs, no data set, and sizes that need no torch."""
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path / "artifacts"))
    monkeypatch.setenv("FMNIST_DATA", "")
    monkeypatch.setenv("FMNIST_DOWNLOADS", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sizes, "count", lambda names: dict.fromkeys(names, Size(1234, 5678)))


def test_a_run_is_written_into_the_current_folder(tmp_path: Path, capsys: Output) -> None:
    run = made_up_run(paths.runs_folder(), name="A run")
    assert main(["report", run.run_id]) == 0
    path = tmp_path / f"report-{run.run_id}.html"
    file = check_self_contained(path.read_text(encoding="utf-8"))
    assert "A run" in file.text and "1,234" in file.text
    told = capsys.readouterr()
    assert told.out.startswith(f"Written: {path.name} (0.")
    assert "The report has no pixels: Fashion-MNIST is not on this machine" in told.err
    # the next one need not count
    assert sizes.load_sizes(paths.artifacts_folder() / "cache" / "sizes.json")
    assert main(["report", run.run_id]) == 0
    assert "Counting" not in capsys.readouterr().err


def test_several_runs_are_compared_in_a_file_of_any_name(tmp_path: Path, capsys: Output) -> None:
    runs = [made_up_run(paths.runs_folder(), name=name) for name in ("One", "Two")]
    target = tmp_path / "both.html"
    assert main(["report", *(run.run_id for run in runs), "--output", str(target)]) == 0
    assert "Comparison of 2 runs" in check_self_contained(target.read_text("utf-8")).text


def test_what_cannot_be_reported_is_told_in_one_sentence(tmp_path: Path, capsys: Output) -> None:
    run = made_up_run(paths.runs_folder())
    run.history_path.unlink()
    assert store.open_run(paths.runs_folder(), run.run_id).state == "broken"
    for arguments, told in (
        (["nothing"], "There is no run 'nothing'"),
        ([run.run_id], f"The run {run.run_id} is broken: history.jsonl"),
        (["strong", "strong"], "A comparison needs two or more different runs."),
        (["strong", "--output", str(tmp_path / "no" / "x.html")], "cannot be used, since there is"),
    ):
        assert main(["report", *arguments]) == 1
        error = capsys.readouterr().err
        assert told in error and "Traceback" not in error
    assert not list(tmp_path.glob("*.html"))
