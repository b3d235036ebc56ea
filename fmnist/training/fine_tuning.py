"""Fine-tuning on a person's own drawings: a copy of a run whose last layer or last block learns.

The same drawings, base and seed give the same weights.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from fmnist.checksums import file_digest, write_checked
from fmnist.data.labels import CLASS_NAMES, NO_GARMENT, NUM_CLASSES, check_own_classes
from fmnist.data.splits import Dataset, Split
from fmnist.errors import DamagedFileError, sentence
from fmnist.evaluation.fine_tuning_effect import DrawingEffect, FineTuningEffect
from fmnist.evaluation.predictions import Evaluation, evaluate, stored_evaluation
from fmnist.evaluation.significance import mcnemar
from fmnist.files import read_json, write_json
from fmnist.models.classifier import Classifier
from fmnist.runs.config import FineTuneConfig, LearnedPart
from fmnist.runs.history import EpochEntry, Progress
from fmnist.runs.loading import load_pretrained, load_run
from fmnist.runs.run import Run, RunError
from fmnist.runs.store import find_run, making_run, open_run
from fmnist.sketchpad.recognition import OOD_MODEL, classify_inputs
from fmnist.text import NAME_LENGTH, one_line
from fmnist.training.fine_tuned import (
    MIN_DRAWINGS,
    MOST_PARTS,
    MOST_PARTS_OF_BLOCK,
    FineTuneError,
    why_not,
)
from fmnist.training.learners import Learned, Maps, Task, block_inputs, block_place, fit
from fmnist.training.own_drawings import OwnDrawings
from fmnist.training.recorder import environment
from fmnist.training.replay import Features, features_of, monitored_images

_BATCH = 500  # as `Classifier` has them, for the same logits bit for bit

Report = Callable[[str, float], None]
"""Called with what is being done, and the share of all that is done."""


def fine_tune(
    base: Run,
    drawings: OwnDrawings,
    root: Path,
    dataset: Dataset,
    *,
    name: str = "",
    part: LearnedPart = "last-layer",
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
    part : {"last-layer", "last-block"}
        What learns; with the last block, the last layer does too.
    seed : int
    report : callable

    Returns
    -------
    Run
        In state "finished".

    Raises
    ------
    FineTuneError
        If the base cannot be fine-tuned in this way, or there are too few drawings.
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
    if part == "last-block" and block_place(classifier.model) is None:
        raise FineTuneError(f"{base.name} has no last block that can learn; choose the last layer.")
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
        part=part,
        seed=seed,
    )
    features = features_of(
        base, classifier, dataset, seed=seed,
        progress=lambda text, share: report(text, 0.6 * share),
    )  # fmt: skip
    task = _task(classifier, drawings, features, config, report)
    report(f"Training the {part.replace('-', ' ')}", 0.7)
    learned = fit(task, np.arange(len(drawings)))
    effect, monitored, test = _measure(task, learned, drawings, features, base, dataset, report)
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
        base, drawings, root, dataset, name=run.name, part=config.part, seed=config.seed,
        report=report or (lambda _text, _share: None),
    )  # fmt: skip


def _default_name(base: Run, config: FineTuneConfig) -> str:
    added = f" + {', '.join(config.own_classes)}" if config.own_classes else ", fine-tuned"
    return one_line(f"{base.name}{added}", NAME_LENGTH)


def _task(
    classifier: Classifier,
    drawings: OwnDrawings,
    features: Features,
    config: FineTuneConfig,
    report: Report,
) -> Task:
    variants = []
    for index in range(len(drawings)):
        report("Varying your drawings", 0.6 + 0.1 * index / len(drawings))
        variants.append(drawings.variants(index, seed=config.seed))
    images = np.stack(variants)  # (N, V, 28, 28)
    flat = images.reshape(-1, *images.shape[2:])
    own = classifier.features(flat).reshape(*images.shape[:2], -1)
    names = (*classifier.output_names, *config.own_classes)
    labels = torch.tensor([names.index(label) for label in drawings.labels])
    maps = None
    place = block_place(classifier.model) if config.part == "last-block" else None
    if place is not None:
        found = block_inputs(classifier, place, flat)
        maps = Maps(
            place,
            block_inputs(classifier, place, features.replay_images),
            found.reshape(*images.shape[:2], *found.shape[1:]),
        )
    return Task(classifier, config.own_classes, features.replay, own, labels, config.seed, maps)


# --- What it changed ----------------------------------------------------------------------------


def _measure(
    task: Task,
    learned: Learned,
    drawings: OwnDrawings,
    features: Features,
    base: Run,
    dataset: Dataset,
    report: Report,
) -> tuple[FineTuningEffect, Evaluation, Evaluation]:
    """The effect, and the evaluations of the monitored split and of the test split."""
    before, after = task.classifier, learned.classifier
    assert base.training is not None
    report("Measuring on test images", 0.72)
    splits = (monitored_images(base.training, dataset), dataset.split("test"))
    if task.maps is None:
        known = (features.monitored, features.test)
        monitored, test = (_of_features(after, *each) for each in zip(known, splits, strict=True))
    else:
        monitored, test = (evaluate(after, split) for split in splits)
    try:
        base_test = stored_evaluation(base, "test")
    except RunError:
        base_test = _of_features(before, features.test, splits[1])
    detector = None if before.has_ood_class else _detector()
    # a model that tells no garments from other things says a garment of each
    count = (
        len(features.other_labels)
        if before.has_ood_class
        else int((features.other_labels < NUM_CLASSES).sum())
    )
    others = [(*CLASS_NAMES, NO_GARMENT)[label] for label in features.other_labels[:count]]
    found = [answers(one, features.other_images[:count], detector) for one in (before, after)]
    left_out, parts = _left_out(task, drawings, detector, report)
    effect = FineTuningEffect(
        drawings=left_out,
        parts=parts,
        others=count,
        others_before=sum(a == b for a, b in zip(found[0], others, strict=True)),
        others_after=sum(a == b for a, b in zip(found[1], others, strict=True)),
        test=len(test.labels),
        test_before=int(base_test.correct.sum()),
        test_after=int(test.correct.sum()),
        test_own=int((test.predicted_labels >= NUM_CLASSES).sum()),
        p_value=mcnemar(base_test.correct, test.correct).p_value,
        damaged=drawings.damaged,
    )
    return effect, monitored, test


def _detector() -> Classifier | None:
    """What tells garments from other things on the Draw page, for models that cannot."""
    try:
        return load_pretrained(OOD_MODEL)
    except RunError:
        return None


def answers(
    classifier: Classifier, model_inputs: NDArray[np.uint8], detector: Classifier | None
) -> list[str]:
    """What the Draw page says of model inputs (N, 28, 28): classes, or no garment."""
    found = classify_inputs(model_inputs, classifier, ood_model=detector)
    return [result.label_choice for result in found]


def _left_out(
    task: Task, drawings: OwnDrawings, detector: Classifier | None, report: Report
) -> tuple[tuple[DrawingEffect, ...], int]:
    """Predict each drawing by a copy that has not learned it; and how many copies that took.

    Nor has it learned the same model input again: a file that was saved twice is left out twice.
    """
    inputs = drawings.model_inputs
    first = {image.tobytes(): number for number, image in reversed([*enumerate(inputs)])}
    same = np.unique([first[image.tobytes()] for image in inputs], return_inverse=True)[1]
    count = len(first)
    parts = min(count, MOST_PARTS if task.maps is None else MOST_PARTS_OF_BLOCK)
    part = (np.random.RandomState(task.seed).permutation(count) % parts)[same]
    before = answers(task.classifier, inputs, detector)
    after = [""] * len(inputs)
    for number in range(parts):
        report("Predicting each drawing without it", 0.75 + 0.25 * number / parts)
        (left,) = np.nonzero(part == number)
        rest = np.flatnonzero(part != number)
        copied = fit(task, rest).classifier if len(rest) else task.classifier
        found = answers(copied, inputs[left], detector)
        for index, answer in zip(left, found, strict=True):
            after[index] = answer
    return tuple(map(DrawingEffect, drawings.ids, drawings.labels, before, after)), parts


def _of_features(classifier: Classifier, features: NDArray[np.float32], split: Split) -> Evaluation:
    """As `evaluate`, from the inputs of the last layer, float32 (N, F)."""
    with torch.inference_mode():
        batches = torch.split(torch.tensor(features), _BATCH)
        outputs = torch.cat([classifier.last_layer(batch) for batch in batches])
        logits = classifier.named_logits(outputs).numpy().astype(np.float16)
    return Evaluation(split.name, logits, split.labels, split.indices)
