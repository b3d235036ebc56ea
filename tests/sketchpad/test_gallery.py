"""Drawings that people keep: kept, labeled, deleted, and files that somebody damaged."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from fmnist.sketchpad import gallery
from fmnist.sketchpad.gallery import Gallery, GalleryError, Kept, Score, scores

SHAPES = [{"type": "Path", "path": [["M", 1, 2], ["L", 3, 4.5]], "stroke": "#000000"}]
BOOT = Kept(SHAPES, b"\x89PNG\0", "Sketch", "Ankle boot", 0.93)


@pytest.fixture
def store(tmp_path: Path) -> Gallery:
    return Gallery(tmp_path / "drawings")


def only_file(tmp_path: Path) -> Path:
    (path,) = (tmp_path / "drawings").glob("*.json")
    return path


def test_keep_and_read(store: Gallery, tmp_path: Path) -> None:
    drawing_id = store.keep(replace(BOOT, meant="Ankle boot"))
    (kept,), problems = Gallery(tmp_path / "drawings").all()
    assert problems == []
    assert (kept.shapes, kept.picture) == (SHAPES, BOOT.picture)
    assert (kept.model, kept.answer, kept.confidence) == ("Sketch", "Ankle boot", 0.93)
    assert (kept.meant, kept.is_right, kept.drawing_id) == ("Ankle boot", True, drawing_id)
    assert kept.time > 1.5e9


def test_the_newest_first(store: Gallery) -> None:
    ids = [store.keep(replace(BOOT, time=moment)) for moment in (1.6e9, 1.7e9, 1.5e9)]
    assert [kept.drawing_id for kept in store.all()[0]] == [ids[1], ids[0], ids[2]]


def test_an_empty_gallery(store: Gallery) -> None:
    assert store.all() == ([], [])


def test_label(store: Gallery) -> None:
    drawing_id = store.keep(BOOT)
    assert store.get(drawing_id).is_right is None
    store.label(drawing_id, "Sneaker")
    assert store.get(drawing_id).is_right is False
    store.label(drawing_id, None)
    assert store.get(drawing_id).meant is None
    with pytest.raises(GalleryError, match="There is no class 'Hat'"):
        store.label(drawing_id, "Hat")


def test_delete_and_undo(store: Gallery) -> None:
    first, second = store.keep(BOOT), store.keep(BOOT)
    store.delete(first)
    assert [kept.drawing_id for kept in store.all()[0]] == [second]
    store.restore(first)
    assert {kept.drawing_id for kept in store.all()[0]} == {first, second}
    store.delete(first)
    store.delete(first)  # by somebody else, too
    store.delete(second)
    with pytest.raises(GalleryError, match="no longer in the gallery"):
        store.get(second)
    with pytest.raises(GalleryError, match="no longer in the trash"):
        store.restore(first)  # one undo is kept


@pytest.mark.parametrize("bad", ["", "../../secret", "/etc/passwd", "20260101-000000-xxxxxx"])
def test_ids_lead_nowhere_else(store: Gallery, bad: str) -> None:
    for use in (store.get, store.delete, store.restore):
        with pytest.raises(GalleryError, match="no longer"):
            use(bad)


@pytest.mark.parametrize(
    "damage",
    [
        b"", b"{", b"[]", b"3", b"\xff\xfe", b"[" * 100_000,
        json.dumps({"time": 1}).encode(),
        json.dumps({"time": 1, "model": "a", "answer": "Hat", "confidence": 1, "meant": None,
                    "shapes": [], "picture": ""}).encode(),
        json.dumps({"time": 1, "model": "a", "answer": "Bag", "confidence": 1, "meant": ["Bag"],
                    "shapes": [], "picture": ""}).encode(),
        json.dumps({"time": 1, "model": "a", "answer": "Bag", "confidence": 1, "meant": None,
                    "shapes": [], "picture": 3}).encode(),
        json.dumps({"time": 1, "model": "a", "answer": "Bag", "confidence": None, "meant": None,
                    "shapes": [], "picture": ""}).encode(),
    ],
)  # fmt: skip
def test_a_damaged_file_is_told_and_the_others_are_shown(
    store: Gallery, tmp_path: Path, damage: bytes
) -> None:
    store.keep(BOOT)
    path = only_file(tmp_path)
    path.write_bytes(damage)
    good = store.keep(BOOT)
    drawings, problems = store.all()
    assert [kept.drawing_id for kept in drawings] == [good]
    (problem,) = problems
    assert problem.startswith(f"The drawing {path.name} cannot be read") and "\n" not in problem


def test_what_a_file_could_smuggle_in_is_left_out(store: Gallery, tmp_path: Path) -> None:
    store.keep(BOOT)
    path = only_file(tmp_path)
    values = json.loads(path.read_text())
    values["shapes"] += [{"type": "Image", "src": "https://example.org/a.png"}]
    path.write_text(json.dumps(values))
    assert store.all()[0][0].shapes == SHAPES


def test_a_file_too_large_is_not_read(store: Gallery, tmp_path: Path) -> None:
    store.keep(BOOT)
    only_file(tmp_path).write_bytes(b" " * (5 * 2**20))
    assert "too large" in store.all()[1][0]


def test_a_full_gallery(store: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "MOST_DRAWINGS", 2)
    store.keep(BOOT)
    store.keep(BOOT)
    with pytest.raises(GalleryError, match="holds 2 drawings at most; delete some first"):
        store.keep(BOOT)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "drawings").write_text("a file where the folder should be")
    with pytest.raises(GalleryError, match="cannot be kept"):
        Gallery(tmp_path / "drawings").keep(BOOT)


def test_many_at_once(store: Gallery) -> None:
    threads = [threading.Thread(target=store.keep, args=(BOOT,)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.all()[0]) == 16


def test_scores() -> None:
    drawings = [
        BOOT,
        replace(BOOT, meant="Sneaker"),
        replace(BOOT, meant="Ankle boot"),
        replace(BOOT, meant="Ankle boot"),
        replace(BOOT, answer="Bag", meant="Ankle boot"),
        replace(BOOT, answer=gallery.NO_GARMENT, meant=gallery.NO_GARMENT),
    ]
    assert scores(drawings) == {
        "Sneaker": Score(0, 1),
        "Ankle boot": Score(2, 3),
        gallery.NO_GARMENT: Score(1, 1),
    }
    assert list(scores(drawings)) == ["Sneaker", "Ankle boot", gallery.NO_GARMENT]
