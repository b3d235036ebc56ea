"""Tables as CSV: what is written opens in a spreadsheet as text and numbers, never as formulas."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

# where a cell may begin for a spreadsheet: at a line break and, in Europe, at a semicolon, too
_BEFORE: Final = r"(^\s*|[;\t\r\n])"
_SIGNS: Final = r"[=+\-@＝＋－＠']"  # the shield itself is one of them
_FORMULA: Final = re.compile(f"{_BEFORE}(?={_SIGNS})")
_SHIELDED: Final = re.compile(f"{_BEFORE}'(?={_SIGNS})")
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_SEPARATORS: Final = ",;\t"


def shield(text: str) -> str:
    """Put a quote before what a spreadsheet would read as a formula; numbers stay."""
    return text if _NUMBER.fullmatch(text) else _FORMULA.sub(r"\1'", text)


def unshield(text: str) -> str:
    """Text before `shield`."""
    return _SHIELDED.sub(r"\1", text)


def write_table(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Write rows as CSV, with a line of column names; None becomes an empty cell.

    Parameters
    ----------
    columns : sequence of str
        Columns to write, in order.
    rows : iterable of mapping
        Cells by column; other columns are left out. Every text is shielded.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(map(shield, columns))
    for row in rows:
        cells = (row.get(name) for name in columns)
        writer.writerow(shield(c) if isinstance(c, str) else c for c in cells)
    return buffer.getvalue()


def read_table(text: str, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Read rows of CSV that `write_table` wrote, or a spreadsheet made of it.

    Cells are separated by commas, semicolons (as European spreadsheets save) or tabs, or by what a
    first line `sep=` says. Quotes of `shield` are taken off.

    Parameters
    ----------
    text : str
    columns : sequence of str
        Columns that the file must have; others are left out.

    Yields
    ------
    int
        The number of the row's last line.
    dict of str to str
        Cells by column.

    Raises
    ------
    ValueError
        If a column is missing, a row has too few or too many cells, or a quote is not closed; the
        message is a sentence that names the line.
    """
    lines = io.StringIO(text.removeprefix("\ufeff"), newline="")
    first, skipped = lines.readline(), 0
    named = re.fullmatch(r'"?sep=(.)"?\W*', first, re.IGNORECASE)
    if named:
        first, skipped = lines.readline(), 1
    separator = named[1] if named else max(_SEPARATORS, key=first.count)
    lines = io.StringIO(first + lines.read(), newline="")
    reader = csv.DictReader(lines, delimiter=separator, strict=True)
    try:
        missing = [name for name in columns if name not in (reader.fieldnames or ())]
        if missing:
            found = ", ".join(map(repr, reader.fieldnames or ())) or "no column"
            raise ValueError(f"The file lacks the column {missing[0]!r}; it has {found[:200]}.")
        for row in reader:
            number = reader.line_num + skipped
            if not any(row.values()):
                continue  # spreadsheets end with rows of empty cells
            # the csv module keeps cells beyond the last column under no name
            if None in row or None in row.values():
                raise ValueError(f"Line {number} of the file has too few cells, or too many.")
            yield number, {name: unshield(row[name]) for name in columns}
    except csv.Error as error:
        number = reader.reader.line_num + skipped
        raise ValueError(f"Line {number} of the file is not valid CSV ({error}).") from error
