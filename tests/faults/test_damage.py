"""Every file that is read, damaged in every way: pages and commands tell it in a sentence."""

import json
import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import streamlit as st

from fmnist import paths
from fmnist.cli import main
from fmnist.dashboard import run_catalog
from fmnist.data import fashion_mnist as datasets
from fmnist.evaluation.image_sets import ImageSet
from fmnist.evaluation.label_verdicts import LabelVerdict, LabelVerdictStore
from fmnist.evaluation.named_slices import NamedSlice, SliceStore
from fmnist.evaluation.verdicts import ImageKey, Verdict, VerdictStore
from fmnist.runs import store
from fmnist.runs.run import Run
from fmnist.runs.temperature import Temperature, save_temperature
from fmnist.sketchpad.gallery import Gallery, SavedDrawing
from tests.pages.test_pages import finished, machine, open_app, text
from tools.small import small_dataset

__all__ = ["finished", "machine"]  # fixtures

PAGES = ("confusion", "errors", "confidence", "compare", "export", "train", "draw", "data")
FORBIDDEN = ("Errno", "Traceback", "allow_pickle", "weights_only", "set_int_max_str_digits", ".tmp")

Damage = Callable[[Path], None]


def content(new: bytes) -> Damage:
    return lambda path: void(path.write_bytes(new))


def void(_: object) -> None:
    pass


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 4
    path.write_bytes(whole)


def absent(path: Path) -> None:
    path.unlink()


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


ANY: dict[str, Damage] = {
    "empty": content(b""), "no text": content(b"\xff\xfe\x00" * 50), "text": content(b"rubbish"),
    "zeros": content(bytes(4096)), "cut": cut, "a bit flipped": flip, "absent": absent,
    "a folder": folder, "a link to itself": link_to_itself,
}  # fmt: skip


def values(change: Callable[[dict[str, object]], object]) -> Damage:
    """Damage of JSON, in each line of it."""

    def damage(path: Path) -> None:
        whole = path.read_text()
        lines = whole.splitlines() if path.suffix == ".jsonl" else [whole]
        new = [json.dumps(change(json.loads(line))) for line in lines]
        path.write_text("".join(f"{line}\n" for line in new))

    return damage


def numbers(new: object) -> Damage:
    """All numbers of a JSON file replaced."""

    def replaced(value: object) -> object:
        if isinstance(value, dict):
            return {key: replaced(each) for key, each in value.items()}
        if isinstance(value, list):
            return [replaced(each) for each in value]
        return new if isinstance(value, int | float) and not isinstance(value, bool) else value

    return values(replaced)


JSON: dict[str, Damage] = {
    "a list": content(b"[]"), "null": content(b"null"), "nested": content(b"[" * 100_000),
    "digits": content(b"1" * 5000 + b"\n"), "no numbers": numbers(None), "nan": numbers(np.nan),
    "infinite": numbers(np.inf), "400 digits": numbers(10**400), "below zero": numbers(-1),
    "huge": numbers(10**9), "99": numbers(99), "texts": numbers("1"),
    "one more": values(lambda v: v | {"unknown": 1}), "nothing": values(lambda _: {}),
}  # fmt: skip


def arrays(**changes: Callable[[np.ndarray], np.ndarray]) -> Damage:
    def damage(path: Path) -> None:
        with np.load(path) as archive:
            good = dict(archive)
        np.savez(path, **(good | {n: change(good[n]) for n, change in changes.items()}))

    return damage


def bomb(path: Path) -> None:
    header = "{'descr': '<f2', 'fortran_order': False, 'shape': (40000, 1000, 10)}"
    header = header.ljust(117) + "\n"
    array = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    with zipfile.ZipFile(path) as archive:
        others = {n: archive.read(n) for n in archive.namelist() if n != "logits.npy"}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in others.items():
            archive.writestr(name, member)
        archive.writestr("logits.npy", array + bytes(10**6))


ARRAYS: dict[str, Damage] = {
    "nan": arrays(logits=lambda a: np.full_like(a, np.nan)),
    "infinite": arrays(logits=lambda a: np.full_like(a, np.inf)),
    "no images": arrays(
        logits=lambda a: a[..., :0, :], labels=lambda a: a[:0], indices=lambda a: a[:0]
    ),
    "no classes": arrays(logits=lambda a: a[..., :0]),
    "beyond the data": arrays(indices=lambda a: a + 10**6),
    "beyond its data": arrays(indices=lambda a: a + 9_990),
    "before the data": arrays(indices=lambda a: a - 10**6),
    "one image": arrays(indices=lambda a: a * 0),
    "class 10": arrays(labels=lambda a: a * 0 + 10),
    "another split": arrays(split=lambda _: np.array("train")),
    "no split": arrays(split=lambda _: np.array("x" * 10_000)),
    "doubles": arrays(logits=lambda a: a.astype(np.float64)),
    "objects": arrays(labels=lambda a: a.astype(object)),
    "a bomb": bomb,
}


def sql(statement: str) -> Damage:
    def damage(path: Path) -> None:
        with sqlite3.connect(path) as connection:
            connection.execute(statement)
        connection.close()

    return damage


DATABASE: dict[str, Damage] = {
    "time": sql("UPDATE changes SET time = 1e300"), "no time": sql("UPDATE changes SET time = 'a'"),
    "class": sql("UPDATE changes SET true_label = 99, predicted_label = -1"),
    "image": sql("UPDATE changes SET image = -5"), "blob": sql("UPDATE changes SET note = x'ff'"),
    "verdict": sql("UPDATE changes SET verdict = 'nice'"), "table": sql("DROP TABLE changes"),
    "column": sql("ALTER TABLE changes RENAME COLUMN verdict TO said"),
    "version": sql("PRAGMA user_version = 99"),
}  # fmt: skip

TABLE: dict[str, Damage] = {
    "rule": sql("UPDATE slices SET slice = '{}'"), "blob": sql("UPDATE slices SET slice = x'ff'"),
    "nested": sql(f"UPDATE slices SET slice = '{'[' * 100_000}'"),
    "image": sql("UPDATE slices SET slice = replace(slice, '[3', '[-3')"),
    "digits": sql(f"UPDATE slices SET slice = replace(slice, '[3', '[{'3' * 5000}')"),
    "dataset": sql("UPDATE slices SET slice = replace(slice, 'synthetic-garments', 'hats')"),
    "name": sql("UPDATE slices SET name = x'ff'"), "no name": sql("UPDATE slices SET name = ''"),
    "table": sql("DROP TABLE slices"), "version": sql("PRAGMA user_version = 99"),
    "column": sql("ALTER TABLE slices RENAME COLUMN slice TO said"),
}  # fmt: skip

LABELS: dict[str, Damage] = {
    "time": sql("UPDATE changes SET time = 1e300"), "no time": sql("UPDATE changes SET time = 'a'"),
    "class": sql("UPDATE changes SET label = 99, given_label = -1"),
    "image": sql("UPDATE changes SET image = -5"), "blob": sql("UPDATE changes SET action = x'f0'"),
    "beyond": sql("UPDATE changes SET image = 59999"), "verb": sql("UPDATE changes SET action = 1"),
    "table": sql("DROP TABLE changes"), "version": sql("PRAGMA user_version = 99"),
    "column": sql("ALTER TABLE changes RENAME COLUMN action TO said"),
}  # fmt: skip

FILES: dict[str, dict[str, Damage]] = {
    **{f"RUN/{name}.json": ANY | JSON for name in ("config", "status", "name", "temperature")},
    **{f"RUN/{name}.jsonl": ANY | JSON for name in ("history", "events")},
    "RUN/checksums.json": ANY | JSON,
    **{f"RUN/evaluation/{name}.npz": ANY | ARRAYS for name in ("test", "validation", "epochs")},
    "RUN/model.safetensors": ANY,
    "drawings/DRAWING.json": ANY | JSON,
    "verdicts.sqlite": ANY | DATABASE,
    "slices.sqlite": ANY | TABLE,
    "label-verdicts.sqlite": ANY | LABELS,
    "cache/sizes.json": ANY | JSON,
}
PANELS: dict[str, list[tuple[str, str, str]]] = {
    "slices.sqlite": [("errors", "", "named-slices"), ("compare", "Slices", "")],
    "label-verdicts.sqlite": [("data", "Odd images", "odd-decide")],
}
"""Where files are read that the pages leave alone at first: page, panel, what is to be opened."""
CASES = [(file, name) for file, damages in FILES.items() for name in damages]


@pytest.fixture(scope="module")
def whole(finished: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of artifacts with every file in it, none of them damaged."""
    root = tmp_path_factory.mktemp("whole")
    run = shutil.copytree(finished.folder, root / "runs" / finished.run_id)
    best = finished.history.best
    assert best
    opened = store.open_run(root / "runs", run.name)
    save_temperature(opened, Temperature(1.5, best.epoch, 1.0, 0.9))
    Gallery(root / "drawings").save(SavedDrawing([], b"", "Sketch", "Bag", 0.5, label="Bag"))
    VerdictStore(root / "verdicts.sqlite").give(
        Verdict(ImageKey("synthetic-garments", "test", 3), "ambiguous", "a note")
    )
    images = ImageSet.of("synthetic-garments", "test", [3, 5])
    SliceStore(root / "slices.sqlite").add(NamedSlice("Odd", "synthetic-garments", images))
    LabelVerdictStore(root / "label-verdicts.sqlite").give(
        "synthetic-garments", [LabelVerdict(3, 6, None, "Ann")]
    )
    (root / "cache").mkdir()
    (root / "cache" / "sizes.json").write_text('{"code": "", "sizes": {}}')
    return root


@pytest.fixture
def damaged(whole: Path, machine: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of it, in use."""
    monkeypatch.setattr(datasets, "load_named", lambda _: small_dataset())
    monkeypatch.setattr(paths, "benchmark_folder", lambda: machine.parent / "benchmarks")
    shutil.copytree(whole, machine.parent)
    yield machine.parent
    run_catalog.trainer().close()


def path_of(file: str, root: Path) -> Path:
    (run,) = (root / "runs").iterdir()
    (drawing,) = (root / "drawings").glob("*.json")
    return root / file.replace("RUN", f"runs/{run.name}").replace("DRAWING", drawing.stem)


def check_pages(pages: tuple[str, ...]) -> None:
    app = open_app()
    for page in ("", *pages):
        if page:
            app.switch_page(f"pages/{page}.py").run()
        assert not app.exception, page
        said = text(app)
        assert not [word for word in FORBIDDEN if word in said], (page, said)


def check_panels(file: str) -> None:
    for page, panel, key in PANELS.get(file, []):
        app = open_app(page, **({"panel": panel} if panel else {}))
        if key:
            app.session_state[key] = True
            app.run()
        assert not app.exception, page
        said = text(app)
        assert not [word for word in FORBIDDEN if word in said], (page, said)


def check_commands(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run,) = (root / "runs").iterdir()
    capsys.readouterr()  # what the pages logged
    for call in (["runs"], ["evaluate", run.name], ["publish", run.name, "copy"]):
        status = main(call)
        out, err = capsys.readouterr()
        assert status == 0 or err or "differs" in out, call
        assert not [word for word in FORBIDDEN if word in out + err], (call, out, err)


@pytest.mark.parametrize("file", FILES)
def test_a_folder_in_a_file_s_place_is_told(
    damaged: Path, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder(path_of(file, damaged))
    check_pages(())
    check_panels(file)
    check_commands(damaged, capsys)


@pytest.mark.slow
@pytest.mark.parametrize(("file", "name"), CASES)
def test_no_damage_takes_a_page_or_a_command_down(
    damaged: Path, file: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = path_of(file, damaged)
    FILES[file][name](path)
    if "RUN" in file and path.name != "checksums.json":
        # most would differ from their checksums: as a run of an earlier version, it has none
        path_of("RUN/checksums.json", damaged).unlink()
    st.cache_data.clear()
    st.cache_resource.clear()
    check_commands(damaged, capsys)
    check_panels(file)
    check_pages(() if file in PANELS else PAGES)
