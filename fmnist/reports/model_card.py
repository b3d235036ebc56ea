"""Shipped models: publishing a finished run, and its model card, written from its files alone."""

import io
import re
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, get_args

import numpy as np

from fmnist.data.fashion_mnist import DRAWN_TRAIN
from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import DATASET_TITLES, DatasetName, SplitName
from fmnist.data.synthetic import Drawings
from fmnist.evaluation.calibration import brier_score, reliability
from fmnist.evaluation.metrics import class_scores, most_confused_pairs, softmax
from fmnist.evaluation.predictions import Evaluation, stored_evaluation
from fmnist.files import load_arrays, read_json, write_atomic, write_json
from fmnist.models.registry import describe
from fmnist.reports.text import UNKNOWN, duration, markdown_table, percent
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.history import EpochEntry
from fmnist.runs.run import Run, RunError

ORIGINAL_TEST_ACCURACY: Final[Mapping[int, float]] = {
    1: 0.8823,
    5: 0.9140,
    10: 0.9230,
    17: 0.9304,
    20: 0.9269,
}
"""Epoch to test accuracy of the notebook that FashionCNN comes from, as it was published."""

ORIGINAL_CLASS_ACCURACY: Final[Mapping[str, str]] = {"Shirt": "79.4%"}
"""Class to test accuracy in that notebook; of the other classes none was published."""

ORIGINAL_CONFUSED_PAIRS: Final = (("Shirt", "T-shirt/top"), ("Coat", "Pullover"))
"""The pairs that notebook names as most confused; it gives no counts."""

_CARD = "README.md"
_NOTES = "notes.md"
_COMPANION_SUFFIX = "-notebook"
_REFERENCE = "fashion-cnn"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")
_TRAIN_IMAGES: Final[Mapping[DatasetName, int]] = {
    "fashion-mnist": 60_000,
    "drawn-garments": DRAWN_TRAIN,
}


def publish(
    run: Run,
    root: Path,
    name: str,
    *,
    title: str = "",
    weights: bool = True,
    brief: bool = False,
    force: bool = False,
) -> Run:
    """Copy a finished run to the shipped models, and write its model card.

    The folder appears whole or not at all. The card of its companion, where there is one, is
    written anew too.

    Parameters
    ----------
    run : Run
    root : Path
        Folder of the shipped models; made where it is absent.
    name : str
        Name of the new folder: lower-case letters, digits and hyphens.
    title : str
        What people call it; by default as the run.
    weights : bool
        Whether to copy the weights, too.
    force : bool
        Whether a shipped model of that name may be replaced.
    brief : bool
        Whether to leave out the card and the logits of every epoch.

    Raises
    ------
    fmnist.runs.run.RunError
        If the run is not finished, has seen only a subset, or lacks a file; if the name is
        impossible or taken.
    """
    if not _NAME.fullmatch(name):
        raise RunError(
            f"The name {name!r} cannot be used; take lower-case letters, digits and hyphens."
        )
    if run.state != "finished":
        raise RunError(f"The run {run.run_id} is {run.state}; only a finished run is published.")
    if run.config and run.config.subset is not None:
        raise RunError(
            f"The run {run.run_id} was trained on {run.config.subset:,} images only; "
            "only runs on the whole data set are published."
        )
    if weights and not run.weights_path.exists():
        raise RunError(f"The run {run.run_id} has no weights; publish it with --no-weights.")
    target = root / name
    if target.exists() and not force:
        raise RunError(f"There is a shipped model {name!r} already; replace it with --force.")
    root.mkdir(parents=True, exist_ok=True)
    # the name begins with a dot, so that nobody takes it for a shipped model
    with tempfile.TemporaryDirectory(dir=root, prefix=".publishing-") as temporary:
        folder = Path(temporary) / name
        _copy(run, folder, title=title, weights=weights, epochs=not brief)
        if not brief:
            run = store.open_run(folder.parent, name)
            write_atomic(run.folder / _CARD, _card_of(run, root).encode())
        with _out_of_the_way(target, Path(temporary) / "replaced"):
            folder.rename(target)
    published = store.open_run(root, name)
    companion = companion_of(published, root)
    if companion and not brief:
        write_card(root, companion.run_id)
    return published


def _copy(run: Run, folder: Path, *, title: str, weights: bool, epochs: bool) -> None:
    (folder / "evaluation").mkdir(parents=True)
    paths = [run.config_path, run.status_path, run.history_path]
    if weights:
        paths.append(run.weights_path)
    splits: tuple[SplitName, ...] = ("train", "validation", "test")
    kept = [*map(run.evaluation_path, splits), run.tta_path]
    paths += [p for p in kept if p.exists()]
    try:
        for path in paths:
            shutil.copyfile(path, folder / path.relative_to(run.folder))
        if epochs and run.epochs_path.exists():
            write_atomic(folder / "evaluation" / run.epochs_path.name, _small(run.epochs_path))
    except (FileNotFoundError, ValueError) as error:
        raise RunError(f"The run {run.run_id} cannot be published: {error}") from error
    write_json(folder / run.name_path.name, {"name": " ".join(title.split()) or run.name})


def _small(path: Path) -> bytes:
    """A `.npz` file, compressed where that makes it smaller."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **load_arrays(path))  # type: ignore[arg-type]
    return min(path.read_bytes(), buffer.getvalue(), key=len)


@contextmanager
def _out_of_the_way(path: Path, aside: Path) -> Iterator[None]:
    """Move a folder aside, and back again if the block fails."""
    moved = path.exists()
    if moved:
        path.rename(aside)
    try:
        yield
    except BaseException:
        if moved:
            aside.rename(path)
        raise


def companion_of(run: Run, root: Path) -> Run | None:
    """The shipped run of the same model under the other protocol.

    Parameters
    ----------
    run : Run
        Called "<name>" or "<name>-notebook"; its companion has the other of the two names.
    root : Path
        Folder of the shipped models.
    """
    name = run.run_id
    if name.endswith(_COMPANION_SUFFIX):
        other = name.removesuffix(_COMPANION_SUFFIX)
    else:
        other = name + _COMPANION_SUFFIX
    try:
        found = store.open_run(root, other)
    except RunError:
        return None
    if run.config is None or found.config is None or found.state != "finished":
        return None
    same = (run.config.model, run.config.dataset) == (found.config.model, found.config.dataset)
    return found if same and run.config.protocol != found.config.protocol else None


def write_card(root: Path, name: str) -> Path:
    """Write the card of a shipped model anew.

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
    path = run.folder / _CARD
    write_atomic(path, _card_of(run, root).encode())
    return path


def _card_of(run: Run, root: Path) -> str:
    return model_card(run, companion=companion_of(run, root), reference=_reference(run, root))


def _reference(run: Run, root: Path) -> Run | None:
    """The shipped FashionCNN, for all models but those of the notebook that it comes from."""
    if (
        run.config is None
        or run.config.model == _REFERENCE
        or _REFERENCE not in store.run_ids(root)
    ):
        return None
    found = store.open_run(root, _REFERENCE)
    is_comparable = found.config is not None and found.config.dataset == run.config.dataset
    return found if is_comparable else None


def is_card_current(run: Run, root: Path) -> bool:
    """Whether the card of a shipped model says what its files say."""
    try:
        text = (run.folder / _CARD).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return text == _card_of(run, root)


def model_card(run: Run, *, companion: Run | None, reference: Run | None = None) -> str:
    """The model card of a finished run, from the files in its folder.

    Parameters
    ----------
    run : Run
    companion : Run or None
        The run of the same model under the other protocol.
    reference : Run, optional
        Whose accuracy of each class stands beside.

    Returns
    -------
    str
        Markdown.

    Raises
    ------
    fmnist.runs.run.RunError
        If the run lacks a file.
    """
    config, best = run.config, run.history.selected
    if config is None:
        raise RunError(run.reason or f"The settings of the run {run.run_id} cannot be read.")
    if best is None:
        raise RunError(f"The run {run.run_id} has not finished an epoch; it has no card.")
    test = stored_evaluation(run, "test")
    parts = [
        _introduction(run, config),
        _protocol(run, config, test),
        _headline(run, config, best, test, companion),
        *([] if run.members else [_progression(run, config, companion)]),
        _classes(run, config, best, test, reference),
        _confusions(config, test),
        _calibration(config, test),
        *_notes(run),
        _time(run),
        _recipe(run, config),
    ]
    return "\n\n".join(parts) + "\n"


def _introduction(run: Run, config: TrainConfig) -> str:
    model = describe(config.model)
    made = datetime.fromtimestamp(run.created, UTC)
    drawings = ""
    if config.drawings != "none":
        kinds = get_args(Drawings)[1 : get_args(Drawings).index(config.drawings) + 1]
        drawings = (
            f" Beside the photographs it was trained on drawings that this project makes: "
            f"{', '.join(kinds)} (`fmnist/drawings.py`)."
        )
    # an ensemble's summary tells all that its title does
    told = model.summary if run.members else f"{model.title}: {model.summary}"
    text = f"""# {run.name}

{told} It names the class of a 28×28 image of a garment: \
{", ".join(CLASS_NAMES)}. Trained on {DATASET_TITLES[config.dataset]} under the \
{config.protocol} protocol; the run began on {made:%Y-%m-%d}.{drawings}{_learned_from(run)} This \
card is written from the files beside it by `python -m fmnist card {run.run_id}`."""
    if run.weights_path.exists():
        return f"""{text}

```python
import fmnist

classifier = fmnist.load_pretrained("{run.run_id}")
probabilities = classifier.predict_proba(images)  # uint8 (N, 28, 28), white garment on black
```"""
    return f"{text} The weights are not shipped; the command at the end makes them again."


def _learned_from(run: Run) -> str:
    """Of a student, who its teacher was; of an ensemble, who is in it."""
    if run.members:
        told = ", ".join(f"`{name}`" for name in run.members)
        return f" Its members are {told}; it has their weights."
    names = run.config.teachers if run.config else ()
    if names:
        told = " and ".join(f"`{name}`" for name in names)
        drawn = ", one of them drawn for every batch" if len(names) > 1 else ""
        return (
            f" Beside the labels it learned from the probabilities of {told} (distillation{drawn})."
        )
    return ""


def _protocol(run: Run, config: TrainConfig, test: Evaluation) -> str:
    total = _TRAIN_IMAGES[config.dataset]
    if config.protocol == "held-out":
        held_out = len(stored_evaluation(run, "validation").labels)
        return f"""## Protocol: held-out

{total - held_out:,} images to train on and {held_out:,} for validation, the same share of each \
class, chosen with a fixed seed. {_choice(run, config)} The {len(test.labels):,} test \
images were measured once, at the end, and chose nothing."""
    if config.protocol == "full":
        return f"""## Protocol: full

All {total:,} training images to train on, with settings that were fixed beforehand; the weights \
are those of the last epoch. The {len(test.labels):,} test images were measured once, at the end, \
and chose nothing."""
    return f"""## Protocol: notebook

All {total:,} training images to train on; the {len(test.labels):,} test images were measured \
after every epoch. The "best test accuracy" is therefore a choice made on the test set, and \
may flatter the model; the final test accuracy is that of the last epoch, which was fixed \
beforehand."""


def _choice(run: Run, config: TrainConfig) -> str:
    if run.members:
        return "The members' epochs were chosen as their own cards tell."
    if config.keep == "last":
        return "The weights are those of the last epoch, which was fixed beforehand."
    return "The epoch was chosen on validation."


def _headline(
    run: Run, config: TrainConfig, best: EpochEntry, test: Evaluation, companion: Run | None
) -> str:
    if config.protocol != "notebook":
        measured = {"validation": "Validation", "train": "Training"}[best.split]
        note_of = " (images trained on)" if best.split == "train" else ""
        epoch = (
            "Epoch kept, the last" if config.keep == "last" else "Best epoch (on validation)",
            f"{best.epoch} of {config.epochs}",
        )
        rows = [
            ("Members", str(len(run.members))) if run.members else epoch,
            (f"{measured} accuracy{note_of}", percent(best.accuracy)),
            (f"{measured} loss{note_of}", f"{best.loss:.4f}"),
            ("**Test accuracy**", f"**{percent(test.accuracy)}**"),
            ("Test loss", f"{test.loss:.4f}"),
        ]
        if run.tta_path.exists():
            views = Evaluation.load(run.tta_path)
            rows.append(
                (f"Test accuracy over several views ({config.views})", percent(views.accuracy))
            )
    else:
        last = run.history.epochs[-1]
        rows = [
            ("Best epoch (on test)", f"{best.epoch} of {config.epochs}"),
            ("Best test accuracy (chosen on the test set)", percent(test.accuracy)),
            ("Test loss at the best epoch", f"{test.loss:.4f}"),
            (f"**Final test accuracy** (epoch {last.epoch})", f"**{percent(last.accuracy)}**"),
            ("Final test loss", f"{last.loss:.4f}"),
        ]
    note = "Losses are cross-entropy in nats."
    if companion and config.protocol == "notebook":
        accuracy = percent(stored_evaluation(companion, "test").accuracy)
        note += (
            f" Under the held-out protocol, where the test set chose nothing, "
            f"[{companion.name}](../{companion.run_id}/{_CARD}) has a test accuracy of {accuracy}."
        )
    return "\n".join(["## Figures", "", markdown_table(("", "Value"), rows), "", note])


def _progression(run: Run, config: TrainConfig, companion: Run | None) -> str:
    columns = [(f"{run.history.epochs[0].split.capitalize()} accuracy", run)]
    note = "Accuracy after an epoch."
    if config.protocol == "full":
        note = "Accuracy after an epoch, on some of the images trained on."
    if companion and config.protocol == "held-out":
        columns.append(("Test accuracy, notebook protocol", companion))
        note += (
            f" The notebook protocol's column is of another run, "
            f"[{companion.name}](../{companion.run_id}/{_CARD})."
        )
    titles = ["Epoch", *(title for title, _ in columns)]
    accuracies = [{e.epoch: e.accuracy for e in column.history.epochs} for _, column in columns]
    is_comparable = _is_original(config)
    if is_comparable:
        titles.append("Original notebook, test accuracy")
        note += (
            " The original notebook's figures are those published with it; it trained FashionCNN "
            "under the notebook protocol."
        )
    last = run.history.epochs[-1].epoch
    shown = list(ORIGINAL_TEST_ACCURACY)
    if not is_comparable:
        shown = [*(epoch for epoch in shown if epoch < last), last]
    rows = []
    for epoch in shown:
        row = [str(epoch)]
        row += [percent(of[epoch]) if epoch in of else UNKNOWN for of in accuracies]
        if is_comparable:
            row.append(percent(ORIGINAL_TEST_ACCURACY[epoch]))
        rows.append(row)
    return "\n".join(["## Progression", "", markdown_table(titles, rows), "", note])


def _classes(
    run: Run, config: TrainConfig, best: EpochEntry, test: Evaluation, reference: Run | None
) -> str:
    titles = ["Class", "Correct / total", "Accuracy", "Precision", "Recall", "F1"]
    is_comparable = _is_original(config)
    if is_comparable:
        titles.append("Original notebook, accuracy")
    other = class_scores(stored_evaluation(reference, "test").confusion) if reference else []
    if reference:
        titles.append(f"{reference.name}, accuracy")
    rows = []
    for score in class_scores(test.confusion):
        name = CLASS_NAMES[score.label]
        row = [name, f"{score.correct:,} / {score.total:,}"]
        row += map(percent, (score.accuracy, score.precision, score.accuracy, score.f1))
        if is_comparable:
            row.append(ORIGINAL_CLASS_ACCURACY.get(name, "not given"))
        row += [percent(of.accuracy) for of in other if of.label == score.label]
        rows.append(row)
    note = "Accuracy is the share of a class's images that are recognized, which is its recall."
    if not run.members:
        note = f"Weights of epoch {best.epoch}. {note}"
    return "\n".join(["## Classes (test)", "", markdown_table(titles, rows), "", note])


def _confusions(config: TrainConfig, test: Evaluation) -> str:
    rows = [
        (
            CLASS_NAMES[pair.true_label],
            CLASS_NAMES[pair.predicted_label],
            f"{pair.count:,}",
            percent(pair.share),
        )
        for pair in most_confused_pairs(test.confusion)
    ]
    lines = ["## Most confused (test)", ""]
    lines += [
        markdown_table(("True class", "Taken for", "Images", "Share of the true class"), rows)
    ]
    if _is_original(config):
        pairs = " and ".join(f"{a}↔{b}" for a, b in ORIGINAL_CONFUSED_PAIRS)
        lines += ["", f"The original notebook names {pairs} as most confused, without counts."]
    return "\n".join(lines)


def _calibration(config: TrainConfig, test: Evaluation) -> str:
    probabilities = softmax(test.logits)
    confidence = probabilities.max(axis=1)
    told = reliability(confidence, test.correct)
    rows = [
        ("Mean confidence", percent(float(confidence.mean()))),
        ("Accuracy", percent(test.accuracy)),
        ("Expected calibration error (15 bins)", f"{told.ece:.4f}"),
        ("Brier score", f"{brier_score(probabilities, test.labels):.4f}"),
    ]
    note = "Before any temperature is fitted; the Confidence page fits one on validation."
    if config.protocol != "held-out":
        note = "No temperature: it is fitted on held-out images, and the protocol keeps none."
    return "\n".join(["## Calibration (test)", "", markdown_table(("", "Value"), rows), "", note])


def _notes(run: Run) -> list[str]:
    """What was measured of this model alone, by a benchmark that wrote it beside its files."""
    try:
        return [(run.folder / _NOTES).read_text(encoding="utf-8").strip()]
    except FileNotFoundError:
        return []


def _is_original(config: TrainConfig) -> bool:
    """Whether it can be compared with the notebook that FashionCNN comes from."""
    return config.dataset == "fashion-mnist" and config.model == "fashion-cnn"


def _time(run: Run) -> str:
    epochs = run.history.epochs
    pace = statistics.median(e.images_per_second for e in epochs)
    what, of = f"{len(epochs)} epochs", "median of the epochs"
    if run.members:
        what, of = "the training of all members", "mean of the members"
    return f"""## Time

{duration(epochs[-1].seconds)} for {what}, their evaluations included; \
{pace:,.0f} training images a second ({of}). Measured on a shared machine that did \
other work at the same time: no more than a hint of what yours will need."""


def _recipe(run: Run, config: TrainConfig) -> str:
    if run.members:
        command = " ".join(["python -m fmnist ensemble", *run.members])
    else:
        document = read_json(run.config_path)
        # what the file does not have was no setting yet, and is at its default
        given = [name for name in config.to_json() if name in document["config"]]
        options = [f"--{k.replace('_', '-')} {getattr(config, k)}" for k in given]
        command = " \\\n    ".join(["python -m fmnist train", *options])
    titles = {"fmnist": "fmnist", "python": "Python", "torch": "torch", "numpy": "NumPy"}
    known = [f"{titles[k]} {run.environment[k]}" for k in titles if k in run.environment]
    rows = [
        ("Seed", "the members' own" if run.members else str(config.seed)),
        ("Versions", ", ".join(known) or UNKNOWN),
        ("Device", run.environment.get("device", UNKNOWN)),
        ("Threads", run.environment.get("threads", UNKNOWN)),
        ("Data set (SHA-256)", f"`{run.dataset.get('checksum', UNKNOWN)}`"),
    ]
    check = ""
    if run.weights_path.exists():
        check = f"\n\n`python -m fmnist evaluate {run.run_id}` checks these figures."
    table = markdown_table(("", "Value"), rows)
    return f"""## Repeat it

```sh
{command}
```

{table}

On the same machine, with the same versions and number of threads, the figures come out the \
same; elsewhere rounding differs, and the figures with it, a little.{check}"""
