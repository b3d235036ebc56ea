"""Measure how well models classify human drawings and reject non-garments.

    python benchmarks/sketches.py FOLDER [MODEL ...] [--write]

FOLDER holds human drawings: `garments.ndjson` and `not-garments.ndjson`, with a JSON object on each
line: `word`, `acceptable` (class indices that count as correct) and `drawing` (strokes, each
`[[x…], [y…]]`, 0 to 255). They are drawn as on the canvas of the Draw page, with three pens, and
classified as there by `fmnist.sketchpad.recognition.classify`. MODEL is a shipped model or a run;
default: all shipped models that have weights. The table also has accuracy and expected calibration
error on the test split of Fashion-MNIST, from the stored evaluation of the model.
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
PENS: Final = (
    canvas.PEN // 2,
    canvas.PEN,
    2 * canvas.PEN,
)  # pixels; the default of the page in the middle
TABLE: Final = Path(__file__).with_suffix(".md")
PREFACE: Final = (
    "Each row adds a step to the recipe, and is a run of its own (`python -m fmnist train --recipe "
    "sketch --training-drawings … --epochs …`). An epoch with more drawings is longer, so the "
    "number of epochs differs: each run trains on about 1.1 million images, the last one, the "
    "shipped model, on 4.2 million. It also trains on non-garments, which the in-distribution "
    "score needs."
)


@dataclass(frozen=True)
class Sketch:
    """A human drawing.

    Attributes
    ----------
    word : str
        What the person was asked to draw.
    acceptable : tuple of int
        Classes that count as correct; empty for a non-garment.
    drawing : list
        Strokes, each a list of x and a list of y, 0 to 255.
    """

    word: str
    acceptable: tuple[int, ...]
    drawing: list[tuple[list[float], list[float]]]


def read(path: Path) -> list[Sketch]:
    """Read the drawings of a file."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Sketch(x["word"], tuple(x["acceptable"]), x["drawing"]) for x in lines]


def on_canvas(sketch: Sketch, pen: int) -> NDArray[np.uint8]:
    """Draw with a round black pen on white paper, uint8 (336, 336, 4)."""
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
    """Results of one model.

    Attributes
    ----------
    by_pen : dict of int to dict of str to float
        Share of acceptable predictions for each word, and for "all", by pen.
    auroc : float
        Area under the ROC curve of the in-distribution score, garments against non-garments.
    accepted, rejected : float
        Share of garments that reach the threshold, and of non-garments that do not. Like `auroc`,
        the median over pens, and nan without an in-distribution score.
    test_accuracy, test_ece : float
        On Fashion-MNIST; nan if not measured.
    """

    by_pen: dict[int, dict[str, float]]
    auroc: float
    accepted: float
    rejected: float
    test_accuracy: float
    test_ece: float

    def median(self, word: str) -> float:
        """Median share over pens."""
        return statistics.median(shares[word] for shares in self.by_pen.values())


def area_under_roc(positive: NDArray[np.floating], negative: NDArray[np.floating]) -> float:
    """How often a positive scores above a negative; ties count half."""
    above = positive[:, None] > negative[None]
    equal = positive[:, None] == negative[None]
    return float(above.mean() + 0.5 * equal.mean())


def shares(
    model: Classifier, ood_model: Classifier | None, garments: list[Sketch]
) -> dict[int, dict[str, float]]:
    """Share of acceptable predictions, by pen and word; "all" is all drawings."""
    by_pen: dict[int, dict[str, float]] = {}
    for pen in PENS:
        correct: dict[str, list[bool]] = {"all": []}
        for sketch in garments:
            result = classify(on_canvas(sketch, pen), model, ood_model=ood_model)
            is_acceptable = int(result.probabilities.argmax()) in sketch.acceptable
            correct["all"].append(is_acceptable)
            correct.setdefault(sketch.word, []).append(is_acceptable)
        by_pen[pen] = {word: float(np.mean(hits)) for word, hits in correct.items()}
    return by_pen


def scores(
    model: Classifier, ood_model: Classifier | None, drawn: list[Sketch]
) -> list[list[float]]:
    """In-distribution scores of drawings, a list for each pen."""
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
    """Measure one model."""
    auroc, accepted, rejected = [], [], []
    if ood_model is not None or model.has_ood_class:
        for good, bad in zip(
            scores(model, ood_model, garments), scores(model, ood_model, others), strict=True
        ):
            positive, negative = np.array(good), np.array(bad)
            auroc.append(area_under_roc(positive, negative))
            accepted.append(float((positive >= IN_DISTRIBUTION_THRESHOLD).mean()))
            rejected.append(float((negative < IN_DISTRIBUTION_THRESHOLD).mean()))
    accuracy = ece = float("nan")
    if run.evaluation_path("test").exists():
        test = predictions.stored_evaluation(run, "test")
        accuracy = test.accuracy
        ece = calibration.reliability(test.confidence, test.correct).ece
    return Measured(
        shares(model, ood_model, garments), _median(auroc), _median(accepted), _median(rejected),
        accuracy, ece,
    )  # fmt: skip


def _median(values: list[float]) -> float:
    return statistics.median(values) if values else float("nan")


def summary(names: list[str], measured: list[Measured]) -> str:
    """A table with a row for each model."""
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
                "–" if np.isnan(m.auroc) else f"{m.auroc:.3f}", percent(m.accepted, 1),
                percent(m.rejected, 1),
                percent(m.test_accuracy),
                "–" if np.isnan(m.test_ece) else f"{m.test_ece:.4f}",
            ]
        )  # fmt: skip
    return markdown_table(titles, rows)


def words(names: list[str], measured: list[Measured], garments: list[Sketch]) -> str:
    """A table of acceptable shares (median over pens): words in rows, models in columns."""
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
        '(Google\'s "Quick, Draw!", CC BY 4.0), drawn on the canvas of the Draw page with pens of '
        f"{', '.join(map(str, PENS))} pixels. *Acceptable*: the prediction is one of the classes "
        "that count as correct for the word; median over the pens. *AUROC*: of the "
        "in-distribution score, garments against other things, median over the pens. *Accepted* "
        f"and *rejected*: at the threshold of {IN_DISTRIBUTION_THRESHOLD}. A model without a "
        "class for non-garments uses the in-distribution score of the shipped Sketch, as on the "
        "page. The threshold and the recipe were chosen on these drawings: they are development "
        "data, and figures on others may be lower. No model trained on them.",
        "",
        "*Test accuracy* and *ECE* (expected calibration error, 15 bins): test split of "
        "Fashion-MNIST.",
    ]


def tables(
    names: list[str],
    measured: list[Measured],
    garments: list[Sketch],
    others: list[Sketch],
    command: str,
) -> list[str]:
    """The page below its heading, as lines and tables."""
    return [
        *explanation(garments, others), "", summary(names, measured), "",
        words(names, measured, garments), "", *footer(command), "",
    ]  # fmt: skip


def footer(command: str) -> list[str]:
    return [
        f"- {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, torch "
        f"{torch.__version__}, NumPy {np.__version__}",
        f"- `{command}`",
    ]


def open_model(name: str) -> tuple[Run, Classifier]:
    """Open a shipped model or a run."""
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
        help="write a table of these models to FILE, for a model card",
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
    body = tables(titles, measured, garments, others, command)
    text = "\n".join(["# Human drawings", "", *body])
    print(text)
    if options.write:
        TABLE.write_text(text, encoding="utf-8")
    if options.steps:
        text = "\n".join(["## Human sketches", "", PREFACE, "", *body])
        options.steps.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
