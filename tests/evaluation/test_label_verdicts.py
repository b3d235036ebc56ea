"""Verdicts on training labels: kept, in bulk, undone, agreed on, exported, imported."""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from fmnist.data.corrections import Corrections
from fmnist.evaluation.label_verdicts import (
    LabelVerdict,
    LabelVerdictError,
    LabelVerdictStore,
    consensus,
)
from fmnist.evaluation.verdicts import ImportResult

DATASET = "synthetic-garments"


def verdict(image: int, label: int | None, reviewer: str = "Ann", given: int = 6) -> LabelVerdict:
    return LabelVerdict(image, given, label, reviewer, 1_700_000_000.0 + image)


@pytest.fixture
def store(tmp_path: Path) -> LabelVerdictStore:
    return LabelVerdictStore(tmp_path / "artifacts" / "label-verdicts.sqlite")


def test_each_reviewer_has_a_verdict_and_the_newest_counts(store: LabelVerdictStore) -> None:
    store.give(DATASET, [verdict(3, 0), verdict(4, 6), verdict(5, None)])
    store.give(DATASET, [verdict(3, 2), verdict(5, 6, "Bo")])
    found, problem = store.read(DATASET)
    assert problem == ""
    assert {i: {who: v.action for who, v in of.items()} for i, of in found.items()} == {
        3: {"Ann": "relabel"}, 4: {"Ann": "keep"}, 5: {"Ann": "exclude", "Bo": "keep"},
    }  # fmt: skip
    assert found[3]["Ann"].label == 2
    assert store.read("fashion-mnist") == ({}, "")
    store.withdraw(DATASET, 4, "Ann")
    assert 4 not in store.read(DATASET)[0]


def test_undo_takes_a_whole_click_back_and_one_after_the_other(store: LabelVerdictStore) -> None:
    first = store.give(DATASET, [verdict(i, 6) for i in range(40)])
    stood, version = store.read(DATASET), store.version()
    second = store.give(DATASET, [verdict(i, None) for i in range(60)])
    third = store.withdraw(DATASET, 7, "Ann")
    with pytest.raises(LabelVerdictError, match="changed since"):
        store.undo(second)
    store.undo(third)
    store.undo(second)
    assert store.read(DATASET) == stood and store.version() == version
    with pytest.raises(LabelVerdictError, match="no such verdict"):
        store.undo(second)
    assert store.give(DATASET, [verdict(1, 2)]) > third  # no number comes twice
    with pytest.raises(LabelVerdictError, match="changed since"):
        store.undo(first)


def test_another_reviewers_verdict_does_not_stop_an_undo(store: LabelVerdictStore) -> None:
    mine = store.give(DATASET, [verdict(3, 0)])
    store.give(DATASET, [verdict(3, 6, "Bo")])
    store.undo(mine)
    assert list(store.read(DATASET)[0][3]) == ["Bo"]


def test_corrections_are_what_all_agree_on(store: LabelVerdictStore) -> None:
    store.give(DATASET, [verdict(1, 0), verdict(2, None), verdict(3, 6), verdict(4, 2)])
    store.give(DATASET, [verdict(1, 0, "Bo"), verdict(4, None, "Bo"), verdict(5, None, "Bo")])
    together = consensus(store.read(DATASET)[0])
    assert sorted(together.settled) == [1, 2, 3, 5]
    assert together.disputed == {4} and together.confirmed == {1}
    assert together.corrections(DATASET) == Corrections.of(
        DATASET, relabeled={1: 0}, excluded=[2, 5]
    )
    assert sorted(consensus(store.read(DATASET)[0], [1, 4, 9]).settled) == [1]


def test_an_export_imported_again_changes_nothing(store: LabelVerdictStore, tmp_path: Path) -> None:
    store.give(DATASET, [verdict(1, 0, "=1+1"), verdict(2, None), verdict(3, 6)])
    text = store.export_csv(DATASET)
    assert ",=1+1" not in text  # no spreadsheet computes it
    assert store.import_csv(text) == ImportResult(0, 0, 3)
    fresh = LabelVerdictStore(tmp_path / "fresh.sqlite")
    fresh.give(DATASET, [verdict(2, 6)])
    assert fresh.import_csv(text) == ImportResult(2, 1, 0)
    assert fresh.read(DATASET) == store.read(DATASET)


HEADER = "dataset,index,given_class,verdict,class,reviewer,time"
GOOD = f"{DATASET},3,Shirt,relabel,Coat,Ann,2026-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (GOOD.replace(",3,", ",-1,"), "the index '-1'"),
        (GOOD.replace(",3,", ",10000,"), "no training image 10000"),
        (GOOD.replace(DATASET, "hats"), "no training image 3"),
        (GOOD.replace("Shirt", "Hat"), "no class 'Hat'"),
        (GOOD.replace("relabel", "keep"), "'keep' does not fit"),
        (GOOD.replace("Coat", ""), "'relabel' does not fit"),
        (GOOD.replace("Ann", " "), "1 to 40 characters"),
        (GOOD.replace("Ann", "A" * 41), "1 to 40 characters"),
        (GOOD.replace("2026-01-01T", "soon"), "the time"),
    ],
)
def test_a_bad_line_leaves_everything_as_it_was(
    store: LabelVerdictStore, line: str, says: str
) -> None:
    with pytest.raises(LabelVerdictError, match=f"Line 3 of the file: .*{says}"):
        store.import_csv(f"{HEADER}\n{GOOD}\n{line}\n")
    assert store.read(DATASET) == ({}, "")


def test_verdicts_on_labels_that_the_images_do_not_have_are_refused(
    store: LabelVerdictStore,
) -> None:
    labels = np.full(10, 6)
    with pytest.raises(LabelVerdictError, match="Line 2 of the file: training image 3 is labeled"):
        store.import_csv(f"{HEADER}\n{GOOD.replace('Shirt', 'Bag')}\n", {DATASET: labels})
    assert store.read(DATASET) == ({}, "")
    assert store.import_csv(f"{HEADER}\n{GOOD}\n", {DATASET: labels}) == ImportResult(1, 0, 0)


def test_impossible_verdicts_are_refused_together(store: LabelVerdictStore) -> None:
    for wrong in (verdict(10_000, 0), verdict(-1, 0), verdict(1, 10), verdict(1, 2, "")):
        with pytest.raises(LabelVerdictError):
            store.give(DATASET, [verdict(2, 0), wrong])
    assert store.read(DATASET) == ({}, "")


def test_a_damaged_row_is_told_and_the_others_are_there(
    store: LabelVerdictStore, tmp_path: Path
) -> None:
    store.give(DATASET, [verdict(1, 0), verdict(2, 0)])
    path = tmp_path / "artifacts" / "label-verdicts.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE changes SET label = 77 WHERE image = 2")
    found, problem = store.read(DATASET)
    assert list(found) == [1]
    assert problem.startswith(f"1 of the verdicts in {path}")


def test_reading_makes_no_file_and_rubbish_is_told(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.sqlite"
    assert LabelVerdictStore(path).read(DATASET) == ({}, "")
    assert not path.exists()
    path.write_bytes(b"rubbish" * 100)
    with pytest.raises(LabelVerdictError, match="verdicts on labels in .* cannot be read"):
        LabelVerdictStore(path).give(DATASET, [verdict(1, 0)])
