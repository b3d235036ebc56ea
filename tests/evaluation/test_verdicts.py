"""Verdicts on images: kept, undone, exported, imported, by several at once."""

import csv
import io
import math
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fmnist import paths
from fmnist.evaluation.verdicts import (
    ImageKey,
    ImportResult,
    Verdict,
    VerdictConflict,
    VerdictError,
    VerdictStore,
)

SHIRT = ImageKey("fashion-mnist", "test", 5)
COAT = ImageKey("fashion-mnist", "train", 59_999)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "artifacts" / "verdicts.sqlite"


@pytest.fixture
def store(path: Path) -> VerdictStore:
    return VerdictStore(path)


def verdict(image: ImageKey = SHIRT, said: str = "ambiguous", note: str = "") -> Verdict:
    return Verdict(image, said, note, 1_700_000_000.0, 6, 0, "fashion-cnn")


def test_a_verdict_given_here_is_seen_there(store: VerdictStore, path: Path) -> None:
    before = store.version()
    store.give(verdict(note="  striped  "))
    elsewhere = VerdictStore(path)
    assert elsewhere.get(SHIRT) == verdict(note="striped")
    assert elsewhere.get(COAT) is None
    assert elsewhere.version() > before


def test_the_newest_verdict_counts(store: VerdictStore) -> None:
    store.give(verdict())
    store.give(verdict(said="label-wrong"))
    found = store.get(SHIRT)
    assert found and found.verdict == "label-wrong"
    store.withdraw(SHIRT)
    assert store.get(SHIRT) is None and store.all() == {}


def test_undo_brings_back_what_stood_before(store: VerdictStore) -> None:
    first = store.give(verdict())
    second = store.give(verdict(said="label-wrong"))
    store.undo(second)
    assert store.get(SHIRT) == verdict()
    with pytest.raises(VerdictError, match="changed since"):
        store.undo(second)
    with pytest.raises(VerdictError, match="changed since"):
        store.undo(first)
    with pytest.raises(VerdictError, match="no such verdict"):
        store.undo(99)
    withdrawn = store.withdraw(SHIRT)
    store.undo(withdrawn)
    assert store.get(SHIRT) == verdict()
    only = store.give(verdict(COAT))
    store.undo(only)
    assert store.get(COAT) is None


def test_counts_and_filters(store: VerdictStore) -> None:
    store.give(verdict())
    store.give(verdict(COAT, "model-mistake"))
    store.give(verdict(ImageKey("synthetic-garments", "test", 1), "label-wrong"))
    assert store.counts("fashion-mnist")[6].tolist() == [1, 1, 0]
    assert store.counts("synthetic-garments").sum() == 1
    assert list(store.all("fashion-mnist", "test")) == [SHIRT]
    assert len(store.all()) == 3


def test_what_is_no_verdict_is_refused(store: VerdictStore) -> None:
    with pytest.raises(VerdictError, match="no verdict 'nice'"):
        store.give(verdict(said="nice"))
    with pytest.raises(VerdictError, match="longer than 500"):
        store.give(verdict(note="x" * 501))
    assert store.all() == {}


def test_many_threads_lose_nothing(path: Path) -> None:
    failures = []

    def write(number: int) -> None:
        own = VerdictStore(path)
        try:
            for index in range(20):
                own.give(verdict(ImageKey("fashion-mnist", "test", 100 * number + index)))
        except VerdictError as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(VerdictStore(path).all()) == 100


def test_another_process_writes_at_the_same_time(store: VerdictStore, path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from fmnist.evaluation.verdicts import ImageKey, Verdict, VerdictStore\n"
        "store = VerdictStore(Path(sys.argv[1]))\n"
        "for i in range(50):\n"
        "    store.give(Verdict(ImageKey('fashion-mnist', 'train', i), 'ambiguous'))\n"
    )
    other = subprocess.Popen([sys.executable, "-c", script, str(path)], cwd=paths.PROJECT)
    for index in range(50):
        store.give(verdict(ImageKey("fashion-mnist", "test", index)))
    assert other.wait() == 0
    assert len(store.all()) == 100


def test_an_export_imported_again_changes_nothing(store: VerdictStore, tmp_path: Path) -> None:
    notes = ["=1+1", "'quoted'", 'a "b", c', "two\nlines", "Ärmel → 袖", "-", ""]
    for index, note in enumerate(notes):
        store.give(verdict(ImageKey("fashion-mnist", "test", index), note=note))
    text = store.export_csv()
    assert "\n=1+1" not in text and ",=1+1" not in text  # no spreadsheet computes it
    version = store.version()
    assert store.import_csv(text) == ImportResult(0, 0, len(notes))
    assert store.version() == version
    fresh = VerdictStore(tmp_path / "fresh.sqlite")
    assert fresh.import_csv(text) == ImportResult(len(notes), 0, 0)
    assert fresh.all() == store.all()
    assert [v.note for v in fresh.all().values()] == notes


def test_every_text_of_an_export_is_shielded(store: VerdictStore, tmp_path: Path) -> None:
    image = ImageKey("=cmd|' /C calc'!A0", "test", 1)
    store.give(replace(verdict(image, note="＝HYPERLINK(1)"), run="@SUM(1)"))
    text = store.export_csv()
    rows = list(csv.reader(io.StringIO(text)))
    assert [rows[1][0], rows[1][2], rows[1][6], rows[1][8]] == [
        "'=cmd|' /C calc'!A0", "1", "'＝HYPERLINK(1)", "'@SUM(1)",
    ]  # fmt: skip
    fresh = VerdictStore(tmp_path / "fresh.sqlite")
    assert fresh.import_csv(text) == ImportResult(1, 0, 0)
    assert fresh.all() == store.all()


def test_what_european_spreadsheets_save_is_read(store: VerdictStore, tmp_path: Path) -> None:
    store.give(verdict(note="a; b, c"))
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=";").writerows(csv.reader(io.StringIO(store.export_csv())))
    fresh = VerdictStore(tmp_path / "fresh.sqlite")
    assert fresh.import_csv(buffer.getvalue()) == ImportResult(1, 0, 0)
    assert fresh.import_csv("sep=,\r\n" + store.export_csv()) == ImportResult(0, 0, 1)
    assert fresh.all() == store.all()


def test_an_import_reads_and_parses_outside_the_lock(store: VerdictStore, path: Path) -> None:
    images = [ImageKey("fashion-mnist", "test", index) for index in range(1000)]
    for_import = VerdictStore(path.with_name("other.sqlite"))
    for_import.import_csv(_file(images))
    text, given = for_import.export_csv(), []

    def show(done: int, total: int) -> None:
        # somebody gives a verdict meanwhile, on an image of the file
        given.append((done, total))
        VerdictStore(path).give(verdict(images[-1], "label-wrong"))

    assert store.import_csv(text, show) == ImportResult(999, 1, 0)
    assert given == [(501, 1001), (1001, 1001)]
    assert [found.verdict for found in store.all().values()] == ["ambiguous"] * 1000


def test_readers_do_not_wait_for_a_writer(store: VerdictStore, path: Path) -> None:
    store.give(verdict())
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert store.get(SHIRT) == verdict()
        assert len(store.all()) == 1


def test_thousands_of_verdicts_are_imported_at_once(store: VerdictStore) -> None:
    images = [ImageKey("fashion-mnist", "train", index) for index in range(8000)]
    began = time.process_time()
    assert store.import_csv(_file(images)) == ImportResult(8000, 0, 0)
    assert store.import_csv(_file(images)) == ImportResult(0, 0, 8000)
    assert time.process_time() - began < 5  # a tenth of it here


def _file(images: list[ImageKey]) -> str:
    """A file of verdicts."""
    lines = [GOOD.replace(",test,3,", f",{image.part},{image.index},") for image in images]
    return "\n".join([HEADER, *lines, ""])


def test_an_import_replaces_other_verdicts(store: VerdictStore) -> None:
    store.give(verdict())
    text = store.export_csv()
    store.give(verdict(said="label-wrong"))
    assert store.import_csv(text) == ImportResult(0, 1, 0)
    assert store.get(SHIRT) == verdict()


HEADER = "dataset,part,index,true_class,predicted_class,verdict,note,time,run"
GOOD = "fashion-mnist,test,3,Shirt,Coat,ambiguous,,2026-01-01T00:00:00+00:00,run"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (GOOD.replace("ambiguous", "nice"), "Line 3 .* no verdict 'nice'"),
        (GOOD.replace(",test,", ",validation,"), "Line 3 .* part 'validation'"),
        (GOOD.replace(",3,", ",10000,"), "Line 3 .* index '10000'"),
        (GOOD.replace(",3,", ",-1,"), "Line 3 .* index '-1'"),
        (GOOD.replace("Shirt", "Hat"), "Line 3 .* no class 'Hat'"),
        (GOOD.replace("2026-01-01", "soon"), "Line 3 .* the time"),
        (GOOD.replace("2026-01-01T00:00:00+00:00", "0001-01-01T00:00:00+14:00"), "Line 3 .* time"),
        (GOOD.replace("2026-01-01T00:00:00+00:00", "9999-12-31T23:59:59-14:00"), "Line 3 .* time"),
        (GOOD.replace("2026-01-01T00:00:00+00:00", "0001-01-01"), "Line 3 .* time"),
        (GOOD.replace(",3,", f",{'1' * 5000},"), "Line 3 .* index '1{39}…' is not"),
        (GOOD.replace(",run", f",{'x' * 201}"), "Line 3 .* run: String should have at most 200"),
        (GOOD.replace(",,", f",{'x' * 501},"), "Line 3 .* note is too long"),
        (GOOD.replace("fashion-mnist", ""), "Line 3 .* dataset: "),
        (GOOD + "n" * 300, "Line 3 .* run: "),
        (GOOD.replace(",3,", f",{'3' * 5000},"), "Line 3 .* index '3{39}…'"),
        ("fashion-mnist,test,3", "Line 3 .* cell"),
        (GOOD + ",more", "Line 3 .* cell"),
    ],
)
def test_a_bad_line_leaves_everything_as_it_was(store: VerdictStore, line: str, says: str) -> None:
    with pytest.raises(VerdictError, match=says):
        store.import_csv(f"{HEADER}\n{GOOD}\n{line}\n")
    assert store.all() == {}


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "\x00"])
def test_other_files_are_no_verdicts(store: VerdictStore, text: str) -> None:
    with pytest.raises(VerdictError, match="lacks the column|not valid CSV"):
        store.import_csv(text)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("part", "validation"), ("image", -1), ("image", 10_000), ("image", "five"),
        ("image", 2**62), ("verdict", "nice"), ("note", b"\xff\xfe"), ("note", "x" * 501),
        ("time", math.inf), ("time", -1.0), ("time", 1e300), ("time", "soon"),
        ("true_label", 99), ("true_label", -1), ("true_label", 1.5), ("predicted_label", 10),
        ("run", 5), ("dataset", ""),
    ],
)  # fmt: skip
def test_a_damaged_row_is_told_and_the_others_are_there(
    store: VerdictStore, path: Path, column: str, value: object
) -> None:
    store.give(verdict(COAT))
    assert store.problem() == ""
    damaged = store.give(verdict())
    change_row(path, damaged, column, value)
    assert store.all() == {COAT: verdict(COAT)}
    assert store.counts("fashion-mnist").sum() == 1
    assert store.export_csv().count("\n") == 2
    problem = store.problem()
    assert problem.startswith(f"A verdict in {path} is damaged and left out (")
    assert "\n" not in problem and problem.endswith("; give the verdict again, or import your "
                                                    "last export.")  # fmt: skip
    store.give(verdict())
    assert store.get(SHIRT) == verdict()


def change_row(path: Path, row: int, column: str, value: object) -> None:
    with sqlite3.connect(path) as connection:
        if column == "run":  # a number would become a text
            connection.execute("PRAGMA ignore_check_constraints = 1")
            value = b"5"
        connection.execute(f"UPDATE changes SET {column} = ? WHERE id = ?", (value, row))
    connection.close()


def test_damaged_letters_are_replaced(store: VerdictStore, path: Path) -> None:
    row = store.give(verdict())
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE changes SET note = CAST(x'61FF' AS TEXT) WHERE id = ?", (row,))
    connection.close()
    assert store.all() == {SHIRT: verdict(note="a\ufffd")}


def test_a_damaged_verdict_cannot_be_brought_back(store: VerdictStore, path: Path) -> None:
    before = store.give(verdict())
    change_row(path, before, "true_label", 99)
    after = store.give(verdict(said="label-wrong"))
    with pytest.raises(VerdictError, match="cannot be brought back: it is damaged"):
        store.undo(after)
    found = store.get(SHIRT)
    assert found and found.verdict == "label-wrong"


@pytest.mark.parametrize(
    "moment",
    [
        "1970-01-01T00:00:00+00:00",
        "2026-01-01",
        "5138-01-01T00:00:00+00:00",
        "2026-01-01T00:00:00Z",
    ],
)
def test_what_an_import_accepts_the_export_can_write(store: VerdictStore, moment: str) -> None:
    header = "dataset,part,index,true_class,predicted_class,verdict,note,time,run"
    line = GOOD.replace("2026-01-01T00:00:00+00:00", moment)
    assert store.import_csv(f"{header}\n{line}\n").added == 1
    assert store.import_csv(store.export_csv()) == ImportResult(0, 0, 1)


def test_a_full_disk_is_told_in_our_own_words(
    store: VerdictStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.give(verdict())

    def limited(*arguments: Any, original: Any = sqlite3.connect, **more: Any) -> Any:
        connection = original(*arguments, **more)
        connection.execute("PRAGMA max_page_count = 3")  # as little as there is
        return connection

    monkeypatch.setattr(sqlite3, "connect", limited)
    with pytest.raises(VerdictError, match=r"written \(the disk is full; free some space, then"):
        for index in range(500):
            store.give(verdict(ImageKey("fashion-mnist", "test", index), note="x" * 500))


def test_a_damaged_database_is_told_and_left_alone(store: VerdictStore, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"rubbish" * 100)
    for use in (lambda: store.get(SHIRT), lambda: store.give(verdict()), store.version):
        with pytest.raises(VerdictError, match="cannot be read or written"):
            use()
    assert path.read_bytes() == b"rubbish" * 100


def test_a_newer_database_is_left_alone(store: VerdictStore, path: Path) -> None:
    store.give(verdict())
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 3")
    connection.close()
    with pytest.raises(VerdictError, match="newer version"):
        store.give(verdict(COAT))


def test_data_sets_get_their_names_of_today(store: VerdictStore, path: Path) -> None:
    old = ImageKey("drawn-garments", "test", 1)
    store.give(verdict(old))
    exported = store.export_csv()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 1")  # before they were renamed
    connection.close()
    new = ImageKey("synthetic-garments", "test", 1)
    assert list(store.all()) == [new]
    assert store.import_csv(exported) == ImportResult(added=0, changed=0, unchanged=1)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(VerdictError, match="cannot be read or written"):
        VerdictStore(tmp_path / "file" / "verdicts.sqlite").give(verdict())


def test_reading_makes_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "verdicts.sqlite", tmp_path / "file" / "verdicts.sqlite"):
        store = VerdictStore(path)
        assert (store.all(), store.get(SHIRT), store.version()) == ({}, None, 0)
        assert store.export_csv().count("\n") == 1
        assert not path.exists()


def test_only_the_verdict_that_was_seen_is_replaced(store: VerdictStore) -> None:
    store.give(verdict(note="theirs"), seen=0)
    present = store.get(SHIRT)
    assert present and present.change
    mine = verdict(said="label-wrong", note="mine")
    for seen in (0, present.change - 1, present.change + 1):
        with pytest.raises(VerdictConflict, match="in another window"):
            store.give(mine, seen=seen)
        with pytest.raises(VerdictConflict):
            store.withdraw(SHIRT, seen=seen)
    assert store.get(SHIRT) == present
    store.give(mine, seen=present.change)
    assert store.get(SHIRT) == mine
    store.withdraw(SHIRT)
    store.give(mine, seen=0)
    assert store.get(SHIRT) == mine


def test_several_changes_are_undone_one_after_the_other(store: VerdictStore) -> None:
    changes = [store.give(verdict(note=note)) for note in ("first", "second", "third")]
    newest = changes[-1]
    for change, note in zip(reversed(changes), ("second", "first", None), strict=True):
        newest = store.undo(change, seen=newest)
        present = store.get(SHIRT)
        assert (present.note if present else None) == note
