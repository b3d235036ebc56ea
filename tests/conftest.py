"""Fixtures that several test modules use."""

import os
from pathlib import Path

import pytest

from fmnist.data import fashion_mnist as datasets
from fmnist.data.fashion_mnist import DatasetError
from fmnist.data.splits import Dataset
from tests.mirror import mirror, mirror_files
from tests.small import small_dataset

__all__ = ["mirror", "mirror_files"]  # fixtures


def pytest_configure(config: pytest.Config) -> None:
    # several processes with as many threads each as there are cores wait for one another
    if hasattr(config, "workerinput"):
        os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def fashion_mnist_folder() -> Path:
    """The folder of the real data set's four files; skips where there is none."""
    named = os.environ.get("FMNIST_DATA")
    if not named:
        pytest.skip("set FMNIST_DATA to a folder with Fashion-MNIST")
    try:
        return datasets.find_files(Path(named))
    except DatasetError as error:
        pytest.skip(f"FMNIST_DATA: {error}")


@pytest.fixture(scope="session")
def small() -> Dataset:
    """A few hundred drawn garments."""
    return small_dataset()
