"""Ensembles of trained runs."""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fmnist.data.splits import SplitName, monitored_split
from fmnist.evaluation.predictions import Evaluation, stored_evaluation
from fmnist.files import append_line, read_json, write_json
from fmnist.models.classifier import Classifier
from fmnist.models.ensemble import Ensemble
from fmnist.runs.config import ensemble_of
from fmnist.runs.history import EpochEntry, Progress
from fmnist.runs.run import Run, RunError
from fmnist.runs.store import create_run, open_run


def combine(members: Sequence[Run], root: Path, *, name: str = "") -> Run:
    """Make a run of several: a classifier whose probabilities are the mean of theirs.

    Its figures come from the members' stored logits. Its history has one line, of the ensemble's
    accuracy and of the members' training together (losses and accuracies on the training images
    are means, times are sums).

    Parameters
    ----------
    members : sequence of Run
        At least two finished ones with weights, on the same data set, under the same protocol.
    root : Path
        Where the folder of the new run is made.
    name : str
        What people call it.

    Returns
    -------
    Run
        In state "finished".

    Raises
    ------
    RunError
        If the runs do not go together, or one lacks a file.
    """
    configs = [run.config for run in members if run.config is not None]
    entries = [run.history.selected for run in members if run.history.selected is not None]
    if len(members) < 2 or len({run.folder for run in members}) < len(members):
        raise RunError("An ensemble is made of at least two different runs.")
    if not len(configs) == len(entries) == len(members) or any(
        run.state != "finished" or not run.weights_path.exists() for run in members
    ):
        raise RunError("An ensemble is made of finished runs that have their weights.")
    first = configs[0]
    if any((c.dataset, c.protocol) != (first.dataset, first.protocol) for c in configs):
        raise RunError("The runs of an ensemble have the same data set and the same protocol.")
    splits: set[SplitName] = {monitored_split(first.protocol), "test"}
    config = ensemble_of(configs)
    if any(not run.tta_path.exists() for run in members):
        config = replace(config, tta=None)
    several = [run.tta_path for run in members] if config.tta else []
    try:
        networks = [Classifier.load(run.weights_path) for run in members]
        views = [Evaluation.load(path) for path in several]
        evaluations = {
            split: Evaluation.mean([stored_evaluation(run, split) for run in members])
            for split in splits
        }
    except (OSError, ValueError) as error:
        raise RunError(f"The ensemble cannot be made: {error}") from error
    if len({(n.normalization, n.has_ood_class) for n in networks}) > 1:
        raise RunError("The runs of an ensemble take the same pixels and give the same classes.")
    run = create_run(root, config, name=name or f"Ensemble of {len(members)}")
    document = read_json(members[0].config_path)
    kept = {key: document[key] for key in ("dataset", "environment") if key in document}
    write_json(
        run.config_path,
        read_json(run.config_path) | kept | {"members": [member.run_id for member in members]},
    )
    Classifier(
        Ensemble([network.model for network in networks]),
        model_name=config.model,
        normalization=networks[0].normalization,
    ).save(run.weights_path)
    for split, evaluation in evaluations.items():
        evaluation.save(run.evaluation_path(split))
    if views:
        Evaluation.mean(views).save(run.tta_path)
    measured = evaluations[monitored_split(first.protocol)]
    seconds = sum(member.progress.seconds for member in members)
    steps = sum(member.progress.step for member in members)
    entry = EpochEntry(
        epoch=1,
        step=steps,
        train_loss=sum(e.train_loss for e in entries) / len(entries),
        train_accuracy=sum(e.train_accuracy for e in entries) / len(entries),
        split=measured.split,
        loss=measured.loss,
        accuracy=measured.accuracy,
        seconds=seconds,
        images_per_second=sum(e.images_per_second for e in entries) / len(entries),
    )
    append_line(run.history_path, json.dumps(entry.to_json()))
    run.log_event(f"Made of {', '.join(m.run_id for m in members)}", time=time.time())
    run.write_status("finished", Progress(1, steps, steps, seconds, entry.images_per_second))
    return open_run(root, run.run_id)
