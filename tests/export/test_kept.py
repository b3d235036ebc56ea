"""Exports are kept with their run, made once, and made again when they are of something else."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fmnist import paths
from fmnist.checksums import file_digest
from fmnist.data.splits import Dataset
from fmnist.errors import DamagedFileError
from fmnist.export import exporting, kept
from fmnist.export.checks import ExportError
from fmnist.export.kept import KeptExport
from fmnist.export.process import ExportProcess, ExportTask
from fmnist.models.classifier import Classifier
from fmnist.models.registry import create_model
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run
from fmnist.runs.temperature import Temperature, save_temperature
from fmnist.training.loop import train
from tests.faults.test_damage import ANY, JSON

CONFIG = TrainConfig(
    model="logistic", dataset="synthetic-garments", epochs=1, batch_size=50, subset=100
)
SECONDS = 300


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, small: Dataset) -> Run:
    root = tmp_path_factory.mktemp("trained")
    made = store.create_run(root, CONFIG, name="My run")
    with store.owning(made):
        train(made, small)
    return store.open_run(root, made.run_id)


@pytest.fixture
def run(trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path))
    monkeypatch.setattr(paths, "pretrained_folder", lambda: tmp_path / "pretrained")
    shutil.copytree(trained.folder, paths.runs_folder() / trained.run_id)
    return store.open_run(paths.runs_folder(), trained.run_id)


def again(run: Run) -> Run:
    return store.open_run(run.folder.parent, run.run_id)


def find(run: Run) -> KeptExport | None:
    return kept.find(again(run), "torchscript", weights=file_digest(run.weights_path))


def test_a_file_is_made_once(run: Run, small: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find(run) is None
    made = kept.make(run, "torchscript", small)
    assert made.path == run.folder / "exports" / "torchscript" / f"{run.run_id}.pt"
    assert {p.name for p in made.path.parent.iterdir()} == {"export.json", made.path.name}
    assert sorted(p.name for p in made.path.parent.parent.iterdir()) == ["torchscript"]
    assert (made.check.images, made.check.changed) == (len(small.test_labels), 0)
    assert made.read() == made.path.read_bytes()
    monkeypatch.setattr(exporting, "export", None)  # would fail
    assert kept.make(again(run), "torchscript", small) == made


def other_weights(run: Run) -> None:
    Classifier(create_model("logistic", seed=5), models=["logistic"]).save(run.weights_path)


def of_another_version(run: Run) -> None:
    change(run, version=kept.VERSION + 1)


def change(run: Run, **values: object) -> None:
    path = run.folder / "exports" / "torchscript" / "export.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def cut(run: Run) -> None:
    made = find(run)
    assert made
    made.path.write_bytes(made.path.read_bytes()[:-1])


@pytest.mark.parametrize(
    "changing",
    [
        other_weights,
        of_another_version,
        cut,
        lambda run: save_temperature(run, Temperature(2.0, 1, 0.5, 0.4)),
        lambda run: store.rename_run(run, "Another name"),
        lambda run: change(run, check={}),
        lambda run: change(run, sha256="rubbish"),
    ],
)
def test_a_file_of_something_else_is_made_again(
    run: Run, small: Dataset, changing: Callable[[Run], None]
) -> None:
    before = kept.make(run, "torchscript", small)
    changing(run)
    assert find(run) is None
    after = kept.make(again(run), "torchscript", small)
    assert find(run) == after
    assert after.made > before.made


@pytest.mark.parametrize("what", ["export.json", "the file"])
def test_damage_in_any_way_is_mended_by_the_next_export(
    run: Run, small: Dataset, what: str
) -> None:
    made = kept.make(run, "torchscript", small)
    path = made.path if what == "the file" else made.path.with_name(what)
    good = path.read_bytes()
    damages = ANY | JSON if what == "export.json" else {"a folder": ANY["a folder"]}
    for name, damage in damages.items():
        damage(path)
        found = find(run)
        assert found is None or name == "a bit flipped", name  # it may be one of a checksum
        if path.is_dir() or path.is_symlink():
            made = kept.make(again(run), "torchscript", small)
            assert find(run) == made, name
            path = made.path if what == "the file" else made.path.with_name(what)
            good = path.read_bytes()
        path.write_bytes(good)


def test_damage_is_told_when_it_is_read(run: Run, small: Dataset) -> None:
    made = kept.make(run, "torchscript", small)
    made.path.write_bytes(bytes(made.check.bytes))
    with pytest.raises(DamagedFileError, match=r"\.pt is damaged; delete it, then export"):
        made.read()


def test_files_of_shipped_models_are_kept_apart(run: Run, small: Dataset, tmp_path: Path) -> None:
    shutil.copytree(run.folder, paths.pretrained_folder() / "mine")
    shipped = store.open_run(paths.pretrained_folder(), "mine")
    before = sorted(shipped.folder.rglob("*"))
    made = kept.make(shipped, "torchscript", small)
    assert made.path == tmp_path / "cache" / "exports" / "mine" / "torchscript" / "mine.pt"
    assert sorted(shipped.folder.rglob("*")) == before


def test_what_cannot_be_exported_says_so(run: Run, small: Dataset) -> None:
    assert kept.why_not(run) is None
    cases = (
        (replace(run, state="running"), "My run is still training; export it when it has ended."),
        (replace(run, state="broken", reason="It has holes."), "is broken: It has holes."),
    )
    for wrong, told in cases:
        with pytest.raises(ExportError, match=told):
            kept.make(wrong, "torchscript", small)
    run.weights_path.unlink()
    with pytest.raises(ExportError, match="My run has no weights to export"):
        kept.make(run, "torchscript", small)
    assert not (run.folder / "exports").exists()


def test_a_run_that_was_removed_does_not_come_back(
    run: Run, small: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fmnist.runs.loading.load_run", lambda *_, **__: shutil.rmtree(run.folder))
    with pytest.raises(FileNotFoundError):
        kept.make(run, "torchscript", small)
    assert not run.folder.exists()


def test_nor_one_that_is_removed_while_the_images_are_loaded(run: Run, small: Dataset) -> None:
    def load(_name: str) -> Dataset:
        shutil.rmtree(run.folder)
        return small

    with pytest.raises(FileNotFoundError):
        kept.make(run, "torchscript", load)
    assert not run.folder.exists()


def test_the_process_tells_a_refusal_and_leaves_nothing(run: Run) -> None:
    process = ExportProcess()
    run.weights_path.unlink()
    process.start(ExportTask(run.folder, "torchscript"))
    error = process.wait(SECONDS).error
    assert error is not None and error.startswith("My run has no weights to export")
    process.start(ExportTask(run.folder, "torchscript"))
    process.cancel()
    assert process.poll().task is None
    assert not (run.folder / "exports").exists()
