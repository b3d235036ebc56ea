"""Measure how well models classify drawings and photographs, and reject what is no garment.

    python -m benchmarks.sketches FOLDER [MODEL ...] [--write]

FOLDER holds development data that no model trained on: in `sketches/` human drawings
(`garments.ndjson`, and of other things `not-garments.ndjson` and `more-not-garments.ndjson`, with a
JSON object on each line: `word`, `acceptable`, the class indices that count as correct, and
`drawing`, strokes of `[[x…], [y…]]`, 0 to 255), and in `photos/` photographs with `labels.csv`.
Drawings are drawn as on the canvas of the Draw page, with three pens; icons are drawn here, from
synthetic garments, as flat colors. All are classified as on the page. MODEL is a shipped model or
a run; default: all shipped models that have weights. The table also has accuracy and expected
calibration error on the test split of Fashion-MNIST, from the stored evaluation of the model.
"""

import argparse
import json
import platform
import random
import sys
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from benchmarks import photographs
from benchmarks.photographs import Photograph
from fmnist import paths
from fmnist.data.labels import CLASS_NAMES, NUM_CLASSES
from fmnist.data.synthetic.sketches import sketch_garment
from fmnist.data.synthetic.strokes import bounds, jitter_strokes
from fmnist.errors import sentence
from fmnist.evaluation import calibration, predictions
from fmnist.models.classifier import Classifier
from fmnist.reports.text import markdown_table, percent
from fmnist.runs import store
from fmnist.runs.loading import load_pretrained, load_run
from fmnist.runs.names import distinct_names
from fmnist.runs.run import Run, RunError
from fmnist.sketchpad import canvas
from fmnist.sketchpad.preprocessing import DEFAULT_PREPARATION, DRAWING, to_model_input
from fmnist.sketchpad.recognition import (
    IN_DISTRIBUTION_THRESHOLD,
    OOD_MODEL,
    SketchResult,
    classify_inputs,
)
from fmnist.text import plain

MARGIN: Final = canvas.SIDE // 10
PENS: Final = (canvas.PEN // 2, canvas.PEN, 2 * canvas.PEN)
"""Pixels; the default of the page in the middle."""
ICONS: Final = 200
TABLE: Final = Path(__file__).with_suffix(".md")


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


@dataclass(frozen=True, eq=False)
class Drawn:
    """Human drawings, and their model inputs.

    Attributes
    ----------
    sketches : list of Sketch
    inputs : list of uint8 (N, 28, 28)
        For each pen.
    """

    sketches: list[Sketch]
    inputs: list[NDArray[np.uint8]]

    @property
    def words(self) -> list[str]:
        """The word of each drawing."""
        return [sketch.word for sketch in self.sketches]

    @classmethod
    def of(cls, sketches: list[Sketch]) -> Self:
        """Draw them with each pen, and prepare them as the Draw page does."""
        inputs = [
            np.stack([to_model_input(on_canvas(sketch, pen), DRAWING) for sketch in sketches])
            for pen in PENS
        ]
        return cls(sketches, inputs)


@dataclass(frozen=True)
class Data:
    """What is measured on.

    Attributes
    ----------
    garments, others, more : Drawn
        Drawings of garments, of twenty other words, and of sixty further words.
    photos : list of Photograph
    icons : list of Photograph
    """

    garments: Drawn
    others: Drawn
    more: Drawn
    photos: list[Photograph]
    icons: list[Photograph]


def read(path: Path) -> list[Sketch]:
    """Read the drawings of a file."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Sketch(x["word"], tuple(x["acceptable"]), x["drawing"]) for x in lines]


def read_all(folder: Path) -> Data:
    """Read all development data of a folder, and draw the icons."""
    names = ("garments", "not-garments", "more-not-garments")
    garments, others, more = (
        Drawn.of(read(folder / "sketches" / f"{name}.ndjson")) for name in names
    )
    return Data(garments, others, more, photographs.read(folder), icons(ICONS, seed=0))


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


def icons(count: int, *, seed: int) -> list[Photograph]:
    """Garments as icons: dark outlines on white, filled with a color; class after class."""
    rng = random.Random(seed)
    drawn = []
    for number in range(count):
        label = number % NUM_CLASSES
        drawing = jitter_strokes(sketch_garment(label, rng), rng, jitter=0.3)
        left, top, right, bottom = bounds(drawing)
        scale = (canvas.SIDE - 2 * MARGIN) / max(right - left, bottom - top)
        sheet = Image.new("RGB", (canvas.SIDE, canvas.SIDE), "white")
        draw = ImageDraw.Draw(sheet)
        for stroke in drawing:
            points = [(MARGIN + scale * (x - left), MARGIN + scale * (y - top)) for x, y in stroke]
            draw.line(points, fill=(20, 20, 30), width=canvas.PEN, joint="curve")
        outside = sheet.copy()
        ImageDraw.floodfill(outside, (0, 0), (255, 0, 255))
        pixels = np.array(sheet)
        inside = (pixels == 255).all(axis=2) & (np.asarray(outside) == 255).all(axis=2)
        pixels[inside] = [rng.randint(30, 225) for _ in range(3)]
        rgba = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
        model_input = to_model_input(rgba, DEFAULT_PREPARATION)
        drawn.append(Photograph(CLASS_NAMES[label], label, (label,), model_input))
    return drawn


@dataclass(frozen=True)
class Estimate:
    """A share in [0, 1], and its standard error."""

    value: float
    error: float

    def __str__(self) -> str:
        if np.isnan(self.value):
            return percent(None)
        return f"{percent(self.value, 1)} ± {100 * self.error:.1f}"


UNKNOWN: Final = Estimate(float("nan"), float("nan"))


def by_word(hits: Sequence[float], groups: Sequence[Hashable]) -> Estimate:
    """A mean, and its standard error where drawings of a word resemble each other.

    Parameters
    ----------
    hits : sequence of float (N)
        In [0, 1].
    groups : sequence (N)
        The word of each. The error is that of a mean of clusters.
    """
    values, mean = np.array(hits, float), float(np.mean(hits))
    names = sorted(set(groups), key=str)
    sums = [sum(values[i] - mean for i, one in enumerate(groups) if one == name) for name in names]
    count = len(names)
    spread = float(np.square(sums).sum()) * count / max(count - 1, 1)
    return Estimate(mean, spread**0.5 / len(values))


@dataclass(frozen=True)
class Measured:
    """Results of one model.

    Attributes
    ----------
    acceptable : Estimate
        Share of acceptable predictions for drawings of garments.
    by_word : dict of str to float
        The same for each word.
    kept : Estimate
        Share of drawings of garments whose score reaches the threshold.
    rejected, rejected_more : Estimate
        Shares of drawings of twenty and of sixty other words whose score does not. Like `kept` and
        the two below, nan without an in-distribution score.
    auroc, auroc_more : float
        Areas under the ROC curve of the score, garments against these words.
    photos, icons : photographs.Measured
    test_accuracy, test_ece : float
        On Fashion-MNIST; nan if not measured.
    own_classes : tuple of str
        What a person added to a fine-tuned copy.
    """

    acceptable: Estimate
    by_word: dict[str, float]
    kept: Estimate
    rejected: Estimate
    rejected_more: Estimate
    auroc: float
    auroc_more: float
    photos: photographs.Measured
    icons: photographs.Measured
    test_accuracy: float
    test_ece: float
    own_classes: tuple[str, ...] = ()


def area_under_roc(positive: NDArray[np.floating], negative: NDArray[np.floating]) -> float:
    """How often a positive scores above a negative; ties count half."""
    above = positive[:, None] > negative[None]
    equal = positive[:, None] == negative[None]
    return float(above.mean() + 0.5 * equal.mean())


def answers(
    model: Classifier, ood_model: Classifier | None, drawn: Drawn
) -> list[list[SketchResult]]:
    """What a model says about drawings, a list for each pen."""
    return [classify_inputs(inputs, model, ood_model=ood_model) for inputs in drawn.inputs]


def acceptable_shares(found: list[list[SketchResult]], garments: list[Sketch]) -> list[float]:
    """For each drawing, the share of the pens with which its prediction is acceptable."""
    hits = [
        [
            one.predicted_label in sketch.acceptable
            for one, sketch in zip(row, garments, strict=True)
        ]
        for row in found
    ]
    shares: list[float] = np.mean(hits, axis=0).tolist()
    return shares


def measure(model: Classifier, ood_model: Classifier | None, run: Run, data: Data) -> Measured:
    """Measure one model."""
    found = answers(model, ood_model, data.garments)
    hits = acceptable_shares(found, data.garments.sketches)
    words = data.garments.words
    named = {
        word: float(np.mean([hit for hit, one in zip(hits, words, strict=True) if one == word]))
        for word in sorted(set(words))
    }
    kept = rejected = rejected_more = UNKNOWN
    auroc = auroc_more = float("nan")
    if ood_model is not None or model.has_ood_class:
        garments = _scores(found)
        kept = by_word((garments >= IN_DISTRIBUTION_THRESHOLD).mean(axis=0).tolist(), words)
        rejected, auroc = _rejected(model, ood_model, data.others, garments)
        rejected_more, auroc_more = _rejected(model, ood_model, data.more, garments)
    accuracy = ece = float("nan")
    if run.evaluation_path("test").exists():
        test = predictions.stored_evaluation(run, "test")
        accuracy = test.accuracy
        ece = calibration.reliability(test.confidence, test.correct).ece
    return Measured(
        by_word(hits, words), named, kept, rejected, rejected_more, auroc, auroc_more,
        photographs.measure(data.photos, model, ood_model),
        photographs.measure(data.icons, model, ood_model),
        accuracy, ece, model.own_classes,
    )  # fmt: skip


def _scores(found: list[list[SketchResult]]) -> NDArray[np.float64]:
    """In-distribution scores, (pens, drawings)."""
    return np.array([[one.in_distribution_score for one in row] for row in found])


def _rejected(
    model: Classifier,
    ood_model: Classifier | None,
    others: Drawn,
    garments: NDArray[np.float64],
) -> tuple[Estimate, float]:
    """Share of other things rejected, and the area under the ROC curve, a mean over the pens."""
    scores = _scores(answers(model, ood_model, others))
    shares = (scores < IN_DISTRIBUTION_THRESHOLD).mean(axis=0).tolist()
    areas = [area_under_roc(good, bad) for good, bad in zip(garments, scores, strict=True)]
    return by_word(shares, others.words), float(np.mean(areas))


def drawings_table(names: list[str], measured: list[Measured]) -> str:
    """A table of drawings, with a row for each model."""
    titles = [
        "Model", "Acceptable", "Garments kept", "20 other words rejected",
        "60 further words rejected", "AUROC, 20 words", "AUROC, 60 words", "Test accuracy",
        "Test ECE",
    ]  # fmt: skip
    rows = [
        [
            name, f"**{m.acceptable}**", str(m.kept), str(m.rejected), str(m.rejected_more),
            _number(m.auroc, 3), _number(m.auroc_more, 3), percent(m.test_accuracy),
            _number(m.test_ece, 4),
        ]
        for name, m in zip(names, measured, strict=True)
    ]  # fmt: skip
    return markdown_table(titles, rows)


def pictures_table(names: list[str], measured: list[Measured]) -> str:
    """A table of photographs and icons, with a row for each model."""
    titles = [
        "Model", "Photographs acceptable", "Photographs kept", "Other photographs rejected",
        "Icons correct", "Icons kept",
    ]  # fmt: skip
    rows = [
        [
            name, f"**{_share(m.photos.correct)}**", _share(m.photos.kept),
            _share(m.photos.rejected), _share(m.icons.correct), _share(m.icons.kept),
        ]
        for name, m in zip(names, measured, strict=True)
    ]  # fmt: skip
    return markdown_table(titles, rows)


def photos_by_class(names: list[str], measured: list[Measured]) -> str:
    """A table of photographs: classes in rows, models in columns."""
    totals = measured[0].photos.by_class
    rows = [
        [
            CLASS_NAMES[label], str(total.total),
            *(percent(m.photos.by_class[label].value, 1) for m in measured),
        ]
        for label, total in totals.items()
    ]  # fmt: skip
    return markdown_table(["Class", "Photographs", *names], rows)


def words_table(names: list[str], measured: list[Measured], garments: Drawn) -> str:
    """A table of acceptable shares: words in rows, models in columns."""
    rows = [
        [
            word, str(garments.words.count(word)),
            *(percent(m.by_word[word], 1) for m in measured),
        ]
        for word in measured[0].by_word
    ]  # fmt: skip
    return markdown_table(["Word", "Drawings", *names], rows)


def _share(share: photographs.Share | None) -> str:
    return "–" if share is None else str(Estimate(share.value, share.standard_error))


def _number(value: float, digits: int) -> str:
    return "–" if np.isnan(value) else f"{value:.{digits}f}"


def explanation(data: Data) -> list[str]:
    """What is measured, and on what."""
    with_class = sum(bool(photo.acceptable) for photo in data.photos)
    garments, others, more = (
        len(drawn.sketches) for drawn in (data.garments, data.others, data.more)
    )
    return [
        f"**Drawings.** {garments} drawings of garments, {others} of twenty and {more} of sixty "
        "further words for other things, by people (Google's "
        '"Quick, Draw!", CC BY 4.0), drawn on the canvas of the Draw page with pens of '
        f"{', '.join(map(str, PENS))} pixels; figures are means over the pens. *Acceptable*: the "
        "prediction is one of the classes that count as correct for the word. *Kept* and "
        "*rejected*: the in-distribution score reaches the threshold of "
        f"{IN_DISTRIBUTION_THRESHOLD}, or does not. *AUROC*: of that score, garments against other "
        "things. A model without a class for non-garments uses the score of the shipped Sketch, as "
        "on the page. ±: one standard error, by word: drawings of one word resemble each other.",
        "",
        f"**Pictures.** {with_class} phone photos of garments and "
        f"{len(data.photos) - with_class} of hats, shorts and skirts (clothing-dataset-small, "
        f"CC0); and {len(data.icons)} icons drawn here from synthetic garments, with seed 0. ±: "
        "one binomial standard error.",
        "",
        "The recipe, the preprocessing and the threshold were chosen on these drawings and photos: "
        "they are development data, and figures on others may be lower. No model trained on them.",
        "",
        "*Test accuracy* and *ECE* (expected calibration error, 15 bins): test split of "
        "Fashion-MNIST.",
    ]  # fmt: skip


def tables(names: list[str], measured: list[Measured], data: Data, command: str) -> list[str]:
    """The page below its heading, as lines and tables."""
    own = dict.fromkeys(name for one in measured for name in one.own_classes)
    about_own = (
        f"Classes that a person added ({', '.join(map(plain, own))}) are never acceptable here, "
        "and what is predicted as one is not rejected: the copy knows it. Drawings that a copy has "
        "learned are no measure of it; keep them out of FOLDER."
    )
    return [
        *explanation(data), "", *([about_own, ""] if own else []),
        drawings_table(names, measured), "", pictures_table(names, measured), "",
        words_table(names, measured, data.garments), "",
        photos_by_class(names, measured), "", *footer(command), "",
    ]  # fmt: skip


def footer(command: str) -> list[str]:
    """Date, versions and command."""
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
    """Measure, print, and write the table if asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sketches")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    parser.add_argument(
        "--notes", type=Path, metavar="FILE",
        help="write the tables of these models to FILE, for a model card",
    )  # fmt: skip
    options = parser.parse_args()
    torch.set_num_threads(1)
    shipped = store.list_runs(paths.pretrained_folder())
    names = options.models or [r.run_id for r in shipped if r.weights_path.exists()]
    try:
        models = {name: open_model(name) for name in names}
        ood_model = load_pretrained(OOD_MODEL)
        data = read_all(options.folder)
    except (RunError, OSError) as error:
        sys.exit(sentence(error))
    measured = []
    for run, model in models.values():
        measured.append(measure(model, ood_model, run, data))
        print(f"{run.name}: {measured[-1].acceptable}", file=sys.stderr)
    titles = [*distinct_names([run for run, _ in models.values()]).values()]
    command = f"python -m benchmarks.sketches FOLDER {' '.join(sys.argv[2:])}".strip()
    body = tables(titles, measured, data, command)
    text = "\n".join(["# Drawings and photographs", "", *body])
    print(text)
    if options.write:
        TABLE.write_text(text, encoding="utf-8")
    if options.notes:
        text = "\n".join(["## Drawings and photographs", "", *body])
        options.notes.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
