"""Fashion-MNIST from a folder, or synthetic garments where it is absent.

NumPy reads the files: a page can show images long before torch has been imported.
"""

import gzip
import hashlib
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fmnist import paths
from fmnist.data.labels import IMAGE_SIZE
from fmnist.data.splits import DATASET_SIZES, DATASET_TITLES, Dataset, DatasetName
from fmnist.errors import ToldError, reason
from fmnist.text import one_line

SYNTHETIC_TRAIN: Final = DATASET_SIZES["synthetic-garments"]["train"]
SYNTHETIC_TEST: Final = DATASET_SIZES["synthetic-garments"]["test"]
SYNTHETIC_SEED: Final = 0

FASHION_MNIST_SHA256: Final = "ca3ab2a37f845e1b8ae23cab1b51749a3011ba3bf1d9016176d75cbaabac376f"
"""Checksum of the original pixels and labels, as in `Dataset.checksum`."""

_IMAGES_MAGIC = 2051
_LABELS_MAGIC = 2049
_FILES: Final = {
    "train-images-idx3-ubyte": (_IMAGES_MAGIC, 60_000),
    "train-labels-idx1-ubyte": (_LABELS_MAGIC, 60_000),
    "t10k-images-idx3-ubyte": (_IMAGES_MAGIC, 10_000),
    "t10k-labels-idx1-ubyte": (_LABELS_MAGIC, 10_000),
}


class DatasetError(ToldError):
    """A data set cannot be read; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class Location:
    """Where the images of this machine are.

    Attributes
    ----------
    name : {"fashion-mnist", "synthetic-garments"}
        The data set to show.
    folder : Path or None
        Folder holding the four files; None for synthetic garments.
    problem : str or None
        Why a folder that should hold Fashion-MNIST was not used, in one sentence.
    """

    name: DatasetName
    folder: Path | None
    problem: str | None = None

    @property
    def title(self) -> str:
        """Name of the data set on screen."""
        return DATASET_TITLES[self.name]


def locate(*, environ: Mapping[str, str] = os.environ, data: Path | None = None) -> Location:
    """Find the images: the folder in `FMNIST_DATA`, then `./data`, else synthetic garments.

    This is quick, since it checks only names, sizes and headers; `load` checks the rest.

    Parameters
    ----------
    environ : mapping
        Environment variables.
    data : Path, optional
        The project's data folder; default `paths.downloads_folder()`.
    """
    problem = None
    named = environ.get("FMNIST_DATA")
    if named:
        try:
            return Location("fashion-mnist", find_files(paths.expand(named)))
        except (DatasetError, paths.PathError) as error:
            problem = f"FMNIST_DATA: {error}"
    own = paths.downloads_folder() if data is None else data
    if (own / "FashionMNIST").exists():
        try:
            return Location("fashion-mnist", find_files(own), problem)
        except DatasetError as error:
            problem = problem or str(error)
    return Location("synthetic-garments", None, problem)


def find_files(root: Path) -> Path:
    """Find the folder at or below `root` with the four files of Fashion-MNIST, and check them.

    Parameters
    ----------
    root : Path
        The folder that torchvision takes as root (files in `FashionMNIST/raw`), a folder on the way
        to the files, or their own. Each file may be compressed (`.gz`), be named as other archives
        name it (`train-images.idx3-ubyte`), or be in a folder of its name. Which of several is
        taken does not matter: `load` accepts the original bytes only.

    Raises
    ------
    DatasetError
        If a file is missing, has another size, or holds something else.
    """
    try:
        folder = _folder_of_files(root)
    except OSError as error:
        raise DatasetError(
            f"the folder {root} cannot be read ({reason(error)}); name another, or download "
            "Fashion-MNIST."
        ) from error
    for name, (magic, count) in _FILES.items():
        path = _file(folder, name)
        if path is None:
            raise DatasetError(f"the file {folder / name} is missing; download the data set again.")
        _check_header(path, magic, count)
    return folder


def _folder_of_files(root: Path) -> Path:
    if root.is_file():
        raise DatasetError(f"{root} is a file; name the folder that holds the files.")
    if not root.is_dir():
        raise DatasetError(
            f"there is no folder {root}; name one that holds Fashion-MNIST, or download it."
        )
    candidates = (root / "FashionMNIST" / "raw", root / "FashionMNIST", root / "raw", root)
    for folder in candidates:
        if any(_file(folder, name) for name in _FILES):
            return folder
    names = sorted(path.name for path in root.iterdir())
    found = ", ".join(one_line(name, 40) for name in names[:3]) or "nothing"
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    raise DatasetError(
        f"the folder {root} does not hold Fashion-MNIST (train-images-idx3-ubyte and three more "
        f"files, or FashionMNIST/raw with them), but {found}{more}; name another folder, or "
        "download it."
    )


def load(location: Location, progress: Callable[[int, int], None] | None = None) -> Dataset:
    """Read or draw the images of a location.

    Parameters
    ----------
    location : Location
    progress : callable, optional
        Called now and then with (images done, images in all) while garments are drawn.

    Raises
    ------
    DatasetError
        If the files cannot be read or are not those of Fashion-MNIST.
    """
    if location.folder is None:
        return draw_dataset(progress)
    return load_fashion_mnist(location.folder)


def load_named(name: DatasetName) -> Dataset:
    """Load a data set by its name, from where `locate` finds it.

    Raises
    ------
    DatasetError
        If Fashion-MNIST is asked for but is not on this machine.
    """
    if name == "synthetic-garments":
        return draw_dataset()
    location = locate()
    if location.folder is None:
        raise DatasetError(
            location.problem
            or "Fashion-MNIST is not on this machine; run python -m fmnist download, "
            "or set FMNIST_DATA to a folder that holds it."
        )
    return load_fashion_mnist(location.folder)


def load_fashion_mnist(folder: Path) -> Dataset:
    """Read the four files of Fashion-MNIST.

    Parameters
    ----------
    folder : Path
        Folder that `find_files` returned.

    Raises
    ------
    DatasetError
        If a file cannot be read, or differs from the original.
    """
    train_images, train_labels, test_images, test_labels = (
        _read(folder, name, magic, count) for name, (magic, count) in _FILES.items()
    )
    arrays = (train_images, train_labels, test_images, test_labels)
    checksum = _checksum(arrays)
    if checksum != FASHION_MNIST_SHA256:
        raise DatasetError(
            f"the files in {folder} are not the original Fashion-MNIST (their checksum differs); "
            "delete them and download the data set again."
        )
    return Dataset(
        name="fashion-mnist",
        source=str(folder),
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
        checksum=checksum,
    )


def draw_dataset(progress: Callable[[int, int], None] | None = None) -> Dataset:
    """Draw the built-in data set: 10,000 training and 2,000 test garments, with a fixed seed."""
    from fmnist.data.synthetic.garments import draw_garments  # slow to import, and rarely needed

    images, labels = draw_garments(
        SYNTHETIC_TRAIN + SYNTHETIC_TEST, seed=SYNTHETIC_SEED, progress=progress
    )
    train, test = slice(SYNTHETIC_TRAIN), slice(SYNTHETIC_TRAIN, None)
    return Dataset(
        name="synthetic-garments",
        source=f"synthetic, seed {SYNTHETIC_SEED}",
        train_images=images[train],
        train_labels=labels[train],
        test_images=images[test],
        test_labels=labels[test],
        checksum=_checksum((images[train], labels[train], images[test], labels[test])),
    )


def _checksum(arrays: Iterable[NDArray[np.uint8]]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _file(folder: Path, name: str) -> Path | None:
    """A file of the data set, under one of the names that archives give it."""
    names = (name, name.replace("-idx", ".idx"))
    files = [f"{n}{ending}" for n in names for ending in ("", ".gz")]
    folders = [folder, *(folder / n for n in names)]
    return next((f / n for f in folders for n in files if (f / n).is_file()), None)


def _header_size(magic: int) -> int:
    return 16 if magic == _IMAGES_MAGIC else 8


def _expected_size(magic: int, count: int) -> int:
    pixels = IMAGE_SIZE * IMAGE_SIZE if magic == _IMAGES_MAGIC else 1
    return _header_size(magic) + count * pixels


def _check_header(path: Path, magic: int, count: int) -> None:
    expected = _expected_size(magic, count)
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as stream:
                header = stream.read(_header_size(magic))
        else:
            size = path.stat().st_size
            if size != expected:
                raise DatasetError(
                    f"the file {path} is {size:,} bytes long instead of {expected:,}; "
                    "delete it and download the data set again."
                )
            with path.open("rb") as stream:
                header = stream.read(_header_size(magic))
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"the file {path} cannot be read ({reason(error)}).") from error
    numbers = struct.unpack(f">{len(header) // 4}i", header[: len(header) // 4 * 4])
    wanted = (magic, count) + ((IMAGE_SIZE, IMAGE_SIZE) if magic == _IMAGES_MAGIC else ())
    if numbers != wanted:
        kind = "images" if magic == _IMAGES_MAGIC else "labels"
        raise DatasetError(
            f"the file {path} does not hold {count:,} {kind} of Fashion-MNIST (are two files "
            "swapped?); delete it and download the data set again."
        )


def _read(folder: Path, name: str, magic: int, count: int) -> NDArray[np.uint8]:
    path = _file(folder, name)
    if path is None:
        raise DatasetError(f"the file {folder / name} is missing; download the data set again.")
    _check_header(path, magic, count)
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"the file {path} cannot be read ({reason(error)}).") from error
    if len(content) != _expected_size(magic, count):
        raise DatasetError(
            f"the file {path} is truncated or too long; delete it and download the data set again."
        )
    values = np.frombuffer(content, dtype=np.uint8, offset=_header_size(magic))
    return values.reshape(count, IMAGE_SIZE, IMAGE_SIZE) if magic == _IMAGES_MAGIC else values
