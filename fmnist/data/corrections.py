"""Corrections of training data: images that get another label, are left out, or alone are used."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import numpy as np

from fmnist.data.labels import NUM_CLASSES
from fmnist.data.splits import DATASET_SIZES, Split
from fmnist.errors import ToldError

CHOSEN_BY: Final = ("margin", "entropy")
"""How a model can have chosen images: those of the smallest margin, or of the highest entropy."""


class CorrectionsError(ToldError):
    """Corrections that cannot be read or applied; the message is one sentence for people."""


@dataclass(frozen=True)
class Corrections:
    """What a training does differently from the data set's labels; immutable.

    Attributes
    ----------
    dataset : str
        Name of the data set.
    relabeled : tuple of (int, int)
        Position in the file of training images, and the label to train with; sorted.
    excluded : tuple of int
        Positions of images that are not trained on; sorted.
    chosen : tuple of int
        Positions of the only images that are trained on; sorted. Empty: all are.
    chosen_by : str or None
        How they were chosen, one of `CHOSEN_BY`; None without chosen images.
    """

    dataset: str
    relabeled: tuple[tuple[int, int], ...] = ()
    excluded: tuple[int, ...] = ()
    chosen: tuple[int, ...] = ()
    chosen_by: str | None = None

    @classmethod
    def of(
        cls,
        dataset: str,
        *,
        relabeled: Mapping[int, int] | None = None,
        excluded: Iterable[int] = (),
        chosen: Iterable[int] = (),
        chosen_by: str | None = None,
    ) -> Self:
        """Corrections of images by their positions, in any order.

        Raises
        ------
        CorrectionsError
            If an image or a label does not exist, or an image is both relabeled and excluded.
        """
        images = tuple(sorted({int(image) for image in excluded}))
        labels = tuple(sorted((int(image), int(to)) for image, to in (relabeled or {}).items()))
        only = tuple(sorted({int(image) for image in chosen}))
        made = cls(dataset, labels, images, only, chosen_by)
        made.check()
        return made

    def check(self) -> None:
        """Refuse what no data set can have.

        Raises
        ------
        CorrectionsError
        """
        if self.dataset not in DATASET_SIZES:
            raise CorrectionsError("The corrections name an unknown data set.")
        size = DATASET_SIZES[self.dataset]["train"]
        images = [image for image, _ in self.relabeled] + list(self.excluded)
        numbers = [*images, *self.chosen, *(label for _, label in self.relabeled)]
        listed = (list(self.relabeled), list(self.excluded), list(self.chosen))
        ordered = all(each == sorted(each) for each in listed)
        if not all(type(number) is int for number in numbers) or not ordered:
            raise CorrectionsError("The corrections are damaged.")
        if self.chosen_by not in (CHOSEN_BY if self.chosen else (None,)):
            raise CorrectionsError("The corrections do not say how the images were chosen.")
        if any(not 0 <= image < size for image in (*images, *self.chosen)):
            raise CorrectionsError(f"The corrections name an image that is not among {size:,}.")
        if any(not 0 <= label < NUM_CLASSES for _, label in self.relabeled):
            raise CorrectionsError(f"The corrections name a label above {NUM_CLASSES - 1}.")
        if any(len(set(each)) != len(each) for each in (images, self.chosen)):
            raise CorrectionsError("The corrections name an image twice.")

    def __len__(self) -> int:
        return len(self.relabeled) + len(self.excluded) + len(self.chosen)

    def apply(self, split: Split) -> Split:
        """The split as it is trained on; images of other splits do not matter.

        Parameters
        ----------
        split : Split
            Of the training images.
        """
        labels = split.labels.copy()
        given = dict(self.relabeled)
        for position in np.flatnonzero(np.isin(split.indices, list(given))):
            labels[position] = given[int(split.indices[position])]
        used = ~np.isin(split.indices, self.excluded)
        if self.chosen:
            used &= np.isin(split.indices, self.chosen)
        kept = np.flatnonzero(used)
        return Split(split.name, split.images, labels, split.indices).take(kept)

    def to_bytes(self) -> bytes:
        """As a JSON file; the same corrections give the same bytes."""
        values: dict[str, object] = {
            "dataset": self.dataset,
            "relabeled": [list(pair) for pair in self.relabeled],
            "excluded": list(self.excluded),
        }
        if self.chosen:  # files without chosen images keep their checksums of earlier versions
            values |= {"chosen": list(self.chosen), "chosen_by": self.chosen_by}
        return (json.dumps(values, separators=(",", ":")) + "\n").encode()

    @cached_property
    def checksum(self) -> str:
        """SHA-256 (hex) of the file."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @property
    def title(self) -> str:
        """What they are, in words: "40 excluded, 3 relabeled", "500 chosen by margin"."""
        counts = (
            (len(self.chosen), f"chosen by {self.chosen_by}"),
            (len(self.excluded), "excluded"),
            (len(self.relabeled), "relabeled"),
        )
        return ", ".join(f"{count:,} {what}" for count, what in counts if count) or "none"

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Read what `to_bytes` wrote.

        Raises
        ------
        CorrectionsError
            If it is anything else.
        """
        try:
            values = json.loads(content)
            made = cls(
                values["dataset"],
                tuple((image, label) for image, label in values["relabeled"]),
                tuple(values["excluded"]),
                tuple(values.get("chosen", ())),
                values.get("chosen_by"),
            )
            made.check()
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise CorrectionsError("The corrections are damaged.") from error
        if made.to_bytes() != content:
            raise CorrectionsError("The corrections are not as this program writes them.")
        return made
