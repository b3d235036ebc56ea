"""Ensembles of trained runs."""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from fmnist.checksums import write_checked
from fmnist.data.splits import monitored_split
from fmnist.errors import sentence
from fmnist.evaluation.predictions import Evaluation, stored_evaluation
from fmnist.files import read_json, write_json
from fmnist.models.classifier import Classifier
from fmnist.models.ensemble import Ensemble
from fmnist.runs.config import TrainConfig, ensemble_of
from fmnist.runs.history import EpochEntry, Progress
from fmnist.runs.run import Run, RunError
from fmnist.runs.store import making_run, open_run


def combine(members: Sequence[Run], root: Path, *, name: str = "") -> Run:
    """Make an ensemble: a run whose classifier averages the probabilities of its members.

    Its evaluations come from the stored logits of the members. Its history has one entry: loss and
    accuracy of the ensemble, mean training loss and accuracy of the members, and the sum of their
    training times.

    Parameters
    ----------
    members : sequence of Run
        At least two finished runs with weights, with the same data set and protocol.
    root : Path
        Folder in which the folder of the new run is made.
    name : str
        Name of the new run; by default "Ensemble of N".

    Returns
    -------
    Run
        In state "finished".

    Raises
    ------
    RunError
        If the runs do not fit together, or one lacks a file.
    """
    configs, entries = _check(members)
    split = monitored_split(configs[0].protocol)
    config = ensemble_of(configs)
    if any(not run.tta_path.exists() for run in members):
        config = replace(config, tta=None)
    try:
        classifiers = [Classifier.load(run.weights_path) for run in members]
        with_tta = [Evaluation.load(run.tta_path) for run in members] if config.tta else []
        evaluations = {
            name: Evaluation.mean([stored_evaluation(run, name) for run in members])
            for name in {split, "test"}
        }
    except (OSError, ValueError) as error:
        raise RunError(sentence(error, "The ensemble cannot be made")) from error
    if len({(c.normalization, c.has_ood_class) for c in classifiers}) > 1:
        raise RunError("The members of an ensemble must have the same normalization and classes.")
    with making_run(root, config, name=name or f"Ensemble of {len(members)}") as run:
        _record_members(run, members)
        Classifier(
            Ensemble([classifier.model for classifier in classifiers]),
            models=config.models,
            normalization=classifiers[0].normalization,
        ).save(run.weights_path, half_if_exact=True)
        for evaluation in evaluations.values():
            evaluation.save(run.evaluation_path(evaluation.split))
        if with_tta:
            Evaluation.mean(with_tta).save(run.tta_path)
        entry = _history_entry(members, entries, evaluations[split])
        write_checked(run.history_path, f"{json.dumps(entry.to_json())}\n".encode())
        run.log_event(f"Made of {', '.join(m.run_id for m in members)}", time=time.time())
        progress = Progress(1, entry.step, entry.step, entry.seconds, entry.images_per_second)
        run.write_status("finished", progress)
    return open_run(root, run.run_id)


def _check(members: Sequence[Run]) -> tuple[list[TrainConfig], list[EpochEntry]]:
    """Settings and selected epochs of runs that can form an ensemble."""
    if any(run.members for run in members):
        raise RunError("An ensemble is not made of ensembles; choose their members instead.")
    configs = [run.training for run in members if run.training is not None]
    entries = [run.history.selected for run in members if run.history.selected is not None]
    if len(members) < 2 or len({run.folder for run in members}) < len(members):
        raise RunError("An ensemble is made of at least two different runs.")
    if not len(configs) == len(entries) == len(members) or any(
        run.state != "finished" or not run.weights_path.exists() for run in members
    ):
        raise RunError("An ensemble is made of finished runs that have their weights.")
    if len({(config.dataset, config.protocol) for config in configs}) > 1:
        raise RunError("The runs of an ensemble have the same data set and the same protocol.")
    return configs, entries


def _record_members(run: Run, members: Sequence[Run]) -> None:
    """Add to config.json the members, and data set and environment of the first."""
    first = read_json(members[0].config_path)
    shared = {key: first[key] for key in ("dataset", "environment") if key in first}
    ids = {"members": [member.run_id for member in members]}
    write_json(run.config_path, read_json(run.config_path) | shared | ids)


def _history_entry(
    members: Sequence[Run], entries: Sequence[EpochEntry], evaluation: Evaluation
) -> EpochEntry:
    return EpochEntry(
        epoch=1,
        step=sum(member.progress.step for member in members),
        train_loss=fmean(e.train_loss for e in entries),
        train_accuracy=fmean(e.train_accuracy for e in entries),
        split=evaluation.split,
        loss=evaluation.loss,
        accuracy=evaluation.accuracy,
        seconds=sum(member.progress.seconds for member in members),
        images_per_second=fmean(e.images_per_second for e in entries),
    )
