"""A finished run with made-up figures, for tests."""

import json
from pathlib import Path

import numpy as np

from fmnist.data.splits import Protocol
from fmnist.evaluation.predictions import EpochEvaluations, Evaluation
from fmnist.files import read_json, write_json
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.history import Progress
from fmnist.runs.run import Run

CHECKSUM = "c0ffee" * 10
BEST_EPOCH = 3

# true label, predicted label, number of test images; all other images are correct
MISCLASSIFIED = [(6, 0, 30), (6, 2, 12), (4, 2, 9), (0, 6, 7), (9, 7, 1)]


def predictions() -> tuple[list[int], list[int]]:
    """True and predicted labels of 1,000 test images."""
    true = [label for label in range(10) for _ in range(100)]
    predicted = list(true)
    for label, taken, count in MISCLASSIFIED:
        start = next(i for i, t in enumerate(true) if t == label == predicted[i])
        predicted[start : start + count] = [taken] * count
    return true, predicted


def made_up_evaluation(split: str) -> Evaluation:
    true, predicted = predictions()
    logits = np.zeros((len(true), 10), dtype=np.float16)
    logits[np.arange(len(true)), predicted] = 2
    indices = np.arange(len(true), dtype=np.int32)
    return Evaluation(split, logits, np.array(true, dtype=np.uint8), indices)  # type: ignore[arg-type]


def made_up_run(
    root: Path, *, protocol: Protocol = "held-out", epochs: int = 6, name: str = "A run",
    folder: str | None = None, **settings: object,
) -> Run:  # fmt: skip
    """A finished run on Fashion-MNIST, with made-up figures."""
    config = TrainConfig.from_json({"protocol": protocol, "epochs": epochs, **settings})
    run = store.create_run(root, config, name=name)
    document = read_json(run.config_path)
    document["dataset"] = {"name": config.dataset, "checksum": CHECKSUM, "source": "x"}
    document["environment"] = {
        "fmnist": "0.1.0", "python": "3.11.7", "torch": "9.8.7", "numpy": "2.3.4",
        "device": "cpu", "threads": "2",
    }  # fmt: skip
    write_json(run.config_path, document)
    measured = {"held-out": "validation", "notebook": "test", "full": "train"}[protocol]
    named = "measured_train" if measured == "train" else measured
    lines = [
        {
            "kind": "epoch", "epoch": e, "step": 10 * e, "train_loss": 0.5, "train_accuracy": 0.8,
            f"{named}_loss": 0.3 + e / 1000, f"{named}_accuracy": _accuracy(e),
            "seconds": 61.5 * e, "images_per_second": 1000.0 + e,
        }
        for e in range(1, epochs + 1)
    ]  # fmt: skip
    run.history_path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    made_up_evaluation("test").save(run.evaluation_path("test"))
    if protocol == "held-out":
        made_up_evaluation("validation").save(run.evaluation_path("validation"))
    one = made_up_evaluation(measured)
    logits = np.stack([one.logits] * epochs)
    EpochEvaluations(one.split, logits, one.labels, one.indices).save(run.epochs_path)
    run.weights_path.write_bytes(b"weights")
    for path in (run.checkpoint_path, run.last_weights_path, run.folder / ".lock"):
        path.write_bytes(b"left behind")
    run.write_status("finished", Progress(epochs, 10 * epochs, 10 * epochs, 61.5 * epochs))
    if folder:
        run = Run(run.folder.rename(root / folder), name, "finished")
    return store.open_run(root, run.run_id)


def _accuracy(epoch: int) -> float:
    return 0.9512 if epoch == BEST_EPOCH else 0.85 + epoch / 1000
