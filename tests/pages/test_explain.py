"""The Explain page without a browser: its states, and what it can explain."""

from pathlib import Path

import pytest

from fmnist.checksums import remove_checked
from fmnist.evaluation.predictions import Evaluation
from fmnist.runs.run import Run
from tests.pages.test_pages import choose, finished, give, machine, open_app, text

__all__ = ["finished", "machine"]  # fixtures


def misclassified(run: Run) -> list[int]:
    """`Split.indices` of the misclassified images, the most confident first."""
    test = Evaluation.load(run.evaluation_path("test"))
    order = sorted(range(len(test.labels)), key=lambda i: -test.confidence[i])
    return [int(test.indices[i]) for i in order if not test.correct[i]]


def test_without_any_run_it_says_what_to_do() -> None:
    assert "No model yet" in text(open_app("explain"))


def test_it_begins_with_the_first_misclassified_image(finished: Run, machine: Path) -> None:
    give(finished, machine)
    first, second, *_ = misclassified(finished)
    app = open_app("explain")
    assert f"image {first:,} of the test split" in text(app)
    app.button(key="explain-next").click().run()
    assert f"image {second:,} of the test split" in text(app)
    assert app.session_state["selection"].image == second


@pytest.mark.parametrize(
    ("subject", "query", "expected"),
    [
        ("drawing", {}, "Nothing is drawn yet"),
        ("image", {"confidence": "0~0.001"}, "No image matches"),
        ("average", {"confidence": "0~0.001"}, "No image matches"),
    ],
)
def test_nothing_to_explain_is_told(
    finished: Run, machine: Path, subject: str, query: dict[str, str], expected: str
) -> None:
    give(finished, machine)
    assert expected in text(open_app("explain", subject=subject, **query))


def test_an_average_over_the_filtered_images(finished: Run, machine: Path) -> None:
    give(finished, machine)
    app = open_app("explain")
    choose(app, "explain-subject", "average")
    assert f"Average of {len(misclassified(finished))} images" in text(app)
    assert app.session_state["selection"].subject == "average"


def test_damaged_weights_are_told(finished: Run, machine: Path) -> None:
    run = give(finished, machine)
    run.weights_path.write_bytes(b"rubbish")
    assert "cannot be used" in text(open_app("explain"))


def test_a_run_without_weights(finished: Run, machine: Path) -> None:
    run = give(finished, machine)
    remove_checked(run.weights_path)
    assert "saved without its weights" in text(open_app("explain"))
