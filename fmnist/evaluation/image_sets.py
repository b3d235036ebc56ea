"""A set of images of one split, small enough for an address."""

import base64
import binascii
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self, cast

import numpy as np
from numpy.typing import NDArray

from fmnist.data.splits import DATASET_SIZES, SPLITS, DatasetName, SplitName

MAX_TEXT: Final = 12_000
"""Characters that a set has at most: any half of 60,000 images has 10,054."""

_SEPARATOR: Final = "."


@dataclass(frozen=True)
class ImageSet:
    """Images of one split, chosen one by one; immutable.

    Attributes
    ----------
    dataset : str
        Name of their data set.
    split : {"train", "validation", "test"}
    bits : bytes
        A bit for each image of the file, the first in the highest bit, without zeros at the end.
    """

    dataset: DatasetName
    split: SplitName
    bits: bytes

    @classmethod
    def of(cls, dataset: str, split: SplitName, indices: Iterable[int]) -> Self:
        """The set of images with these indices (`Split.indices`).

        Raises
        ------
        ValueError
            If there is none, or the data set does not have one of them.
        """
        if dataset not in DATASET_SIZES or split not in SPLITS:
            raise ValueError(f"There are no {split} images of {dataset}.")
        chosen = np.fromiter(indices, dtype=np.int64)
        size = _file_size(dataset, split)
        if not len(chosen) or chosen.min() < 0 or chosen.max() >= size:
            raise ValueError(f"A set has images from 0 to {size - 1:,}, and at least one.")
        marks = np.zeros(chosen.max() + 1, dtype=np.bool_)
        marks[chosen] = True
        return cls(cast(DatasetName, dataset), split, np.packbits(marks).tobytes())

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read what `str` wrote.

        Raises
        ------
        ValueError
            If it is anything else.
        """
        if len(text) > MAX_TEXT or not text.isascii():
            raise ValueError(text)
        dataset, split, packed = text.split(_SEPARATOR)
        if dataset not in DATASET_SIZES or split not in SPLITS:
            raise ValueError(text)
        most = -(-_file_size(dataset, split) // 8)
        found = np.flatnonzero(_unpacked(_inflated(packed, most)))
        return cls.of(dataset, cast(SplitName, split), found)

    def __str__(self) -> str:
        packed = base64.urlsafe_b64encode(zlib.compress(self.bits, 9)).decode().rstrip("=")
        return _SEPARATOR.join((self.dataset, self.split, packed))

    def __len__(self) -> int:
        return len(self.indices)

    @cached_property
    def indices(self) -> NDArray[np.int64]:
        """As `Split.indices`, sorted, int64 (M,)."""
        return np.flatnonzero(_unpacked(self.bits))


def _file_size(dataset: str, split: str) -> int:
    return DATASET_SIZES[dataset]["test" if split == "test" else "train"]


def _unpacked(bits: bytes) -> NDArray[np.uint8]:
    return np.unpackbits(np.frombuffer(bits, dtype=np.uint8))


def _inflated(packed: str, most: int) -> bytes:
    """At most so many bytes; a small text may unpack to many times its length."""
    try:
        compressed = base64.b64decode(
            packed + "=" * (-len(packed) % 4), altchars="-_", validate=True
        )
        unpacker = zlib.decompressobj()
        bits = unpacker.decompress(compressed, most + 1)
    except (binascii.Error, zlib.error) as error:
        raise ValueError(packed) from error
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError(packed)
    return bits
