"""CSV: columns, separators, and text that a spreadsheet would read as a formula."""

import csv
import io

import pytest

from fmnist.csv import read_table, shield, unshield, write_table

NAMES = ["Name", "Note"]


@pytest.mark.parametrize(
    ("text", "shielded"),
    [
        ("=1+1", "'=1+1"),
        ("@a", "'@a"),
        ("+a", "'+a"),
        ("-", "'-"),
        ("-1+2", "'-1+2"),
        ("-inf", "'-inf"),
        ("＝1", "'＝1"),
        ("＋1", "'＋1"),
        ("－1", "'－1"),
        ("＠a", "'＠a"),
        (" =1", " '=1"),
        ("\t=1", "\t'=1"),
        ("a;=1;-b\n@c", "a;'=1;'-b\n'@c"),
        ("a;'=1", "a;''=1"),
        ("'=a", "''=a"),
        ("'tis", "''tis"),
        ("-1.5", "-1.5"),
        ("+1e-05", "+1e-05"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_formulas_are_shielded_and_come_back(text: str, shielded: str) -> None:
    assert shield(text) == shielded
    assert unshield(shielded) == text


def test_a_quote_that_shields_nothing_stays() -> None:
    assert unshield("'tis, 'tis; 'tis") == "'tis, 'tis; 'tis"


def test_a_table_with_some_of_its_columns() -> None:
    rows: list[dict[str, object]] = [
        {"Name": 'He said "a, b"', "Test %": 92.73, "Seed": 0},
        {"Name": "Other", "Test %": None, "Seed": 1},
    ]
    read = list(csv.DictReader(io.StringIO(write_table(["Name", "Test %"], rows))))
    assert read == [
        {"Name": 'He said "a, b"', "Test %": "92.73"},
        {"Name": "Other", "Test %": ""},
    ]


def test_formulas_are_shielded_and_numbers_are_not() -> None:
    rows: list[dict[str, object]] = [
        {"Name": "=HYPERLINK(1)", "Note": "-0.5"},
        {"Name": "+a", "Note": -0.5},
    ]
    read = list(csv.reader(io.StringIO(write_table(["Name", "Note"], rows))))
    assert read[1:] == [["'=HYPERLINK(1)", "-0.5"], ["'+a", "-0.5"]]


def test_every_text_is_shielded_names_of_columns_too() -> None:
    text = write_table(["＝a"], [{"＝a": "@b"}])
    assert text.split() == ["'＝a", "'@b"]
    assert list(read_table("Name\r\n'=1\r\n", ["Name"])) == [(2, {"Name": "=1"})]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("first", ["", "sep={}\r\n", '"sep={}"\r\n'])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_other_separators_are_read(separator: str, first: str, mark: str) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=separator)
    writer.writerows([NAMES, ["a;b,c\td", "two\nlines"], ["", ""], ["x", "y"]])
    text = mark + first.format(separator) + buffer.getvalue()
    start = 1 if first else 0
    assert list(read_table(text, NAMES)) == [
        (3 + start, {"Name": "a;b,c\td", "Note": "two\nlines"}),
        (5 + start, {"Name": "x", "Note": "y"}),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "lacks the column 'Name'; it has no column"),
        ("a;b\n1;2\n", "lacks the column 'Name'; it has 'a', 'b'"),
        ("sep=;\nName;Note\nx\n", "Line 3 of the file has too few cells"),
        ("Name,Note\nx,y,z\n", "Line 2 of the file has too few cells, or too many"),
        ('Name,Note\n"x,y\n', "Line 2 of the file is not valid CSV"),
    ],
)
def test_what_cannot_be_read_is_told(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        list(read_table(text, NAMES))
