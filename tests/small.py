"""A data set of a few hundred drawn garments, which trains in seconds."""

import hashlib
from functools import cache

from fmnist.datasets import Dataset
from fmnist.garments import draw_garments


@cache
def small_dataset(train: int = 600, test: int = 200) -> Dataset:
    """Drawn garments standing in for a data set; the same ones in every process."""
    images, labels = draw_garments(train + test, seed=1)
    return Dataset(
        name="drawn-garments",
        source="drawn by a test",
        train_images=images[:train],
        train_labels=labels[:train],
        test_images=images[train:],
        test_labels=labels[train:],
        checksum=hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest(),
    )
