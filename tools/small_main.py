"""`python -m fmnist` on a small data set, for tests and benchmarks that start processes."""

import sys

from fmnist.cli import main
from fmnist.data import fashion_mnist as datasets
from fmnist.data.splits import Dataset, DatasetName
from tools.small import small_dataset


def _load(name: DatasetName) -> Dataset:  # noqa: ARG001
    return small_dataset()


if __name__ == "__main__":
    datasets.load_named = _load
    sys.exit(main())
