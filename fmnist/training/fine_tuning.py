"""Fine-tuning on a person's own drawings: a copy of a run with a new last layer.

The layers before it are frozen, so that their outputs are computed once, and a fit takes about a
second. The loss holds the copy to what its base says of training images and of sketches (learning
without forgetting, Li and Hoiem 2016) and to the base's weights (Li, Grandvalet and Davoine 2018,
L2-SP), while it learns the drawings. It is convex: the same data give the same weights.
"""

import copy
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from fmnist.checksums import file_digest, write_checked
from fmnist.data.labels import CLASS_NAMES, NO_GARMENT, NUM_CLASSES, check_own_classes
from fmnist.data.splits import Dataset, Split
from fmnist.errors import DamagedFileError, sentence
from fmnist.evaluation.predictions import Evaluation, stored_evaluation
from fmnist.evaluation.significance import mcnemar
from fmnist.files import read_json, write_json
from fmnist.models.classifier import Classifier
from fmnist.runs.config import FineTuneConfig
from fmnist.runs.history import EpochEntry, Progress
from fmnist.runs.loading import load_run
from fmnist.runs.run import Run, RunError
from fmnist.runs.store import find_run, making_run, open_run
from fmnist.sketchpad.recognition import IN_DISTRIBUTION_THRESHOLD
from fmnist.text import NAME_LENGTH, one_line
from fmnist.training.fine_tuned import (
    MIN_DRAWINGS,
    MOST_PARTS,
    DrawingEffect,
    Effect,
    FineTuneError,
    why_not,
)
from fmnist.training.own_drawings import OwnDrawings
from fmnist.training.recorder import environment
from fmnist.training.replay import Features, features_of, monitored_images

OWN_WEIGHT: Final = 0.1
"""Weight of the drawings in the loss; what is replayed has 1."""
STAY: Final = 0.001
"""Weight of the distance from the base's weights, measured by how far it moves the logits."""
STEPS: Final = 300
"""Steps of a fit at most."""

_NEW_BIAS: Final = -3.0  # below the base's smallest: nothing is of a new class at first
_BATCH: Final = 500  # as `Classifier` has them, for the same logits bit for bit

Report = Callable[[str, float], None]
"""Called with what is being done, and the share of all that is done."""


@dataclass(frozen=True, eq=False)
class _Task:
    """A base, and what its copies learn and keep.

    Attributes
    ----------
    classifier : Classifier
        Of the base.
    output_names : tuple of str
        What the outputs of a copy are of.
    drawings : OwnDrawings
    features : Features
    own : float32 (N, V, F)
        Features of the drawings and of their variants.
    labels : int64 (N,)
        Outputs that the drawings are of.
    """

    classifier: Classifier
    output_names: tuple[str, ...]
    drawings: OwnDrawings
    features: Features
    own: NDArray[np.float32]
    labels: Tensor


def fine_tune(
    base: Run,
    drawings: OwnDrawings,
    root: Path,
    dataset: Dataset,
    *,
    name: str = "",
    seed: int = 0,
    report: Report = lambda _text, _share: None,
) -> Run:
    """Make a copy of a run that has learned drawings.

    Parameters
    ----------
    base : Run
        A finished training with weights, of the data set.
    drawings : OwnDrawings
        At least three. Labels that are none of the ten classes become own classes. Those of no
        garment are left out if the base has no such class.
    root : Path
        Folder in which the folder of the new run is made.
    dataset : Dataset
    name : str
        Name of the new run; by default that of the base, and what was added.
    seed : int
    report : callable

    Returns
    -------
    Run
        In state "finished".

    Raises
    ------
    FineTuneError
        If the base cannot be fine-tuned, or there are too few drawings.
    OwnClassError
        If a label cannot be a class.
    RunError
        If a file of the base is damaged.
    OSError
        If a file cannot be read or written.
    """
    started = time.perf_counter()
    if problem := why_not(base):
        raise FineTuneError(problem)
    assert base.training is not None
    if base.training.dataset != dataset.name:
        raise FineTuneError(f"The data set of {base.name} is not on this machine.")
    classifier = load_run(base.run_id, folder=base.folder.parent)
    classifier.temperature = 1.0  # it is fitted to the base alone
    if not classifier.has_ood_class:
        drawings = drawings.labeled([label for label in drawings.labels if label != NO_GARMENT])
    if len(drawings) < MIN_DRAWINGS:
        raise FineTuneError(
            f"There are {len(drawings)} labeled drawings to learn; save at least {MIN_DRAWINGS}."
        )
    config = FineTuneConfig(
        base=base.run_id,
        base_weights=file_digest(base.weights_path),
        model=base.training.model,
        dataset=base.training.dataset,
        protocol=base.training.protocol,
        drawings_sha256=drawings.digest,
        own_classes=check_own_classes(drawings.own_classes),
        seed=seed,
    )
    features = features_of(
        base, classifier, dataset, seed=seed,
        progress=lambda text, share: report(text, 0.6 * share),
    )  # fmt: skip
    task = _task(classifier, drawings, features, seed, report)
    report("Training the last layer", 0.7)
    learned = _fit(task, np.arange(len(drawings)))
    effect, monitored, test = _measure(task, learned, base, dataset, seed, report)
    with making_run(root, config, name=name or _default_name(base, config)) as run:
        machine = environment(dataset, torch.device("cpu"), torch.float32)
        write_json(run.config_path, read_json(run.config_path) | machine)
        drawings.save(run.drawings_path)
        learned.classifier.save(run.weights_path)
        for evaluation in (monitored, test):
            if evaluation.split != "train":
                evaluation.save(run.evaluation_path(evaluation.split))
        effect.save(run)
        entry = EpochEntry(
            epoch=1, step=learned.steps, train_loss=learned.loss, train_accuracy=learned.accuracy,
            split=monitored.split, loss=monitored.loss, accuracy=monitored.accuracy,
            seconds=time.perf_counter() - started, images_per_second=0.0,
        )  # fmt: skip
        write_checked(run.history_path, f"{json.dumps(entry.to_json())}\n".encode())
        run.log_event(
            f"Fine-tuned from {base.run_id} on {len(drawings)} drawings", time=time.time()
        )
        run.write_status("finished", Progress(1, entry.step, entry.step, entry.seconds))
    return open_run(root, run.run_id)


def repeat(run: Run, root: Path, dataset: Dataset, *, report: Report | None = None) -> Run:
    """Make a fine-tuned model again, from the drawings in its folder.

    Raises
    ------
    FineTuneError
        If the run is none, or its base has changed.
    RunError
        If the base is gone, or a file is damaged.
    """
    config = run.fine_tuning
    if config is None:
        raise FineTuneError(f"{run.name} is not fine-tuned.")
    base = find_run(config.base)
    try:
        if file_digest(base.weights_path) != config.base_weights:
            raise FineTuneError(f"{base.name} has other weights than when {run.name} was made.")
        drawings = OwnDrawings.load(run.drawings_path, digest=config.drawings_sha256)
    except (OSError, DamagedFileError) as error:
        raise RunError(sentence(error, f"{run.name} cannot be made again")) from error
    return fine_tune(
        base, drawings, root, dataset, name=run.name, seed=config.seed,
        report=report or (lambda _text, _share: None),
    )  # fmt: skip


def _default_name(base: Run, config: FineTuneConfig) -> str:
    added = f" + {', '.join(config.own_classes)}" if config.own_classes else ", fine-tuned"
    return one_line(f"{base.name}{added}", NAME_LENGTH)


def _task(
    classifier: Classifier, drawings: OwnDrawings, features: Features, seed: int, report: Report
) -> _Task:
    own = []
    for index in range(len(drawings)):
        report("Varying your drawings", 0.6 + 0.1 * index / len(drawings))
        own.append(classifier.features(drawings.variants(index, seed=seed)))
    names = (*classifier.output_names, *drawings.own_classes)
    labels = torch.tensor([names.index(label) for label in drawings.labels])
    return _Task(classifier, names, drawings, features, np.stack(own), labels)


# --- The last layer -----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Learned:
    """A copy of the base with a new last layer.

    Attributes
    ----------
    classifier : Classifier
    loss, accuracy : float
        On the drawings that it learned and their variants.
    steps : int
    """

    classifier: Classifier
    loss: float
    accuracy: float
    steps: int


@contextmanager
def _one_thread() -> Iterator[None]:
    """The order of additions depends on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _start(task: _Task) -> tuple[Tensor, Tensor]:
    """The base's weights (C, F) and biases (C,), with those of new classes."""
    layer = task.classifier.last_layer
    added = len(task.output_names) - layer.out_features
    weight, bias = layer.weight.detach(), layer.bias.detach()
    new = bias.new_full((added,), float(bias.min()) + _NEW_BIAS)
    return torch.cat([weight, weight.new_zeros(added, weight.shape[1])]), torch.cat([bias, new])


def _fit(task: _Task, chosen: NDArray[np.intp]) -> _Learned:
    """Learn the drawings at these positions."""
    start, start_bias = _start(task)
    replay = torch.tensor(task.features.replay)
    layer = task.classifier.last_layer
    with torch.inference_mode():
        targets = layer(replay).softmax(1)
    targets = functional.pad(targets.clone(), (0, len(start) - layer.out_features))
    own = torch.tensor(task.own[chosen]).flatten(0, 1)
    labels = task.labels[torch.tensor(chosen)].repeat_interleave(task.own.shape[1])
    scale = STAY * float(replay.square().mean())
    with _one_thread():
        weight, bias = start.clone().requires_grad_(), start_bias.clone().requires_grad_()
        optimizer = torch.optim.LBFGS([weight, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

        def closure() -> Tensor:
            optimizer.zero_grad()
            kept = functional.cross_entropy(functional.linear(replay, weight, bias), targets)
            learned = functional.cross_entropy(functional.linear(own, weight, bias), labels)
            moved = (weight - start).square().sum()
            loss = kept + OWN_WEIGHT * learned + scale * moved
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        optimizer.step(closure)  # type: ignore[no-untyped-call]
        with torch.inference_mode():
            logits = functional.linear(own, weight, bias)
            loss = float(functional.cross_entropy(logits, labels))
            accuracy = float((logits.argmax(1) == labels).float().mean())
    steps = int(optimizer.state[weight]["n_iter"])
    return _Learned(_with_layer(task, weight, bias), loss, accuracy, steps)


def _with_layer(task: _Task, weight: Tensor, bias: Tensor) -> Classifier:
    base = task.classifier
    made = Classifier(
        copy.deepcopy(base.model),
        models=base.models,
        normalization=base.normalization,
        own_classes=task.drawings.own_classes,
    )
    layer = made.last_layer
    layer.weight, layer.bias = nn.Parameter(weight.detach()), nn.Parameter(bias.detach())
    layer.out_features = len(weight)
    return made


# --- What it changed ----------------------------------------------------------------------------


def _measure(
    task: _Task, learned: _Learned, base: Run, dataset: Dataset, seed: int, report: Report
) -> tuple[Effect, Evaluation, Evaluation]:
    """The effect, and the evaluations of the monitored split and of the test split."""
    features, before, after = task.features, task.classifier, learned.classifier
    assert base.training is not None
    test_logits = _logits(after, features.test)
    test = _evaluation(test_logits, dataset.split("test"))
    monitored = _evaluation(
        _logits(after, features.monitored), monitored_images(base.training, dataset)
    )
    try:
        base_test = stored_evaluation(base, "test")
    except RunError:
        base_test = _evaluation(_logits(before, features.test), dataset.split("test"))
    has_other = before.has_ood_class
    known = (
        len(features.other_labels)
        if has_other
        else int((features.other_labels < NUM_CLASSES).sum())
    )
    others = [(*CLASS_NAMES, NO_GARMENT)[label] for label in features.other_labels[:known]]
    answers = [_answers(one, _logits(one, features.others[:known])) for one in (before, after)]
    drawings, parts = _left_out(task, seed, report)
    effect = Effect(
        drawings=drawings,
        parts=parts,
        others=known,
        others_before=sum(a == b for a, b in zip(answers[0], others, strict=True)),
        others_after=sum(a == b for a, b in zip(answers[1], others, strict=True)),
        test=len(test.labels),
        test_before=int(base_test.correct.sum()),
        test_after=int(test.correct.sum()),
        test_own=int((after.named_probabilities(test_logits).argmax(1) >= NUM_CLASSES).sum()),
        p_value=mcnemar(base_test.correct, test.correct).p_value,
    )
    return effect, monitored, test


def _left_out(task: _Task, seed: int, report: Report) -> tuple[tuple[DrawingEffect, ...], int]:
    """Predict each drawing by a copy that has not learned it; and how many copies that took."""
    count = len(task.drawings)
    parts = min(count, MOST_PARTS)
    part = np.random.RandomState(seed).permutation(count) % parts
    before = _answers(task.classifier, _logits(task.classifier, task.own[:, 0]))
    after = [""] * count
    for number in range(parts):
        report("Predicting each drawing without it", 0.75 + 0.25 * number / parts)
        (left,) = np.nonzero(part == number)
        copied = _fit(task, np.flatnonzero(part != number)).classifier
        found = _answers(copied, _logits(copied, task.own[left, 0]))
        for index, answer in zip(left, found, strict=True):
            after[index] = answer
    ids, labels = task.drawings.ids, task.drawings.labels
    return tuple(map(DrawingEffect, ids, labels, before, after)), parts


def _logits(classifier: Classifier, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """All logits of features, float32 (N, outputs)."""
    with torch.inference_mode():
        batches = torch.split(torch.tensor(features), _BATCH)
        logits: NDArray[np.float32] = torch.cat(
            [classifier.last_layer(batch) for batch in batches]
        ).numpy()
    return logits


def _answers(classifier: Classifier, logits: NDArray[np.float32]) -> list[str]:
    """What the Draw page would say: a class, or no garment."""
    labels = classifier.named_probabilities(logits).argmax(1)
    answers = [classifier.class_names[label] for label in labels]
    if not classifier.has_ood_class:
        return answers
    is_garment = classifier.scores_of(logits) >= IN_DISTRIBUTION_THRESHOLD
    return [a if b else NO_GARMENT for a, b in zip(answers, is_garment, strict=True)]


def _evaluation(logits: NDArray[np.float32], split: Split) -> Evaluation:
    rounded = logits[:, :NUM_CLASSES].astype(np.float16)
    return Evaluation(split.name, rounded, split.labels, split.indices)
