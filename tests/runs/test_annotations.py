"""Tags, notes, groups and stars of runs."""

import errno
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fmnist.runs import annotations, store
from fmnist.runs.annotations import Annotations, AnnotationsError
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run, RunError

CONFIG = TrainConfig(dataset="synthetic-garments", epochs=3)
ALL = Annotations(("seeds", "dropout 0.3"), "first\nsecond", "Three seeds", favorite=True)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return store.create_run(tmp_path, CONFIG, name="a run")


def reread(run: Run) -> Run:
    return store.open_run(run.folder.parent, run.run_id)


def test_a_new_run_has_none(run: Run) -> None:
    assert run.annotations == reread(run).annotations == Annotations()
    assert not (run.folder / annotations.FILE).exists()


def test_what_is_changed_is_read_again(run: Run) -> None:
    annotations.change(run, lambda _: ALL)
    assert reread(run).annotations == ALL
    annotations.change(run, lambda kept: replace(kept, favorite=False))
    assert reread(run).annotations == replace(ALL, favorite=False)
    assert [run.annotations for run in store.list_runs(run.folder.parent)] == [
        replace(ALL, favorite=False)
    ]


def test_a_run_may_have_them_from_the_beginning(tmp_path: Path) -> None:
    made = store.create_run(tmp_path, CONFIG, annotated=ALL)
    assert made.annotations == reread(made).annotations == ALL


def test_text_is_tidied() -> None:
    tidy = Annotations((" a \n b", "", "a b"), " \nfirst \u202e line\n\nlast\n ", "  a\tgroup ")
    assert tidy == Annotations(("a b",), "first line\n\nlast", "a group")
    assert Annotations(group=" ").group is None


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda: Annotations(("x" * 41,)), "tags of 1 to 40 characters, without commas"),
        (lambda: Annotations(("a, b",)), "without commas"),
        (lambda: Annotations(tuple(map(str, range(21)))), "at most 20 tags"),
        (lambda: Annotations(notes="x" * 2001), "below 2,000 characters"),
        (lambda: Annotations(group="x" * 81), "a name of 1 to 80 characters"),
    ],
)
def test_what_is_too_long_is_refused(made: Callable[[], Annotations], told: str) -> None:
    with pytest.raises(AnnotationsError, match=told):
        made()


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"tags": "a"}', '{"favorite": 1}', '{"mood": "good"}', '{"tags": ["a, b"]}'],
)
def test_a_damaged_file_leaves_the_run_usable(run: Run, text: str) -> None:
    path = run.folder / annotations.FILE
    path.write_text(text)
    found = reread(run)
    assert (found.state, found.annotations) == ("interrupted", Annotations())
    told = r"annotations.json cannot be read \(.+\); restore it from a copy, or delete it\."
    assert found.annotations_problem
    with pytest.raises(AnnotationsError, match=told):
        annotations.change(found, lambda _: ALL)
    assert path.read_text() == text  # what is left of it is not written over
    path.unlink()
    annotations.change(found, lambda _: ALL)
    assert reread(run).annotations_problem is None


def test_the_run_is_gone(run: Run) -> None:
    shutil.rmtree(run.folder)
    with pytest.raises(AnnotationsError, match="it was deleted or moved"):
        annotations.change(run, lambda _: ALL)
    assert not run.folder.exists()


def test_changes_at_once_are_all_kept(run: Run) -> None:
    def add(tag: str) -> None:
        annotations.change(run, lambda kept: replace(kept, tags=(*kept.tags, tag)))

    threads = [threading.Thread(target=add, args=(str(number),)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(reread(run).annotations.tags) == set(map(str, range(12)))


def test_groups(tmp_path: Path) -> None:
    names = {"1": "a", "2": None, "3": "b", "4": "a"}
    runs = [
        store.create_run(tmp_path, CONFIG, name=name, annotated=Annotations(group=group))
        for name, group in names.items()
    ]
    found = annotations.groups(runs)
    assert {group: [run.name for run in each] for group, each in found.items()} == {
        "a": ["1", "4"],
        "b": ["3"],
    }


def several(folder: Path) -> list[Run]:
    return [store.create_run(folder, CONFIG, name=name) for name in "ABCDE"]


def tagged(runs: list[Run]) -> list[str]:
    return [run.name for run in runs if reread(run).annotations.tags]


def test_of_several_all_are_changed_or_none(tmp_path: Path) -> None:
    runs = several(tmp_path)
    annotations.change(runs[3], lambda _: Annotations(tuple(map(str, range(20)))))
    with pytest.raises(AnnotationsError, match=r"^D: Give a run at most 20 tags\.$"):
        annotations.change_all(runs, lambda kept: replace(kept, tags=(*kept.tags, "one more")))
    assert tagged(runs) == ["D"]
    annotations.change(runs[3], lambda _: Annotations())
    shutil.rmtree(runs[4].folder)
    with pytest.raises(AnnotationsError, match="it was deleted or moved"):
        annotations.change_all(runs, lambda _: ALL)
    assert tagged(runs[:4]) == []
    annotations.change_all(runs[:4], lambda _: ALL)
    assert tagged(runs[:4]) == list("ABCD")


def test_which_are_changed_is_told_where_it_cannot_be_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, replace_path, unlink = several(tmp_path), Path.replace, Path.unlink

    def fail_at_d(path: Path, target: Path) -> Path:
        if target.parent == runs[3].folder:
            raise OSError(errno.EIO, "disk")
        return replace_path(path, target)

    def fail_but_for_b(path: Path, missing_ok: bool = False) -> None:
        if path.name == annotations.FILE and path.parent != runs[1].folder:
            raise OSError(errno.EIO, "disk")
        unlink(path, missing_ok)

    with monkeypatch.context() as patch, pytest.raises(AnnotationsError) as caught:
        patch.setattr(Path, "replace", fail_at_d)
        patch.setattr(Path, "unlink", fail_but_for_b)
        annotations.change_all(runs, lambda _: ALL)
    assert str(caught.value) == (
        "A and C were changed, B, D and E were not: the disk failed; check it."
    )
    assert tagged(runs) == ["A", "C"]


def test_name_and_tags_are_changed_together(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    store.edit_run(run, "B", lambda _: ALL)
    assert (reread(run).name, reread(run).annotations) == ("B", ALL)
    with pytest.raises(AnnotationsError, match="at most 20 tags"):
        store.edit_run(run, "C", lambda _: Annotations(tuple(map(str, range(21)))))
    assert reread(run).name == "B"
    with pytest.raises(RunError, match="1 to 80"):
        store.edit_run(run, "", lambda _: Annotations())
    replace_path = Path.replace

    def fail(path: Path, target: Path) -> Path:
        if target.name == annotations.FILE:
            raise OSError(errno.EIO, "disk")
        return replace_path(path, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk"):
        store.edit_run(run, "C", lambda _: Annotations())
    assert (reread(run).name, reread(run).annotations) == ("B", ALL)
