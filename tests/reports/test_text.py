"""Percentages, counts, p-values, durations and Markdown tables; and that others write none."""

import re
from pathlib import Path

import pytest

import fmnist
from fmnist.reports.text import (
    counted,
    duration,
    markdown_table,
    p_value,
    percent,
    points,
    share_of_cases,
    short_percent,
    trained_on,
)


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
    ("fraction", "text"),
    [
        (0.55, "55%"),
        (0.125, "12.5%"),
        (0.0, "0%"),
        (1.0, "100%"),
        (1e-7, "0%"),
        (0.999995, "99.9995%"),
    ],
)
def test_short_percent(fraction: float, text: str) -> None:
    assert short_percent(fraction) == text


def test_points() -> None:
    assert points(0.01234) == "1.23 points"
    assert points(0.01234, 1) == "1.2 points"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 test images"), (1, "1 test image"), (2, "2 test images"), (5000, "5,000 test images")],
)
def test_counted(count: int, text: str) -> None:
    assert counted(count, "test image") == text


@pytest.mark.parametrize(
    ("p", "text", "share"),
    [
        (0.0286, "p = 0.0286", "2.9% of cases"),
        (0.5, "p = 0.5000", "50% of cases"),
        (0.994, "p = 0.9940", "99% of cases"),
        (0.996, "p = 0.9960", "nearly all cases"),
        (1.0, "p = 1.0000", "all cases"),
        (0.0001, "p = 0.0001", "0.01% of cases"),
        (9e-5, "p < 0.0001", "fewer than 0.01% of cases"),
        # on which side of the level it is has to be seen
        (0.05, "p = 0.0500", "5% of cases"),
        (0.04996, "p = 0.04996", "4.996% of cases"),
        (0.049999996, "p = 0.049999996", "4.9999996% of cases"),
        (0.0521, "p = 0.0521", "5.2% of cases"),
    ],
)
def test_p_values(p: float, text: str, share: str) -> None:
    assert p_value(p, 0.05) == text
    assert share_of_cases(p, 0.05) == share


def test_percentages_are_written_by_one_function() -> None:
    """Plotly's templates have their own way, and what trains cannot import the function."""
    found = [
        f"{path.name}: {line.strip()}"
        for room in ("dashboard", "cli", "reports")
        for path in (Path(fmnist.__file__).parent / room).rglob("*.py")
        if path.name != "text.py"
        for line in path.read_text(encoding="utf-8").splitlines()
        if "%{" not in line and re.search(r":[.,]?\d*%}|g}%", line)
    ]
    assert found == []


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


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, ""),
        (
            {"device": "cpu", "threads": "2", "precision": "float32"},
            "Trained on the processor (2 threads), in float32.",
        ),
        (
            {"device": "cpu", "threads": "1", "precision": "float32", "processes": "2"},
            "Trained on 2 processes, each on the processor (1 thread), in float32.",
        ),
        (
            {"device": "NVIDIA H100", "threads": "8", "precision": "bfloat16"},
            "Trained on NVIDIA H100, in bfloat16.",
        ),
    ],
)
def test_the_machine_of_a_training(environment: dict[str, str], sentence: str) -> None:
    assert trained_on(environment) == sentence
