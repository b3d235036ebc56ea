"""`python -m fmnist export`: files, archives, checks, and the sentences in between."""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fmnist import paths
from fmnist.cli import main
from fmnist.data.splits import Dataset
from fmnist.export import exporting, kept
from fmnist.export.names import FORMATS
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run
from fmnist.training.loop import train

CONFIG = TrainConfig(
    model="logistic", dataset="synthetic-garments", epochs=1, batch_size=50, subset=100
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, small: Dataset) -> Run:
    root = tmp_path_factory.mktemp("trained")
    made = store.create_run(root, CONFIG, name="My run")
    with store.owning(made):
        train(made, small)
    return store.open_run(root, made.run_id)


@pytest.fixture
def run(trained: Run, small: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run of a machine without shipped models; the current folder is empty."""
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path / "artifacts"))
    monkeypatch.setattr(paths, "pretrained_folder", lambda: tmp_path / "pretrained")
    monkeypatch.setattr("fmnist.data.fashion_mnist.load_named", lambda _: small)
    shutil.copytree(trained.folder, paths.runs_folder() / trained.run_id)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return store.open_run(paths.runs_folder(), trained.run_id)


def names() -> list[str]:
    return sorted(file.name for file in Path().iterdir())


def test_it_writes_files_and_tells_how_they_compare(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--format", "torchscript", "--format", "torch-export"]
    assert main(["export", run.run_id, *asked]) == 0
    assert names() == [f"{run.run_id}.pt", f"{run.run_id}.pt2"]
    assert capsys.readouterr().out.count("0 of 200") == 2
    assert main(["export", run.run_id, *asked, "--output", "one.pt"]) == 1
    assert "need a folder" in capsys.readouterr().err
    assert main(["export"]) == 1
    assert "Name a shipped model or a run" in capsys.readouterr().err


def test_what_is_kept_is_not_made_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["export", run.run_id, "--format", "torchscript"]) == 0
    monkeypatch.setattr(exporting, "export", None)  # would fail
    assert main(["export", run.run_id, "--format", "torchscript", "--output", "again.pt"]) == 0
    assert Path("again.pt").read_bytes() == Path(f"{run.run_id}.pt").read_bytes()


def test_an_archive_has_examples_and_the_card(run: Run) -> None:
    assert main(["export", run.run_id, "--format", "torchscript", "--bundle"]) == 0
    with zipfile.ZipFile(f"{run.run_id}-torchscript.zip") as archive:
        found = {Path(name).name for name in archive.namelist()}
        card = archive.read(f"{run.run_id}-torchscript/model_card.md").decode()
    assert found == {"README.md", "predict.py", "model_card.md", f"{run.run_id}.pt"}
    assert card.startswith("# My run")


def test_a_check_leaves_nothing_but_the_table(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    make = exporting.export

    def export(run: Run, classifier: object, form: str, *rest: object, **more: object) -> object:
        asked.append(form)
        return make(run, classifier, "torchscript", *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(exporting, "export", export)
    shutil.copytree(run.folder, paths.pretrained_folder() / "mine")
    assert main(["export", "--all", "--check", "--table", "table.md"]) == 0
    assert asked == list(FORMATS)
    assert names() == ["table.md"]
    assert not kept.folder(store.open_run(paths.pretrained_folder(), "mine")).exists()
    rows = [line for line in Path("table.md").read_text().splitlines() if line.startswith("| mine")]
    assert len(rows) == 4 and all("0 of 200" in row for row in rows)
    assert main(["export", "--all", "--check", "--bundle"]) == 1
    assert "--check leaves no file" in capsys.readouterr().err


def broken(run: Run) -> None:
    run.history_path.write_text("not json\n")


def without_weights(run: Run) -> None:
    run.weights_path.unlink()


@pytest.mark.parametrize(
    ("change", "told"),
    [(broken, "history.jsonl is damaged"), (without_weights, "has no weights to export")],
)
def test_what_cannot_be_exported_is_one_sentence(
    run: Run, capsys: pytest.CaptureFixture[str], change: Callable[[Run], None], told: str
) -> None:
    change(run)
    for more in ([], ["--check"]):
        assert main(["export", run.run_id, "--format", "torchscript", *more]) == 1
        said = capsys.readouterr().err
        assert told in said and said.count("\n") == 1
    assert names() == []


@pytest.mark.slow
def test_all_shipped_models_in_all_formats(
    fashion_mnist_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each predicts what its run predicts, on all 10,000 test images."""
    monkeypatch.setenv("FMNIST_DATA", str(fashion_mnist_folder))
    table = tmp_path / "table.md"
    assert main(["export", "--all", "--check", "--table", str(table)]) == 0
    rows = [line for line in table.read_text().splitlines() if " of 10,000 |" in line]
    shipped = [run for run in store.list_runs(paths.pretrained_folder()) if not kept.why_not(run)]
    assert len(rows) == len(shipped) * len(FORMATS)
    assert all("| 0 of 10,000 |" in row or "| int8 |" in row for row in rows)
