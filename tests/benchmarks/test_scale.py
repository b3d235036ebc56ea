"""The report of several processes, and the arithmetic of its estimate."""

import argparse

import pytest

from benchmarks import scale


def test_an_estimate_adds_what_is_sent_to_the_step() -> None:
    # 100 million weights: 400 MB, sent 1.75 times at 100 GB/s are 7 ms
    sending, multiple = scale.estimate(0.0073, 100_000_000)
    assert sending == pytest.approx(0.007 + scale.LATENCY)
    assert multiple == pytest.approx(4)


def test_the_table_has_medians_and_ratios_of_the_same_round() -> None:
    rounds = [
        {
            "1 process, 1 thread": {"step": 0.2 * slow, "sending": 0.0},
            "2 processes, 1 thread each": {"step": 0.1 * slow, "sending": 0.02 * slow},
            "1 process, 2 threads": {"step": 0.08 * slow, "sending": 0.0},
        }
        for slow in (1, 2, 1)
    ]
    options = argparse.Namespace(
        batch=128, steps=100, rounds=3, model="fashion-cnn", dataset="fashion-mnist"
    )
    text = scale.table(rounds, options)
    assert "| 1 process, 1 thread | 640 | 200.0 | 0.40 | 0.40 to 0.40 | – |" in text
    assert "| 2 processes, 1 thread each | 1,280 | 100.0 | 0.80 | 0.80 to 0.80 | 20.0% |" in text
    assert "an estimate on paper" in text and "would" in text
