"""What the benchmark of human sketches computes."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from benchmarks import photographs, sketches
from benchmarks.photographs import Share
from benchmarks.sketches import Drawn, Sketch
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


def answer(label: int, score: float = 1.0) -> SketchResult:
    return SketchResult(np.eye(10, dtype=np.float32)[label], score, np.ones((28, 28), np.uint8))


def test_a_drawing_counts_by_the_share_of_pens_with_an_acceptable_prediction(
    tmp_path: Path,
) -> None:
    lines = [
        {"word": word, "acceptable": acceptable, "drawing": CIRCLE.drawing}
        for word, acceptable in (("shoe", [7, 9]), ("shoe", [5]), ("bag", [8]))
    ]
    path = tmp_path / "garments.ndjson"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    found = [[answer(9), answer(5), answer(3)], [answer(7), answer(4), answer(3)]]
    assert sketches.acceptable_shares(found, sketches.read(path)) == [1, 0.5, 0]


def test_the_standard_error_is_that_of_words() -> None:
    # each word all right or all wrong: as sure as four drawings, not as forty
    hits = np.repeat([1.0, 1.0, 1.0, 0.0], 10)
    words = np.repeat(["a", "b", "c", "d"], 10).tolist()
    estimate = sketches.by_word(hits.tolist(), words)
    assert estimate.value == 0.75
    assert estimate.error == pytest.approx(np.std([1, 1, 1, 0], ddof=1) / 2)
    # each drawing a word of its own: the usual standard error
    alone = sketches.by_word(hits.tolist(), list(range(40)))
    assert alone.error == pytest.approx(np.std(hits, ddof=1) / 40**0.5)
    assert str(estimate) == "75.0% ± 25.0"


def test_icons_are_drawn_class_after_class_the_same_each_time() -> None:
    drawn = sketches.icons(20, seed=0)
    assert [icon.label for icon in drawn] == [*range(10)] * 2
    assert all(icon.model_input.max() > 200 for icon in drawn)  # outlines stay lighter than fills
    again = sketches.icons(20, seed=0)
    assert all((a.model_input == b.model_input).all() for a, b in zip(drawn, again, strict=True))


def test_the_tables_have_a_row_a_model_a_word_and_a_class() -> None:
    share = Share(3, 4)
    pictures = photographs.Measured(share, {7: share}, None, None)
    half, unknown = sketches.Estimate(0.5, 0.1), sketches.UNKNOWN
    measured = sketches.Measured(
        half, {"shoe": 0.25}, half, unknown, half, 0.9, float("nan"), pictures, pictures, 0.93,
        float("nan"),
    )  # fmt: skip
    data = sketches.Data(
        Drawn([Sketch("shoe", (7,), [])] * 4, []), Drawn([], []), Drawn([], []), [], []
    )
    lines = "\n".join(sketches.tables(["A"], [measured], data, "a command")).splitlines()
    assert (
        "| A | **50.0% ± 10.0** | 50.0% ± 10.0 | – | 50.0% ± 10.0 | 0.900 | – | 93.00% | – |"
        in lines
    )
    assert "| A | **75.0% ± 21.7** | – | – | 75.0% ± 21.7 | – |" in lines
    assert "| shoe | 4 | 25.0% |" in lines and "| Sneaker | 4 | 75.0% |" in lines
    assert lines[-1] == "- `a command`"
    assert not any("(hat)" in line for line in lines)
    copy = replace(measured, own_classes=("hat",))
    lines = "\n".join(sketches.tables(["A", "B"], [measured, copy], data, "")).splitlines()
    assert any(line.startswith("Classes that a person added (hat) are never") for line in lines)


def test_what_cannot_be_read_is_said_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path))
    monkeypatch.setattr("torch.set_num_threads", lambda _: None)  # of this process
    for arguments, told in (
        (["absent", "no-such-run"], r"^There is no run 'no-such-run'[^\n]+\.$"),
        ([str(tmp_path / "absent"), "sketch"], r"^[^\n]*garments\.ndjson[^\n]+\.$"),
    ):
        monkeypatch.setattr("sys.argv", ["sketches", *arguments])
        with pytest.raises(SystemExit, match=told):
            sketches.main()
