"""Model card of a shipped model, written from the files in its folder."""

import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, get_args

import jinja2

from fmnist import paths
from fmnist.data.fashion_mnist import SYNTHETIC_TRAIN
from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import DATASET_TITLES, DatasetName
from fmnist.data.synthetic import TrainingDrawings
from fmnist.errors import DamagedFileError
from fmnist.evaluation.calibration import brier_score, reliability
from fmnist.evaluation.metrics import class_scores, most_confused_pairs
from fmnist.evaluation.predictions import Evaluation, stored_evaluation
from fmnist.files import read_json, write_atomic
from fmnist.models.registry import describe
from fmnist.reports.text import UNKNOWN, duration, markdown_table, percent
from fmnist.runs import store
from fmnist.runs.config import RunConfig, TrainConfig
from fmnist.runs.history import EpochEntry
from fmnist.runs.migration import migrate_settings
from fmnist.runs.publish import CARD_FILE, companion_of
from fmnist.runs.run import Run, RunError
from fmnist.runs.setting import format_value
from fmnist.text import plain

ORIGINAL_TEST_ACCURACY: Final[Mapping[int, float]] = {
    1: 0.8823,
    5: 0.9140,
    10: 0.9230,
    17: 0.9304,
    20: 0.9269,
}
"""Published test accuracy of the notebook that FashionCNN comes from, by epoch."""

ORIGINAL_CLASS_ACCURACY: Final[Mapping[str, str]] = {"Shirt": "79.4%"}
"""Published test accuracy of a class in that notebook; it gives no other class."""

ORIGINAL_CONFUSED_PAIRS: Final = (("Shirt", "T-shirt/top"), ("Coat", "Pullover"))
"""Most confused pairs in that notebook; it gives no counts."""

_NOTES = "notes.md"
_REFERENCE = "fashion-cnn"
_TRAIN_IMAGES: Final[Mapping[DatasetName, int]] = {
    "fashion-mnist": 60_000,
    "synthetic-garments": SYNTHETIC_TRAIN,
}
_Rows = Sequence[tuple[str, ...]]


def write_card(root: Path, name: str) -> Path:
    """Write the card of a shipped model again.

    Returns
    -------
    Path
        The card, `README.md`.

    Raises
    ------
    fmnist.runs.run.RunError
        If there is no such model, or it lacks a file.
    """
    run = store.open_run(root, name)
    path = run.folder / CARD_FILE
    write_atomic(path, card_of(run, root).encode())
    return path


def card_of(run: Run, root: Path) -> str:
    """Model card of a run in the folder of shipped models, which it is compared with."""
    return model_card(run, companion=companion_of(run, root), reference=_reference(run, root))


def card_elsewhere(run: Run) -> str:
    """Model card of any run, to be read away from its folder: in a report or beside an export.

    Raises
    ------
    fmnist.runs.run.RunError
        If the run lacks a file.
    """
    if run.folder.parent == paths.pretrained_folder():
        return card_of(run, run.folder.parent)
    loader = "load_run" if run.folder.parent == paths.runs_folder() else ""
    return model_card(run, companion=None, loader=loader, is_shipped=False)


def _reference(run: Run, root: Path) -> Run | None:
    """The shipped FashionCNN, unless the run is one itself or has another data set."""
    if (
        run.config is None
        or run.config.models == (_REFERENCE,)
        or _REFERENCE not in store.run_ids(root)
    ):
        return None
    found = store.open_run(root, _REFERENCE)
    is_comparable = found.config is not None and found.config.dataset == run.config.dataset
    return found if is_comparable else None


def is_card_current(run: Run, root: Path) -> bool:
    """Whether the card of a shipped model agrees with its files."""
    try:
        text = (run.folder / CARD_FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return text == card_of(run, root)


def model_card(
    run: Run,
    *,
    companion: Run | None,
    reference: Run | None = None,
    is_shipped: bool = True,
    loader: str = "load_pretrained",
) -> str:
    """Model card of a finished run, from the files in its folder.

    Parameters
    ----------
    run : Run
    companion : Run or None
        Run of the same model under the other protocol.
    reference : Run, optional
        Run whose accuracy per class is shown beside.
    is_shipped : bool
        Whether the run is, or will be, one of the shipped models, whose cards lie in their folders.
    loader : str
        Function of the package that loads its weights; empty if none does.

    Returns
    -------
    str
        Markdown.

    Raises
    ------
    fmnist.runs.run.RunError
        If the run lacks a file.
    """
    config, selected = run.config, run.history.selected
    if config is None:
        raise RunError(run.reason or f"The settings of the run {run.run_id} cannot be read.")
    if selected is None:
        raise RunError(f"The run {run.run_id} has not finished an epoch; it has no card.")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown
    )
    environment.filters |= {"code": "`{}`".format, "plain": plain}
    environment.globals |= {"table": markdown_table, "count": "{:,}".format}
    template = environment.get_template("model_card.md.j2")
    values = _context(run, config, selected, companion, reference)
    return template.render(values, is_shipped=is_shipped, loader=loader)


def _context(
    run: Run,
    config: RunConfig,
    selected: EpochEntry,
    companion: Run | None,
    reference: Run | None,
) -> dict[str, Any]:
    """Everything that the template shows, by name."""
    model, epochs = describe(*config.models), run.history.epochs
    test = stored_evaluation(run, "test")
    is_held_out = config.protocol == "held-out"
    return {
        "name": plain(run.name),
        "run_id": run.run_id,
        # the title of an ensemble only repeats its summary
        "summary": model.summary if run.members else f"{model.title}: {model.summary}",
        "classes": CLASS_NAMES,
        "dataset": DATASET_TITLES[config.dataset],
        "protocol": config.protocol,
        "started": f"{datetime.fromtimestamp(run.created, UTC):%Y-%m-%d}",
        "drawings": _drawings(run.training),
        "members": run.members,
        "fine_tuning": run.fine_tuning,
        "own_classes": run.fine_tuning.own_classes if run.fine_tuning else (),
        "teachers": run.training.teachers if run.training else (),
        "differences": run.environment.get("recipe", ""),
        "has_weights": run.weights_path.exists(),
        "train_images": _TRAIN_IMAGES[config.dataset],
        "validation_images": len(stored_evaluation(run, "validation").labels) if is_held_out else 0,
        "test_images": len(test.labels),
        "selects_last": config.checkpoint == "last",
        "figures": _figures(run, config, selected, test),
        "companion": companion and _companion(companion),
        "progression": _progression(run, config, companion),
        "is_original": _is_original(config),
        "original_pairs": ["↔".join(pair) for pair in ORIGINAL_CONFUSED_PAIRS],
        "class_table": _class_table(config, test, reference, run.class_names),
        "epoch": selected.epoch,
        "confused_pairs": _confused_pairs(test, run.class_names),
        "calibration": _calibration(test),
        "notes": _notes(run),
        "time": duration(epochs[-1].seconds),
        "epochs": len(epochs),
        "pace": f"{statistics.median(e.images_per_second for e in epochs):,.0f}",
        "command": _command(run),
        "provenance": _provenance(run),
    }


def _is_original(config: RunConfig) -> bool:
    """Whether the run can be compared with the notebook that FashionCNN comes from."""
    return config.dataset == "fashion-mnist" and config.models == ("fashion-cnn",)


def _drawings(config: TrainConfig | None) -> tuple[str, ...]:
    """Kinds of drawings trained on: each kind includes those before it."""
    kinds = get_args(TrainingDrawings)
    kind = config and config.training_drawings
    return kinds[: kinds.index(kind) + 1] if kind else ()


def _companion(run: Run) -> dict[str, str]:
    return {
        "name": plain(run.name),
        "link": f"../{run.run_id}/{CARD_FILE}",
        "test_accuracy": percent(stored_evaluation(run, "test").accuracy),
    }


def _figures(run: Run, config: RunConfig, selected: EpochEntry, test: Evaluation) -> _Rows:
    planned = run.training.epochs if run.training else 1
    if config.protocol == "notebook":
        last = run.history.epochs[-1]
        return [
            ("Best epoch (on test)", f"{selected.epoch} of {planned}"),
            ("Best test accuracy (selected on test)", percent(test.accuracy)),
            ("Test loss at the best epoch", f"{test.loss:.4f}"),
            (f"**Final test accuracy** (epoch {last.epoch})", f"**{percent(last.accuracy)}**"),
            ("Final test loss", f"{last.loss:.4f}"),
        ]
    split = {"validation": "Validation", "train": "Training"}[selected.split]
    note = " (images trained on)" if selected.split == "train" else ""
    choice = (
        "Selected epoch, the last" if config.checkpoint == "last" else "Best epoch (on validation)"
    )
    first = (choice, f"{selected.epoch} of {planned}")
    if run.members:
        first = ("Members", str(len(run.members)))
    if run.fine_tuning:
        first = ("Fine-tuned from", run.fine_tuning.base)
    rows = [
        first,
        (f"{split} accuracy{note}", percent(selected.accuracy)),
        (f"{split} loss{note}", f"{selected.loss:.4f}"),
        ("**Test accuracy**", f"**{percent(test.accuracy)}**"),
        ("Test loss", f"{test.loss:.4f}"),
    ]
    if run.tta_path.exists():
        accuracy = Evaluation.load(run.tta_path).accuracy
        rows.append((f"Test accuracy with TTA ({config.tta})", percent(accuracy)))
    return rows


def _progression(run: Run, config: RunConfig, companion: Run | None) -> dict[str, Any]:
    """Accuracy after some of the epochs, beside the companion's and the original notebook's."""
    columns = [(f"{run.history.epochs[0].split.capitalize()} accuracy", run)]
    if companion and config.protocol == "held-out":
        columns.append(("Test accuracy, notebook protocol", companion))
    titles = ["Epoch", *(title for title, _ in columns)]
    accuracies = [{e.epoch: e.accuracy for e in column.history.epochs} for _, column in columns]
    last = run.history.epochs[-1].epoch
    shown = [*(epoch for epoch in ORIGINAL_TEST_ACCURACY if epoch < last), last]
    if _is_original(config):
        titles.append("Original notebook, test accuracy")
        accuracies.append(dict(ORIGINAL_TEST_ACCURACY))
        shown = list(ORIGINAL_TEST_ACCURACY)
    rows = [[str(epoch), *(percent(of.get(epoch)) for of in accuracies)] for epoch in shown]
    return {"titles": titles, "rows": rows}


def _class_table(
    config: RunConfig, test: Evaluation, reference: Run | None, names: Sequence[str]
) -> dict[str, Any]:
    """Scores of each class, beside the original notebook's and the reference's."""
    titles = ["Class", "Correct / total", "Accuracy", "Precision", "Recall", "F1"]
    rows = []
    for score in class_scores(test.confusion):
        name = plain(names[score.label])
        row = [name, f"{score.correct:,} / {score.total:,}"]
        row += map(percent, (score.accuracy, score.precision, score.accuracy, score.f1))
        if _is_original(config):
            row.append(ORIGINAL_CLASS_ACCURACY.get(name, "not given"))
        rows.append(row)
    if _is_original(config):
        titles.append("Original notebook, accuracy")
    if reference:
        titles.append(f"{plain(reference.name)}, accuracy")
        others = class_scores(stored_evaluation(reference, "test").confusion)
        rows = [[*row, percent(other.accuracy)] for row, other in zip(rows, others, strict=False)]
    return {"titles": titles, "rows": rows}


def _confused_pairs(test: Evaluation, names: Sequence[str]) -> _Rows:
    return [
        (
            plain(names[pair.true_label]),
            plain(names[pair.predicted_label]),
            f"{pair.count:,}",
            percent(pair.share),
        )
        for pair in most_confused_pairs(test.confusion)
    ]


def _calibration(test: Evaluation) -> _Rows:
    return [
        ("Mean confidence", percent(float(test.confidence.mean()))),
        ("Accuracy", percent(test.accuracy)),
        (
            "Expected calibration error (15 bins)",
            f"{reliability(test.confidence, test.correct).ece:.4f}",
        ),
        ("Brier score", f"{brier_score(test.probabilities, test.labels):.4f}"),
    ]


def _notes(run: Run) -> str:
    """What a benchmark measured of this model and wrote beside its files; empty if none did."""
    try:
        return (run.folder / _NOTES).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise DamagedFileError(f"the file {run.folder / _NOTES} is no text; mend it.") from error


def _command(run: Run) -> str:
    """The command that makes the model again."""
    if run.fine_tuning:
        return f"python -m fmnist fine-tune --again {run.run_id}"
    if run.training is None:
        return " ".join(["python -m fmnist ensemble", *run.members])
    # a setting that the file lacks did not exist then, and has its default value
    given = migrate_settings(read_json(run.config_path)["config"])
    options = [
        f"--{name.replace('_', '-')} {format_value(value)}"
        for name, value in vars(run.training).items()
        if name in given
    ]
    return " \\\n    ".join(["python -m fmnist train", *options])


def _provenance(run: Run) -> _Rows:
    titles = {"fmnist": "fmnist", "python": "Python", "torch": "torch", "numpy": "NumPy"}
    settings = run.training or run.fine_tuning
    versions = [f"{titles[k]} {run.environment[k]}" for k in titles if k in run.environment]
    return [
        ("Seed", str(settings.seed) if settings else "those of the members"),
        ("Versions", ", ".join(versions) or UNKNOWN),
        ("Device", run.environment.get("device", UNKNOWN)),
        ("Threads", run.environment.get("threads", UNKNOWN)),
        ("Data set (SHA-256)", f"`{run.dataset.get('checksum', UNKNOWN)}`"),
    ]
