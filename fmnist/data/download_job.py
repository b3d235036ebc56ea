"""Downloads Fashion-MNIST in a process of its own: python -m fmnist.data.download_job FOLDER."""

import sys
from pathlib import Path

from fmnist.data.download import download
from fmnist.jobs import Reporter, work


def _run(reporter: Reporter) -> None:
    report = reporter("Downloading Fashion-MNIST")
    download(Path(sys.argv[1]), progress=lambda done, total: report(done / total))


if __name__ == "__main__":
    sys.exit(work(_run))
