"""The tables of the benchmark: which runs stand behind which row, and what they came to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from fmnist import paths
from fmnist.evaluation.metrics import standard_error
from fmnist.evaluation.predictions import Evaluation, stored_evaluation
from fmnist.files import write_atomic
from fmnist.models.registry import MODELS
from fmnist.models.sizes import Size
from fmnist.reports.text import UNKNOWN, markdown_table, percent
from fmnist.runs.config import Precision, TrainConfig, ensemble_of
from fmnist.runs.publish import publish
from fmnist.runs.recipes import recipe
from fmnist.runs.run import Run, RunError
from fmnist.runs.setting import format_value

TableName = Literal["models", "ablation", "precision", "ingredients", "strong"]

HEAVIEST: Final = 4_000_000
"""Bytes of weights that are kept with a run of a table, at most."""

_TEST_IMAGES: Final = 10_000
_PRECISIONS: Final[tuple[Precision, ...]] = ("float32", "bfloat16")
_ENSEMBLE: Final = "swift"
_MEMBERS: Final = 5


@dataclass(frozen=True)
class Row:
    """A line of a table: a model and its settings, trained with several seeds.

    Attributes
    ----------
    key : str
        Its runs are called after it and their seed.
    title : str
    config : TrainConfig
        With seed 0.
    claimed : float or None
        Test accuracy that the project's first table gave for it, in [0, 1], copied there from
        elsewhere; None where it had no such row.
    seeds : int
        Runs that are wanted, with seeds 0, 1, …
    members : int
        Of an ensemble: the first so many runs of these settings, whose probabilities are
        averaged; 1 for a single model.
    of : tuple of Row
        Of an ensemble of other rows' first runs, in the order of `config.model`.
    lesson : str
        What was learned from it, in a sentence or two; empty where the table has no such column.
    """

    key: str
    title: str
    config: TrainConfig
    claimed: float | None = None
    seeds: int = 1
    members: int = 1
    of: tuple["Row", ...] = ()
    lesson: str = ""

    @property
    def base(self) -> str:
        """What the folders of its runs are called, before the seed; an ensemble's are others'."""
        return self.key if self.members == 1 else self.config.model

    @property
    def run_title(self) -> str:
        """What its runs are called: the model, and what differs from the model's own recipe."""
        if self.of:
            return self.title
        own = vars(TrainConfig(**recipe("own", self.config.model)))
        forms = {"epochs": "{} epochs", "precision": "{}"}
        parts = [
            forms.get(name, name.replace("_", " ") + " {}").format(format_value(value))
            for name, value in vars(self.config).items()
            if value != own[name]
        ]
        return ", ".join([MODELS[self.config.model].title, *parts])

    def with_seed(self, seed: int) -> TrainConfig:
        """The settings of one of its runs."""
        return replace(self.config, seed=seed)


def _own(model: str, claimed: float | None = None, *, seeds: int = 1) -> Row:
    config = TrainConfig(**recipe("own", model))
    return Row(model, MODELS[model].title, config, claimed, seeds)


def _ablation(key: str, title: str, claimed: float) -> Row:
    config = TrainConfig(model=key, precision="bfloat16")
    return Row(f"{key}-bfloat16", title, config, claimed, seeds=2)


def _towards(model: str, key: str, title: str, lesson: str, **changes: Any) -> Row:
    """A run made towards the strong models: the model's own recipe with some changes."""
    config = TrainConfig(**{**recipe("own", model), **changes})
    return Row(key, title, config, lesson=lesson)


def _ingredient(key: str, title: str, **changes: Any) -> Row:
    """A short training of the Compact ResidualNet, with one thing done otherwise."""
    base = "residual-compact"
    return _towards(base, f"{base}-10-{key}", title, "", epochs=10, **changes)


def _ensemble(key: str, title: str, lesson: str, *rows: Row) -> Row:
    """The first run of each of several rows, put together."""
    config = ensemble_of([row.config for row in rows])
    return Row(key, title, config, of=rows, lesson=lesson)


_LARGE = _towards(
    "residual-large", "residual-large", "Large, own recipe",
    "Against the Deeper CNN (94.14 % on validation): residual blocks, more work on large maps, "
    "moved and erased images, smoothing, averaged weights and four times the epochs bring 1.4 "
    "points.",
)  # fmt: skip
_LARGE_CUTMIX = _towards(
    "residual-large", "residual-large-cutmix", "Large, and CutMix in half of the batches",
    "No gain in 40 epochs: 95.2 against 95.6 % on validation. It fits the training images "
    "less, and may want a longer run.",
    batch_mix="cutmix", mix_probability=0.5,
)  # fmt: skip
_COMPACT_TAUGHT = _towards(
    "residual-compact", "residual-compact-taught", "Compact, taught by the Large one",
    "Against the Small ResidualNet (same number of parameters, 93.52 % on validation): pooling "
    "instead of strides, a block on the whole image and the teacher bring 1.1 points.",
    teachers=("residual-large-0",),
)  # fmt: skip
_LARGE_TAUGHT = _towards(
    "residual-large", "residual-large-taught", "Large, taught by the first one",
    "It learns faster, and ends 0.1 points higher on validation, less than the standard error of "
    "0.3: a teacher of the same size has little left to teach. The mean of the two comes to no "
    "more (95.70 %): they err alike. Shipped as Strong.",
    teachers=("residual-large-0",),
)  # fmt: skip
_LARGE_SGD = _towards(
    "residual-large", "residual-large-sgd", "Large, SGD instead of AdamW, 20 epochs",
    "After its 20 epochs it is no further than AdamW after the first 20 of its 40 (94.66 % on "
    "validation): the half point that SGD brings the Compact network in 10 epochs is not seen "
    "here.",
    optimizer="sgd", learning_rate=0.1, weight_decay=5e-4, epochs=20,
)  # fmt: skip
_DEEP_TAUGHT = _towards(
    "residual-deep", "residual-deep-taught", "Deep, taught by both Large ones",
    "13 convolutions instead of 8 and another teacher end level with what was there: 95.64 against "
    "95.72 % on validation, though with a lower loss (0.201 against 0.205). Neither depth nor size "
    "is what holds these networks at this accuracy.",
    teachers=("residual-large-0", "residual-large-taught-0"),
)  # fmt: skip
_DEEP_FULL = _towards(
    "residual-deep", "residual-deep-full", "The same, on all 60,000 images",
    "5,000 more images bring 0.2 points on test. Settled before either had a figure: it is shipped "
    "as Strong, whatever it comes to, if the one above is better than 95.72 % on validation. That "
    "one is not, so this one is not shipped.",
    teachers=("residual-large-0", "residual-large-taught-0"), protocol="full", checkpoint="last",
)  # fmt: skip
_COMPACT_LONGER = _towards(
    "residual-compact", "residual-compact-taught-40", "Compact, taught, 40 epochs",
    "Twice the epochs bring 0.3 points on validation. The last ten brought nothing more: more "
    "would want a better teacher. Shipped as Small.",
    teachers=("residual-large-0",), epochs=40,
)  # fmt: skip

TABLES: Final[Mapping[TableName, tuple[Row, ...]]] = {
    "models": (
        _own("logistic", 0.842, seeds=3),
        _own("mlp", 0.875, seeds=3),
        _own("lenet-5", 0.898, seeds=3),
        Row("fashion-cnn", "FashionCNN", TrainConfig(), 0.9304),
        _own("swift", seeds=_MEMBERS),
        _own("residual-small", seeds=3),
        _own("residual"),
        _own("residual-large"),
        _own("residual-deep"),
        _own("deep-cnn", seeds=2),
        _own("resnet18", 0.945),
        _own("efficientnet-b0", 0.952),
        _own("vit-tiny"),
        Row(
            "ensemble", f"Ensemble of five {MODELS[_ENSEMBLE].title}s",
            TrainConfig(**recipe("own", _ENSEMBLE)), 0.961, _MEMBERS, _MEMBERS,
        ),
    ),
    "ablation": (
        _ablation("fashion-cnn", "Full", 0.9304),
        _ablation("fashion-cnn-no-dropout", "No dropout", 0.912),
        _ablation("fashion-cnn-one-convolution", "One convolution", 0.897),
        _ablation("fashion-cnn-64", "64 units instead of 128", 0.921),
        _ablation("fashion-cnn-unnormalized", "No normalization", 0.885),
    ),
    "precision": tuple(
        Row(f"fashion-cnn-short-{precision}", f"FashionCNN, {precision}",
            TrainConfig(epochs=3, precision=precision), seeds=3)
        for precision in _PRECISIONS
    ),
    "ingredients": (
        _ingredient("own", "Compact, own recipe in 10 epochs"),
        _ingredient("still", "Images neither flipped nor shifted", augmentation=()),
        _ingredient("erase", "Images erased in part too", augmentation=("flip", "shift", "erase")),
        _ingredient("smooth", "Labels smoothed by a tenth", label_smoothing=0.1),
        _ingredient("unaveraged", "Weights not averaged", ema=0.0),
        _ingredient(
            "cutmix", "CutMix in half of the batches", batch_mix="cutmix", mix_probability=0.5
        ),
        _ingredient(
            "sgd", "SGD with Nesterov's momentum instead of AdamW",
            optimizer="sgd", learning_rate=0.1, weight_decay=5e-4,
        ),
        _ingredient(
            "sgd-faster", "SGD at twice the learning rate",
            optimizer="sgd", learning_rate=0.2, weight_decay=5e-4,
        ),
        _ingredient(
            "sgd-decay", "SGD with twice the weight decay",
            optimizer="sgd", learning_rate=0.1, weight_decay=1e-3,
        ),
        _ingredient("taught", "Taught by the Large one", teachers=("residual-large-0",)),
    ),
    "strong": (
        _LARGE,
        _LARGE_CUTMIX,
        _LARGE_TAUGHT,
        _LARGE_SGD,
        _towards("residual-deep", "residual-deep", "Deep, own recipe", ""),
        _DEEP_TAUGHT,
        _DEEP_FULL,
        _COMPACT_TAUGHT,
        _COMPACT_LONGER,
        _ensemble(
            "ensemble-five", "Ensemble of these and two of the models' table",
            "No better than its best member alone: three of the five are too weak. Not shipped.",
            _LARGE, _LARGE_CUTMIX, _COMPACT_TAUGHT, _own("deep-cnn"), _own("residual-small"),
        ),
        _ensemble(
            "ensemble-best", "Ensemble of the five that are best on validation",
            "On validation level with Strong alone, on test 0.2 points above it, less than the "
            "standard error: networks of one family that were trained alike make the same "
            "mistakes. Shipped as Ensemble, for what it comes to.",
            _LARGE_TAUGHT, _DEEP_TAUGHT, _LARGE, _LARGE_CUTMIX, _COMPACT_LONGER,
        ),
    ),
}  # fmt: skip
"""The rows of each table, in their order."""


@dataclass(frozen=True)
class Standing:
    """What a row has come to so far.

    Attributes
    ----------
    row : Row
    runs : tuple of Run
        Finished ones with an evaluation of the test split, by seed.
    accuracies : tuple of float
        On the test split, in [0, 1]: one a run, or one for a whole ensemble.
    """

    row: Row
    runs: tuple[Run, ...]
    accuracies: tuple[float, ...]

    @property
    def accuracy(self) -> float | None:
        """The mean over the runs; None before there is one."""
        return sum(self.accuracies) / len(self.accuracies) if self.accuracies else None

    @property
    def error(self) -> float | None:
        """Standard error of the accuracy, from the number of test images alone.

        All runs are measured on the same images: more seeds do not make it smaller.
        """
        return None if self.accuracy is None else standard_error(self.accuracy, _TEST_IMAGES)

    @property
    def minutes(self) -> float | None:
        """Mean training time; of an ensemble, all its members' together."""
        if not self.accuracies:
            return None
        return sum(run.progress.seconds for run in self.runs) / len(self.accuracies) / 60

    @property
    def verdict(self) -> str:
        """How the figure compares with the one that was claimed, in words."""
        claimed, found, error = self.row.claimed, self.accuracy, self.error
        if found is None or error is None:
            return "not run yet"
        if claimed is None:
            return "no figure to compare"
        points = round(100 * (found - claimed), 1) + 0.0  # no "-0.0"
        if abs(found - claimed) <= 2 * error:
            return f"agrees ({points:+.1f} points, within two standard errors)"
        return f"disagrees: ours is {abs(points):.1f} points {'higher' if points > 0 else 'lower'}"


def matches(run: Run, config: TrainConfig) -> bool:
    """Whether a run has these settings, however often it logged its loss."""
    return run.config is not None and replace(run.config, log_every=config.log_every) == config


def _finished(present: Sequence[Run], config: TrainConfig) -> list[Run]:
    return [run for run in present if run.state == "finished" and matches(run, config)]


def members_of(row: Row, present: Sequence[Run]) -> list[Run]:
    """The runs that an ensemble of other rows is made of, whatever their folders are called.

    Raises
    ------
    fmnist.runs.run.RunError
        If one is not there.
    """
    members = []
    for each in row.of:
        found = _finished(present, each.config)
        if not found:
            raise RunError(f"{row.title!r} lacks a run of {each.title!r}; train that first.")
        members.append(found[0])
    return members


def standing(row: Row, present: Sequence[Run]) -> Standing:
    """What the runs at hand say of a row.

    Parameters
    ----------
    row : Row
    present : sequence of Run
        Where several have the same settings, the first counts.
    """
    found, evaluations = [], []
    for seed in range(row.seeds):
        for run in _finished(present, row.with_seed(seed)):
            try:
                evaluations.append(stored_evaluation(run, "test"))
            except RunError:
                continue  # one without figures has nothing to say here
            found.append(run)
            break
    if row.members == 1:
        return Standing(row, tuple(found), tuple(e.accuracy for e in evaluations))
    if len(found) < row.members:
        return Standing(row, (), ())
    return Standing(row, tuple(found), (Evaluation.mean(evaluations).accuracy,))


def keep(row: Row, present: Sequence[Run]) -> None:
    """Copy the runs of a row that are not with the project yet to `paths.benchmark_folder()`.

    Weights are copied where they take no more than `HEAVIEST`; the logits of single epochs never.

    Parameters
    ----------
    row : Row
    present : sequence of Run
        Where several have the same settings, the first counts.
    """
    home = paths.benchmark_folder()
    for seed in range(row.seeds):
        alike = _finished(present, row.with_seed(seed))
        if not alike or alike[0].folder.parent in (home, paths.pretrained_folder()):
            continue
        run = alike[0]
        light = run.weights_path.exists() and run.weights_path.stat().st_size <= HEAVIEST
        title = f"{row.run_title}, seed {seed}"
        publish(
            run, home, f"{row.base}-{seed}", card=None, title=title, weights=light, epochs=False
        )


def write(
    table: TableName, present: Sequence[Run], sizes: Mapping[str, Size], folder: Path
) -> Path:
    """Write a table's file into a folder.

    Returns
    -------
    Path
        The file, `<table>.md`.
    """
    path = folder / f"{table}.md"
    write_atomic(path, markdown(table, records(table, present, sizes)).encode())
    return path


def records(
    table: TableName, present: Sequence[Run], sizes: Mapping[str, Size]
) -> list[dict[str, Any]]:
    """The rows of a table as they stand.

    Parameters
    ----------
    table : str
        Key of `TABLES`.
    present : sequence of Run
    sizes : mapping of str to Size
        Of the models, as far as they were counted.

    Returns
    -------
    list of dict
        `title`, `claimed`, `accuracy`, `error`, `low`, `high`, `validation` (fractions or None),
        `parameters`, `multiply_adds` (of an ensemble, of all members; None where they were not
        counted), `minutes`, `epochs`, `seeds`, `protocol`, `precision`, `verdict`, `lesson`,
        `run_ids`.
    """
    lines = []
    for row in TABLES[table]:
        stand = standing(row, present)
        size = sizes.get(row.config.model)
        kept = [run.history.selected for run in stand.runs]
        validation = [entry.accuracy for entry in kept if entry and entry.split == "validation"]
        if row.members > 1:
            validation = []  # the members' own, which is not the ensemble's
        lines.append(
            {
                "title": row.title,
                "claimed": row.claimed,
                "accuracy": stand.accuracy,
                "error": stand.error,
                "low": min(stand.accuracies, default=None),
                "high": max(stand.accuracies, default=None),
                "validation": sum(validation) / len(validation) if validation else None,
                "parameters": row.members * size.parameters if size else None,
                "multiply_adds": row.members * size.multiply_adds if size else None,
                "minutes": stand.minutes,
                "epochs": row.config.epochs,
                "seeds": len(stand.accuracies),
                "protocol": row.config.protocol,
                "precision": row.config.precision,
                "verdict": stand.verdict,
                "lesson": row.lesson,
                "run_ids": [run.run_id for run in stand.runs],
            }
        )
    return lines


COMMAND: Final = "python -m fmnist bench"
_INTRODUCTIONS: Final[Mapping[TableName, str]] = {
    "models": """# Models

What each model of the registry reaches with its own recipe (`python -m fmnist train --recipe own \
--model …`; FashionCNN with the original's), on the {images} test images of Fashion-MNIST.""",
    "ablation": """# Ablation of FashionCNN

The original recipe (20 epochs, Adam, learning rate 0.001, batches of 128) with one thing left out \
at a time, computed in bfloat16 ([precision.md](precision.md) compares it with float32).""",
    "precision": """# Precision

FashionCNN by the original recipe, cut to 3 epochs, computed in 32 and in 16 bits. How much faster \
16 bits are is in [speed.md](speed.md).""",
    "ingredients": """# Ingredients

What each ingredient of the shipped models' recipes brings: the Compact ResidualNet in 10 epochs, \
and the same with one thing done otherwise. All else, the seed and with it the first weights and \
the order of the images, is alike. A longer training and a larger network may profit otherwise: \
erasing and mixing, which make the images harder, more than here.""",
    "strong": """# Strong

Every run made towards the shipped models `strong`, `small` and `ensemble`, also those that did \
not help. They were compared on the validation images; the test images chose nothing.""",
}


def markdown(table: TableName, lines: Sequence[Mapping[str, Any]]) -> str:
    """The text of a table's file.

    Parameters
    ----------
    table : str
        Key of `TABLES`.
    lines : sequence of mapping
        As `records` returns them.
    """
    has_claims = any(line["claimed"] for line in lines)
    hidden: tuple[str, ...] = () if has_claims else _CLAIMS
    if not any(line["lesson"] for line in lines):
        hidden += (_LESSON,)
    shown = [c for c in _COLUMNS if c.title not in hidden]
    aligned = "".join("l" if c.is_text else "r" for c in shown)
    rows = [[c.text(line) for c in shown] for line in lines]
    run_ids = [f"- {line['title']}: {', '.join(line['run_ids']) or 'none yet'}" for line in lines]
    return "\n".join(
        [
            _INTRODUCTIONS[table].format(images=f"{_TEST_IMAGES:,}"),
            "",
            markdown_table([c.title for c in shown], rows, aligned),
            "",
            _NOTES + (_CLAIM_NOTE if has_claims else ""),
            "",
            "Runs, in `artifacts/benchmarks` and `artifacts/pretrained` (open them on the "
            "dashboard):",
            "",
            *run_ids,
            "",
            f"`{COMMAND} {table}` trains what is missing and writes this file; "
            f"`{COMMAND} {table} --read` only writes it.",
            "",
        ]
    )


def _number(value: float | None, form: str) -> str:
    return UNKNOWN if value is None else format(value, form)


def _range(line: Mapping[str, Any]) -> str:
    if line["seeds"] < 2:
        return "–"
    return f"{100 * line['low']:.2f} to {100 * line['high']:.2f}"


def _points(value: float | None) -> str:
    return _number(None if value is None else 100 * value, ".2f")


def _accuracy(line: Mapping[str, Any]) -> str:
    return "not run yet" if line["accuracy"] is None else f"**{percent(line['accuracy'])}**"


@dataclass(frozen=True)
class _Column:
    title: str
    text: Callable[[Mapping[str, Any]], str]
    is_text: bool = False


_COLUMNS: Final = (
    _Column("Model", lambda line: line["title"], is_text=True),
    _Column("First table", lambda line: percent(line["claimed"])),
    _Column("Ours, test", _accuracy),
    _Column("Standard error", lambda line: _points(line["error"])),
    _Column("Runs", lambda line: str(line["seeds"])),
    _Column("Range", _range),
    _Column("Validation", lambda line: percent(line["validation"])),
    _Column("Parameters", lambda line: _number(line["parameters"], ",")),
    _Column("Multiply-adds", lambda line: _number(line["multiply_adds"], ",")),
    _Column("Epochs", lambda line: str(line["epochs"])),
    _Column("Minutes", lambda line: _number(line["minutes"], ".1f")),
    _Column("Protocol", lambda line: line["protocol"], is_text=True),
    _Column("Precision", lambda line: line["precision"], is_text=True),
    _Column("First table and ours", lambda line: line["verdict"], is_text=True),
    _Column("What was learned", lambda line: line["lesson"] or "–", is_text=True),
)
_LESSON: Final = "What was learned"
_CLAIMS: Final = ("First table", "First table and ours")
_NOTES: Final = (
    "Under the held-out protocol the epoch was chosen on 5,000 validation images, or is the last "
    "one where the recipe says so (swift), and the test images were measured once. Under the full "
    "protocol all 60,000 training images were trained on, with settings fixed beforehand; the last "
    "epoch was kept and the test images were measured once. The standard "
    f"error is that of a share of {_TEST_IMAGES:,} images, and does not shrink with more runs, "
    "since all are measured on the same ones; the range is over the seeds. Minutes are of one run "
    "as it was trained, on whatever number of threads its config.json names, on machines that did "
    "other work too. An ensemble's parameters, multiply-adds and minutes are its members' together."
)
_CLAIM_NOTE: Final = (
    ' "First table" is the figure that the project\'s first table gave, whose runs are not at '
    "hand; it may be the best epoch on the test images."
)
