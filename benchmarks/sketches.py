"""How well models recognize what people draw, and refuse what is no garment.

    python benchmarks/sketches.py FOLDER [MODEL ...] [--write]

FOLDER holds drawings by people: `garments.ndjson` and `not-garments.ndjson`, a JSON object a line
with `word`, `acceptable` (class indices that count as right) and `drawing` (strokes, each
`[[x…], [y…]]`, 0 to 255). They are drawn as on the Draw page's canvas, with three pens, and go
through `fmnist.sketchpad.recognition.classify` as they would there; MODEL is a shipped model or a
run, by default every shipped one that has weights. Besides: accuracy and expected calibration error
on Fashion-MNIST's test split, from the model's stored evaluation.
"""

import argparse
import json
import platform
import statistics
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fmnist import paths
from fmnist.evaluation import calibration, predictions
from fmnist.models.classifier import Classifier
from fmnist.reports.text import markdown_table, percent
from fmnist.runs import store
from fmnist.runs.loading import load_pretrained, load_run
from fmnist.runs.run import Run
from fmnist.sketchpad import canvas
from fmnist.sketchpad.recognition import IN_DISTRIBUTION_THRESHOLD, OOD_MODEL, classify

MARGIN: Final = canvas.SIDE // 10
PENS: Final = (canvas.PEN // 2, canvas.PEN, 2 * canvas.PEN)  # pixels; the page's own in the middle
TABLE: Final = Path(__file__).with_suffix(".md")
PREFACE: Final = (
    "A row a step of the recipe, each a run of its own (`python -m fmnist train --recipe sketch "
    "--drawings … --epochs …`), with as many epochs as its name says, since an epoch of more "
    "drawings is longer: about 1.1 million images a run, and 4.2 million for the last one, the "
    "shipped model. Doodles, its last step, are what the in-distribution score comes from."
)


@dataclass(frozen=True)
class Sketch:
    """A drawing by a person.

    Attributes
    ----------
    word : str
        What was to be drawn.
    acceptable : tuple of int
        Classes that count as right; none for what is no garment.
    drawing : list
        Strokes, each a list of x and a list of y, 0 to 255.
    """

    word: str
    acceptable: tuple[int, ...]
    drawing: list[tuple[list[float], list[float]]]


def read(path: Path) -> list[Sketch]:
    """The drawings of a file."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Sketch(x["word"], tuple(x["acceptable"]), x["drawing"]) for x in lines]


def on_canvas(sketch: Sketch, pen: int) -> NDArray[np.uint8]:
    """Black round pen on white paper, uint8 (336, 336, 4)."""
    sheet = Image.new("RGBA", (canvas.SIDE, canvas.SIDE), canvas.PAPER)
    draw = ImageDraw.Draw(sheet)
    scale, radius = (canvas.SIDE - 2 * MARGIN) / 255, pen / 2
    for xs, ys in sketch.drawing:
        points = [(MARGIN + scale * x, MARGIN + scale * y) for x, y in zip(xs, ys, strict=True)]
        draw.line(points, fill=canvas.INK, width=pen, joint="curve")
        for x, y in (points[0], points[-1]):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=canvas.INK)
    return np.asarray(sheet)


@dataclass(frozen=True)
class Measured:
    """Figures of one model.

    Attributes
    ----------
    by_pen : dict of int to dict of str to float
        Share of acceptable answers for each word, and for "all", by pen.
    auroc : float
        Of the in-distribution score, garments against other things.
    kept, refused : float
        Share of garments that reach the threshold, and of other things that do not; like `auroc`
        the median over pens, and nan where there is no in-distribution score.
    test_accuracy, test_ece : float
        On Fashion-MNIST; nan where it was not measured.
    """

    by_pen: dict[int, dict[str, float]]
    auroc: float
    kept: float
    refused: float
    test_accuracy: float
    test_ece: float

    def median(self, word: str) -> float:
        """Of the share over pens."""
        return statistics.median(shares[word] for shares in self.by_pen.values())


def area_under_roc(positive: NDArray[np.floating], negative: NDArray[np.floating]) -> float:
    """How often a positive scores above a negative; equals count half."""
    above = positive[:, None] > negative[None]
    equal = positive[:, None] == negative[None]
    return float(above.mean() + 0.5 * equal.mean())


def shares(
    model: Classifier, ood_model: Classifier | None, garments: list[Sketch]
) -> dict[int, dict[str, float]]:
    """Share of acceptable answers, by pen and word; "all" is of all drawings."""
    by_pen: dict[int, dict[str, float]] = {}
    for pen in PENS:
        right: dict[str, list[bool]] = {"all": []}
        for sketch in garments:
            result = classify(on_canvas(sketch, pen), model, ood_model=ood_model)
            is_right = int(result.probabilities.argmax()) in sketch.acceptable
            right["all"].append(is_right)
            right.setdefault(sketch.word, []).append(is_right)
        by_pen[pen] = {word: float(np.mean(answers)) for word, answers in right.items()}
    return by_pen


def scores(
    model: Classifier, ood_model: Classifier | None, drawn: list[Sketch]
) -> list[list[float]]:
    """In-distribution scores of drawings, a list a pen."""
    return [
        [
            classify(on_canvas(sketch, pen), model, ood_model=ood_model).in_distribution_score
            for sketch in drawn
        ]
        for pen in PENS
    ]


def measure(
    model: Classifier, ood_model: Classifier | None, run: Run,
    garments: list[Sketch], others: list[Sketch],
) -> Measured:  # fmt: skip
    """All figures of one model."""
    auroc, kept, refused = [], [], []
    if ood_model is not None or model.has_ood_class:
        for good, bad in zip(
            scores(model, ood_model, garments), scores(model, ood_model, others), strict=True
        ):
            positive, negative = np.array(good), np.array(bad)
            auroc.append(area_under_roc(positive, negative))
            kept.append(float((positive >= IN_DISTRIBUTION_THRESHOLD).mean()))
            refused.append(float((negative < IN_DISTRIBUTION_THRESHOLD).mean()))
    accuracy = ece = float("nan")
    if run.evaluation_path("test").exists():
        test = predictions.stored_evaluation(run, "test")
        accuracy = test.accuracy
        ece = calibration.reliability(test.confidence, test.correct).ece
    return Measured(
        shares(model, ood_model, garments), _median(auroc), _median(kept), _median(refused),
        accuracy, ece,
    )  # fmt: skip


def _median(values: list[float]) -> float:
    return statistics.median(values) if values else float("nan")


def summary(names: list[str], measured: list[Measured]) -> str:
    """A row a model."""
    titles = [
        "Model", "Acceptable", *(f"pen {pen}" for pen in PENS), "AUROC", "Garments accepted",
        "Others rejected", "Test accuracy", "Test ECE",
    ]  # fmt: skip
    rows = []
    for name, m in zip(names, measured, strict=True):
        rows.append(
            [
                name, f"**{percent(m.median('all'), 1)}**",
                *(percent(m.by_pen[pen]["all"], 1) for pen in PENS),
                "–" if np.isnan(m.auroc) else f"{m.auroc:.3f}", percent(m.kept, 1),
                percent(m.refused, 1),
                percent(m.test_accuracy),
                "–" if np.isnan(m.test_ece) else f"{m.test_ece:.4f}",
            ]
        )  # fmt: skip
    return markdown_table(titles, rows)


def words(names: list[str], measured: list[Measured], garments: list[Sketch]) -> str:
    """A row a word, a column a model: acceptable share, median over the pens."""
    counts = {word: sum(s.word == word for s in garments) for word in measured[0].by_pen[PENS[0]]}
    counts["all"] = len(garments)
    rows = [
        [word, str(count), *(percent(m.median(word), 1) for m in measured)]
        for word, count in sorted(counts.items())
    ]
    return markdown_table(["Word", "Drawings", *names], rows)


def explanation(garments: list[Sketch], others: list[Sketch]) -> list[str]:
    return [
        f"{len(garments)} drawings of garments and {len(others)} of other things, by people "
        "(Google's \"Quick, Draw!\", CC BY 4.0), drawn on the Draw page's canvas with pens of "
        f"{', '.join(map(str, PENS))} pixels. *Acceptable*: the answer is one of the classes that "
        "count as correct for the word; median over the pens. *AUROC*: of the in-distribution "
        "score, garments against other things, median over the pens. *Accepted* and *rejected*: "
        f"at the threshold of {IN_DISTRIBUTION_THRESHOLD}. A model without a class for "
        "non-garments uses the in-distribution score of the shipped Sketch, as on the page. The "
        "threshold and the recipe were chosen on these drawings: they are development data, and "
        "figures on others may be lower. None of them was trained on.",
        "",
        "*Test accuracy* and *ECE* (expected calibration error, 15 bins): Fashion-MNIST's test "
        "split.",
    ]


def footer(command: str) -> list[str]:
    return [
        f"- {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, torch "
        f"{torch.__version__}, NumPy {np.__version__}",
        f"- `{command}`",
    ]


def open_model(name: str) -> tuple[Run, Classifier]:
    """A shipped model or a run of one's own."""
    if name in store.run_ids(paths.pretrained_folder()):
        return store.open_run(paths.pretrained_folder(), name), load_pretrained(name)
    return store.open_run(paths.runs_folder(), name), load_run(name)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python benchmarks/sketches.py")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    parser.add_argument(
        "--steps", type=Path, metavar="FILE",
        help="write a table of these models, a row a step, to FILE: for a model card",
    )  # fmt: skip
    options = parser.parse_args()
    torch.set_num_threads(1)  # one image at a time: more threads only wait for each other
    shipped = store.list_runs(paths.pretrained_folder())
    names = options.models or [r.run_id for r in shipped if r.weights_path.exists()]
    garments = read(options.folder / "garments.ndjson")
    others = read(options.folder / "not-garments.ndjson")
    models: dict[str, Any] = {name: open_model(name) for name in names}
    ood_model = load_pretrained(OOD_MODEL) if OOD_MODEL in names else None
    measured = []
    for run, model in models.values():
        measured.append(measure(model, ood_model, run, garments, others))
        print(f"{run.name}: {measured[-1].median('all'):.1%}", file=sys.stderr)
    titles = [run.name for run, _ in models.values()]
    given = " ".join(sys.argv[2:])
    command = f"python benchmarks/sketches.py FOLDER {given}".strip()
    body = [
        *explanation(garments, others), "", *summary(titles, measured), "",
        *words(titles, measured, garments), "", *footer(command), "",
    ]  # fmt: skip
    text = "\n".join(["# What people draw", "", *body])
    print(text)
    if options.write:
        TABLE.write_text(text, encoding="utf-8")
    if options.steps:
        text = "\n".join(["## Human sketches", "", PREFACE, "", *body])
        options.steps.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
