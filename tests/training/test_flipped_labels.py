"""From flipped labels to a better model: find them, leave them out, train again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fmnist.data.corrections import Corrections
from fmnist.data.splits import Dataset
from fmnist.data.synthetic.garments import draw_garments
from fmnist.evaluation.label_errors import find_suspects, fold_configs, out_of_sample
from fmnist.evaluation.predictions import stored_evaluation
from fmnist.runs import corrections, store
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run
from fmnist.training.loop import train

pytestmark = pytest.mark.slow

SHARE = 0.05
CONFIG = TrainConfig(
    model="mlp", dataset="synthetic-garments", epochs=20, batch_size=64, learning_rate=0.001
)


def dataset(*, flipped: bool) -> tuple[Dataset, np.ndarray]:
    """Synthetic garments, with 5% of the training labels wrong if asked for; which ones."""
    images, labels = draw_garments(8000, seed=3)
    found = Dataset(
        "synthetic-garments", "drawn by a test", images[:6000], labels[:6000].copy(),
        images[6000:], labels[6000:], "flipped" if flipped else "true",
    )  # fmt: skip
    rng = np.random.default_rng(5)
    chosen = np.sort(rng.choice(6000, round(SHARE * 6000), replace=False))
    if flipped:
        found.train_labels[chosen] += rng.integers(1, 10, len(chosen)).astype(np.uint8)
        found.train_labels[chosen] %= 10
    return found, chosen


def trained(root: Path, config: TrainConfig, data: Dataset) -> Run:
    run = store.create_run(root, config)
    with store.owning(run):
        train(run, data)
    return store.open_run(root, run.run_id)


def test_flipped_labels_are_found_and_leaving_them_out_brings_back_accuracy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path))
    root = tmp_path / "runs"
    data, flipped = dataset(flipped=True)
    configs = enumerate(fold_configs(CONFIG), start=1)
    folds = {fold: trained(root, config, data) for fold, config in configs}
    evaluation = out_of_sample(folds)
    suspects = find_suspects(evaluation)
    found = evaluation.indices[suspects.positions]
    known = np.intersect1d(flipped, evaluation.indices)  # of the training split
    precision = np.isin(found[:100], flipped).mean()
    recall = np.isin(known, found).mean()
    assert precision >= 0.9
    assert recall >= 0.8

    changes = Corrections.of("synthetic-garments", excluded=found.tolist())
    corrections.keep(changes)
    clean, _ = dataset(flipped=False)
    accuracies = []
    for seed in range(3):
        config = replace(CONFIG, seed=seed)
        runs = (
            trained(root, config, clean),
            trained(root, config, data),
            trained(root, replace(config, corrections=changes.checksum), data),
        )
        accuracies.append([stored_evaluation(run, "test").accuracy for run in runs])
    before, spoiled, mended = np.mean(accuracies, axis=0)
    told = f"{precision:.1%}, {recall:.1%}, {before:.2%}, {spoiled:.2%}, {mended:.2%}"
    print(told)  # noqa: T201 - for people, with -s
    assert mended - spoiled >= (before - spoiled) / 2
