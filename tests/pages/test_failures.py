"""What pages show where files cannot be read or written: a sentence, and the rest of the page."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from fmnist.data.fashion_mnist import DatasetError
from fmnist.evaluation.predictions import Evaluation
from fmnist.runs.run import Run
from tests.pages.test_pages import APP, finished, give, machine, open_app, rename, text

__all__ = ["finished", "machine"]  # fixtures

EVALUATION_PAGES = ("confusion", "errors", "confidence", "map")
ALL_PAGES = (*EVALUATION_PAGES, "explain", "compare", "export", "train", "sweeps", "draw", "data")


def folder_in_its_place(path: Path) -> None:
    path.unlink()
    path.mkdir()


def logits_that_are_no_numbers(path: Path) -> None:
    good = Evaluation.load(path)
    logits = good.logits.copy()
    logits[5] = np.nan
    Evaluation(good.split, logits, good.labels, good.indices).save(path)


def images_beyond_the_data(path: Path) -> None:
    good = Evaluation.load(path)
    Evaluation(good.split, good.logits, good.labels, good.indices + 1_900).save(path)


def no_images(path: Path) -> None:
    good = Evaluation.load(path)
    Evaluation(good.split, good.logits[:0], good.labels[:0], good.indices[:0]).save(path)


def give_unchecked(run: Run, root: Path) -> Run:
    """A copy of a run of an earlier version, without checksums to find the damage."""
    copy = give(run, root)
    (copy.folder / "checksums.json").unlink()
    return copy


DAMAGES = (
    folder_in_its_place, logits_that_are_no_numbers, images_beyond_the_data, no_images,
)  # fmt: skip


def open_pages(pages: tuple[str, ...]) -> dict[str, str]:
    """What each page says, without an exception on any; "" is the Start page."""
    app = open_app()
    said = {"": text(app)}
    for page in pages:
        app.switch_page(f"pages/{page}.py").run()
        assert not app.exception, page
        said[page] = text(app)
    return said


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_first_page_tells_what_is_wrong_with_an_evaluation(
    finished: Run, machine: Path, damage: Callable[[Path], None]
) -> None:
    run = give_unchecked(finished, machine)
    damage(run.evaluation_path("test"))
    said = text(open_app())
    assert "This run's evaluation cannot be read: " in said
    assert "Errno" not in said and "Test accuracy" not in said


def test_an_evaluation_that_cannot_be_opened_takes_no_page_down(
    finished: Run, machine: Path
) -> None:
    run = give_unchecked(finished, machine)
    folder_in_its_place(run.evaluation_path("test"))
    said = open_pages(ALL_PAGES)
    for page in ("", *EVALUATION_PAGES, "compare"):
        assert "evaluation cannot be read" in said[page], page
        assert "test.npz cannot be used, since it is a folder" in said[page], page


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["test", "validation", "epochs", "test-views"])
def test_no_damaged_evaluation_takes_a_page_down(
    finished: Run, machine: Path, damage: Callable[[Path], None], name: str
) -> None:
    run = give_unchecked(finished, machine)
    path = run.folder / "evaluation" / f"{name}.npz"
    if not path.exists():
        path.write_bytes(run.evaluation_path("test").read_bytes())
    if name == "epochs":
        path.write_bytes(b"PK rubbish") if damage is not folder_in_its_place else damage(path)
    else:
        damage(path)
    for page, said in open_pages(ALL_PAGES).items():
        assert "Errno" not in said and ".tmp" not in said, page


def test_files_without_permission_take_no_page_down(
    finished: Run, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = give(finished, machine)
    locked = run.folder / "evaluation"
    for name in ("exists", "open", "stat"):
        original: Any = getattr(Path, name)

        def refuse(path: Path, *rest: Any, original: Any = original, **more: Any) -> Any:
            if locked in path.parents:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return original(path, *rest, **more)

        monkeypatch.setattr(Path, name, refuse)
    said = open_pages(ALL_PAGES)
    for page in ("", *EVALUATION_PAGES):
        assert "permission is missing" in said[page], page


def test_a_file_in_place_of_the_runs_takes_no_page_down(machine: Path) -> None:
    machine.parent.mkdir()
    machine.write_text("")
    for page, said in open_pages(ALL_PAGES).items():
        assert "artifacts/runs cannot be used, since a part of its path is a file" in said, page


def test_an_error_that_nobody_expected_is_told_in_its_place(
    finished: Run, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(finished, machine)

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), "/data/x")

    with monkeypatch.context() as patch:
        patch.setattr("fmnist.dashboard.run_catalog.own_runs", fail)
        assert "/data/x cannot be used, since the disk failed; check it." in text(open_app())
    monkeypatch.setattr("fmnist.dashboard.layout.load_dataset", raising(DatasetError("No data.")))
    said = text(open_app())
    assert "No data." in said and "Weakest class" in said
    # a mistake of the code is no state of a page
    monkeypatch.setattr("fmnist.dashboard.layout.load_dataset", raising(KeyError("x")))
    assert AppTest.from_file(APP, default_timeout=60).run().exception


def raising(error: Exception) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("number", "says"),
    [(errno.ENOSPC, "The disk is full; free some space"), (errno.EROFS, "the disk is read-only")],
)
def test_a_disk_that_takes_nothing_is_told_at_every_button(
    finished: Run, machine: Path, monkeypatch: pytest.MonkeyPatch, number: int, says: str
) -> None:
    run = give(finished, machine)
    app = open_app("train")

    def refuse(*arguments: Any, **_: object) -> None:
        place = () if number == errno.ENOSPC else (str(arguments[0]) if arguments else "",)
        raise OSError(number, os.strerror(number), *place)

    before = files_in(machine)
    monkeypatch.setattr(os, "fsync", refuse)
    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr(Path, "rename", refuse)
    for press in (
        lambda: app.button(key="start").click().run(),
        lambda: rename(app, "Another"),
        lambda: app.button(key=f"delete-{run.run_id}").click().run(),
    ):
        press()
        assert not app.exception
        assert says.lower() in text(app).lower()
        assert "Errno" not in text(app) and ".tmp" not in text(app)
    assert files_in(machine) == before


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.name != ".lock")


def test_damaged_features_are_computed_anew(finished: Run, machine: Path) -> None:
    run = give(finished, machine)
    test = Evaluation.load(run.evaluation_path("test"))
    image = str(test.indices[0])
    app = open_app("errors", image=image)
    app.button(key="find-neighbors").click().run()
    assert "are labeled" in text(app)
    (stored,) = (machine.parent / "cache" / "features").iterdir()
    good = stored.read_bytes()
    stored.write_bytes(b"PK rubbish")
    from fmnist.dashboard import cache

    cache.feature_index.clear()
    app.run()
    app.button(key="find-neighbors").click().run()
    assert "are labeled" in text(app)
    assert stored.read_bytes() == good


def test_a_damaged_verdict_is_told_and_the_others_count(finished: Run, machine: Path) -> None:
    import sqlite3

    run = give(finished, machine)
    wrong = Evaluation.load(run.evaluation_path("test"))
    images = wrong.indices[~wrong.correct][:2]
    for image in images:
        app = open_app("errors", image=str(image))
        app.button(key=f"verdict-label-wrong-synthetic-garments-test-{image}").click().run()
    with sqlite3.connect(machine.parent / "verdicts.sqlite") as connection:
        connection.execute("UPDATE changes SET time = 1e300, true_label = 99 WHERE id = 1")
    connection.close()
    from fmnist.dashboard import cache

    cache._verdicts.clear()
    said = text(open_app("errors", verdict="any"))
    assert "A verdict in" in said and "is damaged and left out" in said
    assert "**1** image" in said and "**1** images" not in said
