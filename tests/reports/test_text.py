"""Percentages, durations and Markdown tables."""

import pytest

from fmnist.reports.text import duration, markdown_table, percent


@pytest.mark.parametrize(
    ("fraction", "digits", "text"),
    [
        (0.9273, 2, "92.73%"),
        (0.9273, 0, "93%"),
        (1.0, 1, "100.0%"),
        (0.0, 2, "0.00%"),
        (float("nan"), 2, "–"),
        (None, 2, "–"),
    ],
)
def test_percent(fraction: float | None, digits: int, text: str) -> None:
    assert percent(fraction, digits) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (41.6, "42 s"),
        (59.7, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3599.6, "1 h 00 min"),
        (5520, "1 h 32 min"),
        (90000, "25 h 00 min"),
        (None, "–"),
    ],
)
def test_duration(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_markdown_table_aligns_numbers_right() -> None:
    rows = [["a", "**92.73%**", "+0.12", "word", "–"], ["b", "–", "-0.50", "2 words", "3"]]
    lines = markdown_table(["Name", "Test", "Change", "Note", "Runs"], rows).split("\n")
    assert lines == [
        "| Name | Test | Change | Note | Runs |",
        "| :-- | --: | --: | :-- | --: |",
        "| a | **92.73%** | +0.12 | word | – |",
        "| b | – | -0.50 | 2 words | 3 |",
    ]


def test_markdown_table_takes_alignments() -> None:
    assert "| :-- | --: |" in markdown_table(["Epoch", "Note"], [["1", "words"]], "lr")


def test_cells_do_not_break_a_markdown_table() -> None:
    text = markdown_table(["Name"], [["a|b"], ["two\nlines"], ["a\\|b"]])
    assert text.split("\n")[2:] == ["| a\\|b |", "| two lines |", "| a\\|b |"]


def test_a_row_needs_a_cell_per_title() -> None:
    with pytest.raises(ValueError, match="2 cells"):
        markdown_table(["Name", "Test"], [["a"]])
    with pytest.raises(ValueError, match="2 cells"):
        markdown_table(["Name", "Test"], [["a", "b"]], "l")
