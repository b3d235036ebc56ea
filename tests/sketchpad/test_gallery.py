"""Saved drawings: saved, labeled, deleted, damaged."""

import json
import math
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fmnist.sketchpad import gallery
from fmnist.sketchpad.gallery import Gallery, GalleryError, SavedDrawing, Score, scores
from fmnist.sketchpad.uploads import read_picture

SHAPES = [{"type": "Path", "path": [["M", 1, 2], ["L", 3, 4.5]], "stroke": "#000000"}]
BOOT = SavedDrawing(SHAPES, b"\x89PNG\0", "Sketch", "Ankle boot", 0.93)


@pytest.fixture
def store(tmp_path: Path) -> Gallery:
    return Gallery(tmp_path / "drawings")


def only_file(tmp_path: Path) -> Path:
    (path,) = (tmp_path / "drawings").glob("*.json")
    return path


def test_save_and_read(store: Gallery, tmp_path: Path) -> None:
    drawing_id = store.save(replace(BOOT, label="Ankle boot"))
    (saved,), problems = Gallery(tmp_path / "drawings").all()
    assert problems == []
    assert (saved.shapes, saved.picture) == (SHAPES, BOOT.picture)
    assert (saved.model, saved.predicted, saved.confidence) == ("Sketch", "Ankle boot", 0.93)
    assert (saved.label, saved.is_correct, saved.drawing_id) == ("Ankle boot", True, drawing_id)
    assert saved.time > 1.5e9


def test_files_of_earlier_versions_are_read(store: Gallery, tmp_path: Path) -> None:
    values = {"time": 1.6e9, "model": "Sketch", "answer": "Bag", "confidence": 0.5,
              "meant": "Coat", "shapes": SHAPES, "picture": ""}  # fmt: skip
    (tmp_path / "drawings").mkdir()
    (tmp_path / "drawings" / "20200913-122640-0123ab.json").write_text(json.dumps(values))
    (saved,), problems = store.all()
    assert problems == []
    assert (saved.predicted, saved.label, saved.shapes) == ("Bag", "Coat", SHAPES)
    assert (saved.model_input, saved.corrections, saved.kind) == (None, [], "auto")


def test_an_uploaded_picture_keeps_what_the_model_saw(store: Gallery, tmp_path: Path) -> None:
    rgba = np.full((500, 1000, 4), 255, np.uint8)
    rgba[100:400, 300:700, :3] = 40
    seen = np.arange(784, dtype=np.uint32).astype(np.uint8).reshape(28, 28)
    small = gallery.small_picture(rgba)
    corrections = [["turn"], ["box", 0.1, 0.2, 0.5, 1]]
    picture = replace(
        BOOT, shapes=[], picture=small, label="Bag", model_input=seen, corrections=corrections,
        kind="drawing",
    )  # fmt: skip
    drawing_id = store.save(picture)
    saved = store.get(drawing_id)
    assert saved.is_picture and saved.model_input is not None
    np.testing.assert_array_equal(saved.model_input, seen)
    assert read_picture(saved.picture).shape == (168, 336, 4)
    assert (saved.corrections, saved.kind) == (corrections, "drawing")
    store.set_label(drawing_id, "Dress")
    assert store.get(drawing_id).label == "Dress" and store.get(drawing_id).is_picture
    assert store.get(drawing_id).kind == "drawing"
    path = only_file(tmp_path)
    good = path.read_text()
    for name, damaged in (
        ("model_input", "AAAA"), ("model_input", "no base64!"), ("model_input", 3),
        ("corrections", [["erase"]]), ("corrections", "turn"), ("corrections", [["turn"]] * 201),
        ("kind", "garment"),
    ):  # fmt: skip
        path.write_text(json.dumps(json.loads(good) | {name: damaged}))
        with pytest.raises(GalleryError, match="cannot be read"):
            store.get(drawing_id)


def test_the_newest_first(store: Gallery) -> None:
    ids = [store.save(replace(BOOT, time=moment)) for moment in (1.6e9, 1.7e9, 1.5e9)]
    assert [saved.drawing_id for saved in store.all()[0]] == [ids[1], ids[0], ids[2]]


def test_the_newest_first_in_one_second_and_across_time_zones(
    store: Gallery, tmp_path: Path
) -> None:
    ids = [store.save(replace(BOOT, time=1.6e9 + second / 20)) for second in range(12)]
    # earlier versions named files by the local time; this one was saved east of here, before them
    path = tmp_path / "drawings" / f"{ids[0]}.json"
    values = json.loads(path.read_text()) | {"time": 1.6e9 - 3600}
    path.with_name("20200914-012640-0123ab.json").write_text(json.dumps(values))
    shown = [saved.drawing_id for saved in store.all()[0]]
    assert shown == [*reversed(ids), "20200914-012640-0123ab"]


def test_an_empty_gallery(store: Gallery) -> None:
    assert store.all() == ([], [])


def test_set_label(store: Gallery) -> None:
    drawing_id = store.save(BOOT)
    assert store.get(drawing_id).is_correct is None
    store.set_label(drawing_id, "Sneaker")
    assert store.get(drawing_id).is_correct is False
    store.set_label(drawing_id, None)
    assert store.get(drawing_id).label is None
    with pytest.raises(GalleryError, match="There is no label 'Hat'"):
        store.set_label(drawing_id, "Hat")


def test_own_classes_are_labels(store: Gallery) -> None:
    assert store.own_classes() == ()
    store.add_class("  a  hat ")
    store.add_class("sock")
    assert store.own_classes() == ("a hat", "sock")
    for name in ("", "A Hat", "bag", "no garment", "x" * 31):
        with pytest.raises(GalleryError):
            store.add_class(name)
    drawing_id = store.save(replace(BOOT, predicted="sock", label="a hat"))
    store.save(replace(BOOT, label="Bag"))
    assert store.get(drawing_id).label == "a hat"
    assert list(scores(store.all()[0])) == ["Bag", "a hat"]
    with pytest.raises(GalleryError, match="1 drawing is labeled a hat"):
        store.remove_class("a hat")
    store.set_label(drawing_id, "sock")
    store.remove_class("a hat")
    assert store.own_classes() == ("sock",)
    for name in "abcd":
        store.add_class(name)
    with pytest.raises(GalleryError, match="at most 5"):
        store.add_class("e")


@pytest.mark.parametrize(
    "content", ["", "[]", '{"names": ["Bag"]}', '{"names": 3}', '{"names": ["a", "A"]}']
)
def test_damaged_names_of_own_classes_are_told(
    store: Gallery, tmp_path: Path, content: str
) -> None:
    store.add_class("hat")
    (tmp_path / "drawings" / "classes.json").write_text(content)
    with pytest.raises(GalleryError, match="names of your classes cannot be read"):
        store.own_classes()
    assert store.all() == ([], [])


def test_delete_and_undo(store: Gallery) -> None:
    first, second = store.save(BOOT), store.save(BOOT)
    store.delete(first)
    assert [saved.drawing_id for saved in store.all()[0]] == [second]
    store.restore(first)
    assert {saved.drawing_id for saved in store.all()[0]} == {first, second}
    store.delete(first)
    store.delete(first)  # by another session, too
    store.delete(second)
    with pytest.raises(GalleryError, match="no longer in the gallery"):
        store.get(second)
    with pytest.raises(GalleryError, match="no longer in the trash"):
        store.restore(first)  # the trash holds one drawing


def test_several_are_deleted_and_brought_back_together(
    store: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = tuple(sorted(store.save(BOOT) for _ in range(3)))
    gone = store.save(BOOT)
    assert store.delete(gone) == (gone,)
    assert store.delete(*ids, gone) == ids
    assert store.delete(*ids) == () and store.all() == ([], [])
    store.restore(*ids)
    assert tuple(sorted(saved.drawing_id for saved in store.all()[0])) == ids

    rename, moved = Path.rename, []

    def failing(path: Path, target: Path) -> Path:
        moved.append(path)
        if len(moved) == 2:
            raise OSError("The disk is tired")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(GalleryError, match="The drawings cannot be deleted: The disk is tired"):
        store.delete(*ids)
    assert len(store.all()[0]) == 3 and len(moved) == 3  # the first has been moved back


@pytest.mark.parametrize("bad", ["", "../../secret", "/etc/passwd", "20260101-000000-xxxxxx"])
def test_ids_lead_nowhere_else(store: Gallery, bad: str) -> None:
    for use in (store.get, store.delete, store.restore):
        with pytest.raises(GalleryError, match="no longer"):
            use(bad)


IMPOSSIBLE: dict[str, list[object]] = {
    "time": [math.nan, math.inf, -1, 1e300, 10**400, True],
    "confidence": [99, math.nan, 10**400],
    "picture": ["?"],
    "shapes": [[{"type": "Path"}] * 501, {"objects": []}],
    "unknown": [1],
}


@pytest.mark.parametrize(
    "damage",
    [
        b"", b"{", b"[]", b"3", b"\xff\xfe", b"[" * 100_000,
        json.dumps({"time": 1}).encode(),
        json.dumps({"time": 1, "model": "a", "answer": "bag", "confidence": 1, "meant": None,
                    "shapes": [], "picture": ""}).encode(),
        json.dumps({"time": 1, "model": "a", "answer": "Bag", "confidence": 1, "meant": ["Bag"],
                    "shapes": [], "picture": ""}).encode(),
        json.dumps({"time": 1, "model": "a", "answer": "Bag", "confidence": 1, "meant": None,
                    "shapes": [], "picture": 3}).encode(),
        json.dumps({"time": 1, "model": "a", "answer": "Bag", "confidence": None, "meant": None,
                    "shapes": [], "picture": ""}).encode(),
        *(
            json.dumps({"time": 1, "model": "a", "answer": "Bag", "confidence": 1, "meant": None,
                        "shapes": [], "picture": "", name: value}).encode()
            for name, values in IMPOSSIBLE.items()
            for value in values
        ),
    ],
)  # fmt: skip
def test_a_damaged_file_is_reported_and_the_others_are_shown(
    store: Gallery, tmp_path: Path, damage: bytes
) -> None:
    store.save(BOOT)
    path = only_file(tmp_path)
    path.write_bytes(damage)
    good = store.save(BOOT)
    drawings, problems = store.all()
    assert [saved.drawing_id for saved in drawings] == [good]
    (problem,) = problems
    assert problem.startswith(f"The drawing {path.name} cannot be read") and "\n" not in problem


def test_other_objects_in_a_file_are_dropped(store: Gallery, tmp_path: Path) -> None:
    store.save(BOOT)
    path = only_file(tmp_path)
    values = json.loads(path.read_text())
    values["shapes"] += [{"type": "Image", "src": "https://example.org/a.png"}]
    path.write_text(json.dumps(values))
    assert store.all()[0][0].shapes == SHAPES


def test_a_file_too_large_is_not_read(store: Gallery, tmp_path: Path) -> None:
    store.save(BOOT)
    only_file(tmp_path).write_bytes(b" " * (5 * 2**20))
    assert "too large" in store.all()[1][0]


def test_what_could_not_be_read_again_is_not_saved(store: Gallery) -> None:
    curve = ["Q", 123.33333587646484, 200.66665649414062, 124.33333587646484, 201.66665649414062]
    path = {"type": "Path", "path": [["M", 1, 2], *[curve] * 28_000], "stroke": "#000000"}
    assert store.get(store.save(replace(BOOT, shapes=[path]))).shapes == [path]
    path = {"type": "Path", "path": [["M", 1, 2], *[curve] * 49_990], "stroke": "#000000"}
    with pytest.raises(GalleryError, match="too many lines to be saved; clear some of it"):
        store.save(replace(BOOT, shapes=[path]))
    assert store.all()[1] == []


def test_a_drawing_that_comes_back_brings_its_class(store: Gallery) -> None:
    store.add_class("hat")
    drawing_id = store.save(replace(BOOT, label="hat"))
    store.delete(drawing_id)
    store.remove_class("hat")
    store.restore(drawing_id)
    assert store.get(drawing_id).label == "hat" and store.own_classes() == ("hat",)


def test_a_double_click_on_delete_can_be_undone(store: Gallery) -> None:
    drawing_id = store.save(BOOT)
    store.delete(drawing_id)
    store.delete(drawing_id)
    store.restore(drawing_id)
    assert [saved.drawing_id for saved in store.all()[0]] == [drawing_id]


def test_a_full_gallery(store: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "MAX_DRAWINGS", 2)
    store.save(BOOT)
    store.save(BOOT)
    with pytest.raises(GalleryError, match=r"is full \(2 drawings\); delete some first"):
        store.save(BOOT)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "drawings").write_text("a file where the folder should be")
    with pytest.raises(GalleryError, match="cannot be saved"):
        Gallery(tmp_path / "drawings").save(BOOT)


def test_many_at_once(store: Gallery) -> None:
    threads = [threading.Thread(target=store.save, args=(BOOT,)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.all()[0]) == 16


def test_scores() -> None:
    drawings = [
        BOOT,
        replace(BOOT, label="Sneaker"),
        replace(BOOT, label="Ankle boot"),
        replace(BOOT, label="Ankle boot"),
        replace(BOOT, predicted="Bag", label="Ankle boot"),
        replace(BOOT, predicted=gallery.NO_GARMENT, label=gallery.NO_GARMENT),
    ]
    assert scores(drawings) == {
        "Sneaker": Score(0, 1),
        "Ankle boot": Score(2, 3),
        gallery.NO_GARMENT: Score(1, 1),
    }
    assert list(scores(drawings)) == ["Sneaker", "Ankle boot", gallery.NO_GARMENT]
