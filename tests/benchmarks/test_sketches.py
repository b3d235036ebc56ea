"""What the benchmark of human sketches computes."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from benchmarks import sketches
from benchmarks.sketches import Sketch
from fmnist.data.synthetic.strokes import arc
from fmnist.sketchpad import canvas
from fmnist.sketchpad.recognition import SketchResult

CIRCLE = Sketch("circle", (), [tuple(map(list, zip(*arc((128, 128), 127, 127), strict=True)))])  # type: ignore[list-item]


def test_area_under_the_curve_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    positive, negative = rng.integers(2, 9, 60) / 10, rng.integers(0, 8, 90) / 10  # with equals
    truth = np.repeat([1, 0], [60, 90])
    expected = roc_auc_score(truth, np.concatenate([positive, negative]))
    assert sketches.area_under_roc(positive, negative) == pytest.approx(expected)


@pytest.mark.parametrize("pen", sketches.PENS)
def test_a_sketch_is_drawn_on_the_pages_canvas_with_room_around(pen: int) -> None:
    pixels = sketches.on_canvas(CIRCLE, pen)
    assert pixels.shape == (canvas.SIDE, canvas.SIDE, 4)
    rows, columns = np.nonzero(pixels[..., 0] < 128)
    reach = [rows.min(), canvas.SIDE - 1 - rows.max(), columns.min(), columns.max()]
    assert min(reach) > 0.05 * canvas.SIDE
    assert rows.max() - rows.min() == pytest.approx(0.8 * canvas.SIDE + pen, abs=4)


def test_acceptable_shares_are_counted_by_word_and_pen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        {"word": word, "acceptable": acceptable, "drawing": CIRCLE.drawing}
        for word, acceptable in (("shoe", [7, 9]), ("shoe", [5]), ("bag", [8]), ("t-shirt", [0, 6]))
    ]
    path = tmp_path / "garments.ndjson"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    garments = sketches.read(path)
    answers = iter([7, 7, 8, 3] * len(sketches.PENS))

    def classify(_pixels: object, _model: object, **_named: object) -> SketchResult:
        label = next(answers)
        return SketchResult(np.eye(10, dtype=np.float32)[label], 1.0, np.ones((28, 28), np.uint8))

    monkeypatch.setattr(sketches, "classify", classify)
    by_pen = sketches.shares(None, None, garments)  # type: ignore[arg-type]
    assert by_pen == {
        pen: {"all": 0.5, "shoe": 0.5, "bag": 1.0, "t-shirt": 0.0} for pen in sketches.PENS
    }


def test_the_tables_have_a_row_a_model_and_a_row_a_word() -> None:
    shares = {pen: {"all": 0.5, "shoe": 0.25} for pen in sketches.PENS}
    measured = sketches.Measured(shares, 0.9, 0.8, 0.7, 0.93, float("nan"))
    garments = [sketches.Sketch("shoe", (7,), [])] * 4
    text = "\n".join(sketches.tables(["A"], [measured], garments, [], "a command"))
    lines = text.splitlines()
    assert "| A | **50.0%** | 50.0% | 50.0% | 50.0% | 0.900 | 80.0% | 70.0% | 93.00% | – |" in lines
    assert "| shoe | 4 | 25.0% |" in lines and lines[-1] == "- `a command`"
