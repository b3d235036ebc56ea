"""Publish a finished run: copy it to the shipped models."""

import io
import re
import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final, get_args

import numpy as np

from fmnist.checksums import verify, write_checked
from fmnist.data.splits import SplitName
from fmnist.errors import sentence
from fmnist.files import load_arrays, write_atomic, write_json
from fmnist.runs import corrections, store
from fmnist.runs.making import making
from fmnist.runs.run import EVALUATION_ARRAYS, EVALUATION_BYTES, Run, RunError
from fmnist.text import NAME_LENGTH, one_line

CARD_FILE: Final = "README.md"

_COMPANION_SUFFIX: Final = "-notebook"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")


def publish(
    run: Run,
    root: Path,
    name: str,
    *,
    card: Callable[[Run, Path], str] | None,
    title: str = "",
    weights: bool = True,
    epochs: bool = True,
    epoch_weights: Collection[int] = (),
    force: bool = False,
) -> Run:
    """Copy a finished run to the shipped models, with its model card.

    The folder appears as a whole or not at all. If the model has a companion, its card is written
    again.

    Parameters
    ----------
    run : Run
    root : Path
        Folder of the shipped models; created if it does not exist.
    name : str
        Name of the new folder: lower-case letters, digits and hyphens.
    card : callable or None
        Writes the model card of a run in the folder of shipped models, such as
        `fmnist.reports.model_card.card_of`. None to publish without a card.
    title : str
        Name of the published run; by default that of the run.
    weights : bool
        Whether to copy the weights.
    epochs : bool
        Whether to copy the logits of each epoch.
    epoch_weights : collection of int
        After which epochs to copy the weights; 0 for the initial ones.
    force : bool
        Whether to replace a shipped model of the same name.

    Returns
    -------
    Run
        The published run.

    Raises
    ------
    fmnist.runs.run.RunError
        If the run is not finished, was trained on a subset, or lacks a file; if the name is
        invalid or taken.
    """
    if not _NAME.fullmatch(name):
        raise RunError(
            f"The name {name!r} cannot be used; take lower-case letters, digits and hyphens."
        )
    if len(one_line(title, NAME_LENGTH + 1)) > NAME_LENGTH:
        raise RunError(f"The title is too long; take at most {NAME_LENGTH} characters.")
    if run.state != "finished":
        raise RunError(f"The run {run.run_id} is {run.state}; only a finished run is published.")
    if run.fine_tuning:
        raise RunError(
            f"The run {run.run_id} was fine-tuned on your own drawings, which cannot be trained on "
            "again elsewhere; publish its base."
        )
    if run.training and run.training.subset is not None:
        raise RunError(
            f"The run {run.run_id} was trained on {run.training.subset:,} images only; "
            "only runs on the whole data set are published."
        )
    if run.training and run.training.corrections is not None:
        chosen = corrections.load(run.training.corrections, run_folder=run.folder).chosen
        if chosen:
            raise RunError(
                f"The run {run.run_id} was trained on {len(chosen):,} chosen images only; "
                "only runs on the whole data set are published."
            )
    if run.training and run.training.left_out_fold is not None:
        raise RunError(
            f"The run {run.run_id} has left a part of the training images out; only runs on the "
            "whole data set are published."
        )
    if weights and not run.weights_path.exists():
        raise RunError(f"The run {run.run_id} has no weights; publish it with --no-weights.")
    if missing := set(epoch_weights) - set(run.epochs_with_weights()):
        raise RunError(
            f"The run {run.run_id} has no weights of epoch {min(missing)}; train one with "
            "--epoch-weights float16."
        )
    target = root / name
    if target.exists() and not force:
        raise RunError(f"There is a shipped model {name!r} already; replace it with --force.")
    with making(target) as folder:
        _copy(
            run, folder,
            title=title, weights=weights, epochs=epochs, epoch_weights=epoch_weights,
        )  # fmt: skip
        if card:
            copied = store.open_run(folder.parent, name)
            write_atomic(folder / CARD_FILE, card(copied, root).encode())
    published = store.open_run(root, name)
    companion = companion_of(published, root)
    if companion and card:
        write_atomic(companion.folder / CARD_FILE, card(companion, root).encode())
    return published


def companion_of(run: Run, root: Path) -> Run | None:
    """Find the shipped run of the same model under the other protocol.

    Parameters
    ----------
    run : Run
        Its id is "<name>" or "<name>-notebook"; its companion has the other of the two.
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
    same = (run.config.models, run.config.dataset) == (found.config.models, found.config.dataset)
    return found if same and run.config.protocol != found.config.protocol else None


def _copy(
    run: Run,
    folder: Path,
    *,
    title: str,
    weights: bool,
    epochs: bool,
    epoch_weights: Collection[int],
) -> None:
    (folder / "evaluation").mkdir()
    checked = [run.history_path, *([run.weights_path] if weights else [])]
    if epoch_weights:
        (folder / run.epoch_weights_folder.name).mkdir()
        checked += map(run.epoch_weights_path, sorted(epoch_weights))
    evaluations = [*map(run.evaluation_path, get_args(SplitName)), run.tta_path]
    checked += [path for path in evaluations if path.exists()]
    try:
        changes = run.folder / corrections.FILE
        for path in (run.config_path, run.status_path, *([changes] if changes.exists() else [])):
            shutil.copyfile(path, folder / path.name)
        for path in checked:
            verify(path)
            write_checked(folder / path.relative_to(run.folder), path.read_bytes())
        for path in (run.epochs_path, run.followed_path):
            if epochs and path.exists():
                verify(path)
                write_checked(folder / "evaluation" / path.name, _compressed(path))
    except (FileNotFoundError, ValueError) as error:
        raise RunError(sentence(error, f"The run {run.run_id} cannot be published")) from error
    write_json(folder / run.name_path.name, {"name": one_line(title) or run.name})


def _compressed(path: Path) -> bytes:
    """Bytes of a `.npz` file, compressed if that makes it smaller."""
    buffer = io.BytesIO()
    arrays = load_arrays(path, EVALUATION_ARRAYS, max_bytes=EVALUATION_BYTES)
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return min(path.read_bytes(), buffer.getvalue(), key=len)
