"""Named slices in the database and in exported files as pydantic models.

Importing pydantic takes a while. Import this module where a file is read, not at the top.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from fmnist.data.labels import NUM_CLASSES
from fmnist.data.splits import DatasetName, SplitName
from fmnist.evaluation.image_sets import ImageSet
from fmnist.evaluation.named_slices import MOST_SLICES, NamedSlice, checked_rule
from fmnist.evaluation.slices import Slice
from fmnist.runs.documents import Count, Document, Number
from fmnist.text import NAME_LENGTH, one_line

_MOST_IMAGES = 60_000


class RuleDocument(Document):
    """A range of a property, within a class or over all."""

    kind: Literal["rule"]
    label: Annotated[int, Field(ge=0, lt=NUM_CLASSES)] | None = Field(alias="class")
    measure: str = Field(alias="property")
    low: Number | None
    high: Number | None

    @model_validator(mode="after")
    def _is_a_rule(self) -> "RuleDocument":
        self.rule()
        return self

    def rule(self) -> Slice:
        """The rule."""
        return checked_rule(self.label, self.measure, self.low, self.high)


class ImagesDocument(Document):
    """Images of a split."""

    kind: Literal["images"]
    split: SplitName
    images: Annotated[list[Count], Field(min_length=1, max_length=_MOST_IMAGES)]


class SliceDocument(Document):
    """A slice with its name."""

    name: Annotated[str, Field(max_length=4 * NAME_LENGTH)]
    dataset: DatasetName
    slice: Annotated[RuleDocument | ImagesDocument, Field(discriminator="kind")]

    @model_validator(mode="after")
    def _is_a_slice(self) -> "SliceDocument":
        if not self.named().name:
            raise ValueError("a slice needs a name")
        return self

    def named(self, slice_id: int = 0) -> NamedSlice:
        """The slice."""
        found: Slice | ImageSet
        if isinstance(self.slice, RuleDocument):
            found = self.slice.rule()
        else:
            found = ImageSet.of(self.dataset, self.slice.split, self.slice.images)
        return NamedSlice(one_line(self.name, NAME_LENGTH), self.dataset, found, slice_id)


class SlicesDocument(Document):
    """An exported file."""

    format: Literal["fmnist slices"]
    version: Literal[1]
    slices: Annotated[list[SliceDocument], Field(max_length=MOST_SLICES)]
