"""A finished cross-validation with made-up predictions, for tests."""

from pathlib import Path

import numpy as np

from fmnist.data.splits import FOLDS, Dataset, folds
from fmnist.evaluation.predictions import Evaluation
from fmnist.runs.run import Run
from tools.made_up_run import made_up_run


def made_up_folds(root: Path, dataset: Dataset, wrong: int = 12) -> tuple[list[Run], list[int]]:
    """Five finished runs that know all labels but those of some images; these are returned too."""
    split, test = dataset.split("train"), dataset.split("test")
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(split), wrong, replace=False)
    logits = rng.normal(0, 1, (len(split), 10)).astype(np.float16)
    true = split.labels.astype(np.int64)
    true[chosen] = (true[chosen] + 1) % 10
    logits[np.arange(len(split)), true] += 8
    fold_of = folds(split.labels)
    runs = []
    for fold in range(1, FOLDS + 1):
        run = made_up_run(root, left_out_fold=fold, dataset=dataset.name)
        part = split.take(np.flatnonzero(fold_of == fold))
        Evaluation("train", logits[fold_of == fold], part.labels, part.indices).save(
            run.evaluation_path("train")
        )
        # the first page shows it
        known = np.eye(10, dtype=np.float16)[test.labels]
        Evaluation("test", known, test.labels, test.indices).save(run.evaluation_path("test"))
        runs.append(run)
    return runs, split.indices[chosen].tolist()
