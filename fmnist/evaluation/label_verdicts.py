"""Verdicts on the labels of training images, by several reviewers, in a SQLite database."""

import sqlite3
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from fmnist.data.corrections import Corrections
from fmnist.data.splits import DATASET_SIZES
from fmnist.errors import ToldError
from fmnist.evaluation.database import Database
from fmnist.evaluation.verdicts import ImportResult
from fmnist.text import one_line

Action = Literal["keep", "relabel", "exclude"]
ACTIONS: Final[tuple[Action, ...]] = ("keep", "relabel", "exclude")
REVIEWER_LENGTH: Final = 40
FILE: Final = "label-verdicts.sqlite"

_SCHEMA_VERSION: Final = 1

# A reviewer's verdict on an image is the newest row. Rows of one click have one batch, which is
# undone as a whole: its rows are deleted, and what stood before is the newest again.
_SCHEMA: Final = """
    CREATE TABLE IF NOT EXISTS changes (
        id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
        batch INTEGER NOT NULL,
        dataset VARCHAR NOT NULL,
        image INTEGER NOT NULL,
        reviewer VARCHAR NOT NULL,
        action VARCHAR, -- null: it was withdrawn
        given_label INTEGER NOT NULL,
        label INTEGER, -- null: the image is left out
        time FLOAT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS of_image ON changes (dataset, image, reviewer, id);
    CREATE INDEX IF NOT EXISTS of_batch ON changes (batch)
"""


class LabelVerdictError(ToldError):
    """Verdicts that cannot be read or written; the message is one sentence for people."""


@dataclass(frozen=True)
class LabelVerdict:
    """What a reviewer says about the label of a training image.

    Attributes
    ----------
    image : int
        Position in the file of training images.
    given_label : int
        The data set's.
    label : int or None
        The right one: the given one to keep it, another one to relabel, None to leave the image
        out.
    reviewer : str
    time : float
        Seconds since 1970; 0 for now.
    """

    image: int
    given_label: int
    label: int | None
    reviewer: str
    time: float = field(default=0.0, compare=False)

    @property
    def action(self) -> Action:
        """What it asks for."""
        if self.label is None:
            return "exclude"
        return "keep" if self.label == self.given_label else "relabel"


Opinions = Mapping[int, Mapping[str, LabelVerdict]]
"""Verdicts by image and reviewer."""


@dataclass(frozen=True)
class Consensus:
    """What the reviewers say together.

    Attributes
    ----------
    settled : mapping of int to LabelVerdict
        By image: the newest verdict, where all who gave one agree.
    disputed : frozenset of int
        Images on which they do not.
    confirmed : frozenset of int
        Settled images that two or more have looked at.
    """

    settled: Mapping[int, LabelVerdict]
    disputed: frozenset[int]
    confirmed: frozenset[int]

    def corrections(self, dataset: str) -> Corrections:
        """The relabeled and the excluded images; those in dispute stay as they are."""
        verdicts = self.settled.values()
        return Corrections.of(
            dataset,
            relabeled={
                v.image: v.label
                for v in verdicts
                if v.action == "relabel" and v.label is not None
            },
            excluded=[v.image for v in verdicts if v.action == "exclude"],
        )  # fmt: skip


def consensus(opinions: Opinions, images: Iterable[int] | None = None) -> Consensus:
    """Where the reviewers agree.

    Parameters
    ----------
    opinions : mapping
    images : iterable of int, optional
        By default, all that have a verdict.
    """
    settled, disputed, confirmed = {}, set(), set()
    for image in opinions if images is None else images:
        given = list(opinions.get(image, {}).values())
        if len({verdict.label for verdict in given}) > 1:
            disputed.add(image)
        elif given:
            settled[image] = max(given, key=lambda verdict: verdict.time)
            if len(given) > 1:
                confirmed.add(image)
    return Consensus(settled, frozenset(disputed), frozenset(confirmed))


class LabelVerdictStore:
    """The database; safe for several threads, sessions and processes.

    Parameters
    ----------
    path : Path
        Made where it is absent.

    Raises
    ------
    LabelVerdictError
        By all methods: if the database cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._transaction = Database(
            path, "verdicts on labels", _SCHEMA, _SCHEMA_VERSION, LabelVerdictError
        ).transaction

    def give(self, dataset: str, verdicts: Iterable[LabelVerdict]) -> int:
        """Record verdicts, all or none; they replace their reviewers' current ones.

        Returns
        -------
        int
            For `undo`.

        Raises
        ------
        LabelVerdictError
            Also if an image, a label or a reviewer is impossible.
        """
        rows = [_row(dataset, checked(dataset, verdict)) for verdict in verdicts]
        return self._append(rows)

    def withdraw(self, dataset: str, image: int, reviewer: str) -> int:
        """Remove a reviewer's verdict on an image; returns a number for `undo`."""
        row = _row(dataset, LabelVerdict(image, 0, None, reviewer)) | {"action": None}
        return self._append([row])

    def _append(self, rows: list[dict[str, Any]]) -> int:
        with self._transaction() as connection:
            return _append(connection, rows)

    def undo(self, batch: int) -> None:
        """Restore what stood before a `give` or `withdraw`, for all of its images.

        Raises
        ------
        LabelVerdictError
            Also if there is no such change, or a later one has changed one of its images.
        """
        with self._transaction() as connection:
            rows = connection.execute("SELECT * FROM changes WHERE batch = ?", (batch,)).fetchall()
            if not rows:
                raise LabelVerdictError("There is no such verdict to take back.")
            later = connection.execute(
                "SELECT count(*) FROM changes AS old JOIN changes AS new USING"
                " (dataset, image, reviewer) WHERE old.batch = ? AND new.id > old.id"
                " AND new.batch != old.batch",
                (batch,),
            ).fetchone()[0]
            if later:
                raise LabelVerdictError("The verdict was changed since, so it is left as it is.")
            connection.execute("DELETE FROM changes WHERE batch = ?", (batch,))

    def read(self, dataset: str) -> tuple[dict[int, dict[str, LabelVerdict]], str]:
        """The current verdicts by image and reviewer, and a sentence on those that are damaged."""
        with self._transaction(writes=False) as connection:
            found, problems = _all(connection, dataset)
        if not problems:
            return found, ""
        return found, (
            f"{problems:,} of the verdicts in {self._path} are damaged and left out; give them "
            "again, or import your last export."
        )

    def version(self) -> tuple[int, int]:
        """Differs after every change."""
        with self._transaction(writes=False) as connection:
            row = connection.execute("SELECT max(id), count(*) FROM changes").fetchone()
            return row[0] or 0, row[1]

    def export_csv(self, dataset: str) -> str:
        """The current verdicts as CSV, for `import_csv`."""
        from fmnist.evaluation.label_verdict_files import write

        opinions, _ = self.read(dataset)
        return write(dataset, (v for given in opinions.values() for v in given.values()))

    def import_csv(
        self, text: str, labels: Mapping[str, NDArray[np.integer]] | None = None
    ) -> ImportResult:
        """Import verdicts that `export_csv` wrote: all of them, or none.

        Parameters
        ----------
        text : str
        labels : mapping of str to int (N,), optional
            Labels of the training images, by data set; verdicts on other labels are refused.

        Raises
        ------
        LabelVerdictError
            Also if a line cannot be read; it says which, and why.
        """
        from fmnist.evaluation.label_verdict_files import parse

        read = parse(text, labels)
        with self._transaction() as connection:
            present = {name: _all(connection, name)[0] for name in {name for name, _ in read}}
            news, added = [], 0
            for dataset, verdict in read:
                of_image = present[dataset].setdefault(verdict.image, {})
                before = of_image.get(verdict.reviewer)
                if before is None or before.label != verdict.label:
                    news.append(_row(dataset, verdict))
                    of_image[verdict.reviewer] = verdict
                    added += before is None
            if news:
                _append(connection, news)
        return ImportResult(added, len(news) - added, len(read) - len(news))


def checked(dataset: str, verdict: LabelVerdict) -> LabelVerdict:
    """A verdict on an image that exists, with its reviewer's name in one line.

    Raises
    ------
    LabelVerdictError
    """
    from fmnist.evaluation.documents import LabelVerdictDocument

    try:
        reviewer = checked_reviewer(verdict.reviewer)
        _document(LabelVerdictDocument, dataset, replace(verdict, reviewer=reviewer))
    except ValueError as error:
        raise LabelVerdictError(f"The verdict is impossible ({error}).") from error
    return replace(verdict, reviewer=reviewer)


def checked_reviewer(name: str) -> str:
    """A reviewer's name in one line.

    Raises
    ------
    LabelVerdictError
        If it is empty or too long.
    """
    found = one_line(name, REVIEWER_LENGTH + 1)
    if not 0 < len(found) <= REVIEWER_LENGTH:
        raise LabelVerdictError(
            f"A reviewer's name has 1 to {REVIEWER_LENGTH} characters; choose another."
        )
    return found


def _document(document: Any, dataset: str, verdict: LabelVerdict) -> Any:
    size = DATASET_SIZES.get(dataset, {"train": 0})["train"]
    if not 0 <= verdict.image < size:
        raise ValueError(f"there is no training image {verdict.image}")
    return document.parse(_row(dataset, verdict))


def _row(dataset: str, verdict: LabelVerdict) -> dict[str, Any]:
    return {
        "dataset": dataset, "image": verdict.image, "reviewer": verdict.reviewer,
        "action": verdict.action, "given_label": verdict.given_label, "label": verdict.label,
        "time": verdict.time or time.time(),
    }  # fmt: skip


def _append(connection: sqlite3.Connection, rows: list[dict[str, Any]]) -> int:
    newest = connection.execute(
        "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'changes'), 0)"
    ).fetchone()[0]
    batch = int(newest) + 1  # the first of its rows; no number comes twice
    connection.executemany(_INSERT, [row | {"batch": batch} for row in rows])
    return batch


_INSERT: Final = (
    "INSERT INTO changes (batch, dataset, image, reviewer, action, given_label, label, time)"
    " VALUES (:batch, :dataset, :image, :reviewer, :action, :given_label, :label, :time)"
)


def _all(
    connection: sqlite3.Connection, dataset: str
) -> tuple[dict[int, dict[str, LabelVerdict]], int]:
    """The current verdicts, sorted by image, and the number of damaged ones."""
    from fmnist.evaluation.documents import LabelVerdictDocument

    query = (
        "SELECT dataset, image, reviewer, action, given_label, label, time FROM changes"
        " WHERE action IS NOT NULL AND dataset = ?"
        " AND id IN (SELECT max(id) FROM changes GROUP BY dataset, image, reviewer)"
        " ORDER BY image, id"
    )
    found: dict[int, dict[str, LabelVerdict]] = {}
    problems = 0
    for row in connection.execute(query, (dataset,)):
        try:
            read = LabelVerdictDocument.parse(dict(row))
        except ValueError:
            problems += 1
            continue
        verdict = LabelVerdict(read.image, read.given_label, read.label, read.reviewer, read.time)
        found.setdefault(read.image, {})[read.reviewer] = verdict
    return found, problems
