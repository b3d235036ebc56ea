"""Data sets for tests, and what makes two runs the same."""

import hashlib
import json
from functools import cache

import numpy as np

from fmnist.data.fashion_mnist import draw_dataset
from fmnist.data.splits import Dataset
from fmnist.data.synthetic.garments import draw_garments
from fmnist.files import load_arrays
from fmnist.runs.run import Run


@cache
def small_dataset(train: int = 600, test: int = 200) -> Dataset:
    """A small data set of synthetic garments, the same in every process."""
    images, labels = draw_garments(train + test, seed=1)
    return Dataset(
        name="synthetic-garments",
        source="drawn by a test",
        train_images=images[:train],
        train_labels=labels[:train],
        test_images=images[train:],
        test_labels=labels[train:],
        checksum=hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest(),
    )


@cache
def drawn_dataset() -> Dataset:
    """The built-in data set; drawn once, since it takes seconds."""
    return draw_dataset()


def same_result(expected: Run, actual: Run) -> None:
    """Assert that two runs ended with the same bytes, times of the clock aside."""
    assert actual.state == expected.state == "finished"
    assert history_without_times(actual) == history_without_times(expected)
    for path in (expected.weights_path, expected.last_weights_path):
        other = actual.folder / path.relative_to(expected.folder)
        assert other.read_bytes() == path.read_bytes(), path.name
    assert actual.epochs_with_weights() == expected.epochs_with_weights()
    for epoch in expected.epochs_with_weights():
        path = actual.epoch_weights_path(epoch)
        assert path.read_bytes() == expected.epoch_weights_path(epoch).read_bytes(), path.name
    for path in sorted((expected.folder / "evaluation").iterdir()):
        left, right = load_arrays(path), load_arrays(actual.folder / "evaluation" / path.name)
        assert left.keys() == right.keys()
        assert all(np.array_equal(left[name], right[name]) for name in left), path.name


def history_without_times(run: Run) -> list[dict[str, object]]:
    """The lines of a run's history, without what a clock says."""
    lines = [json.loads(line) for line in run.history_path.read_text().splitlines()]
    clock = ("seconds", "images_per_second")
    return [{k: v for k, v in line.items() if k not in clock} for line in lines]
