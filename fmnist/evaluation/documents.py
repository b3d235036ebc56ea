"""The rows of the databases of verdicts as pydantic models.

Importing pydantic takes a while. Import this module where a row is read, not at the top.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from fmnist.data.labels import NUM_CLASSES
from fmnist.evaluation.label_verdicts import REVIEWER_LENGTH
from fmnist.evaluation.verdicts import NOTE_LENGTH, PART_SIZES
from fmnist.runs.documents import Document, Moment

Label = Annotated[int, Field(ge=0, lt=NUM_CLASSES)]
Name = Annotated[str, Field(max_length=200)]


class VerdictDocument(Document):
    """A verdict; the fields are the columns of the table."""

    dataset: Annotated[Name, Field(min_length=1)]
    part: Literal["train", "test"]
    image: Annotated[int, Field(ge=0)]
    verdict: Literal["model-mistake", "ambiguous", "label-wrong"]
    note: Annotated[str, Field(max_length=NOTE_LENGTH)]
    time: Moment
    true_label: Label
    predicted_label: Label | None
    run: Name

    @model_validator(mode="after")
    def _is_an_image(self) -> "VerdictDocument":
        if self.image >= PART_SIZES[self.part]:
            raise ValueError(f"there is no {self.part} image {self.image}")
        return self


class LabelVerdictDocument(Document):
    """A verdict on the label of a training image; the fields are the columns of the table."""

    dataset: Annotated[Name, Field(min_length=1)]
    image: Annotated[int, Field(ge=0, lt=PART_SIZES["train"])]
    reviewer: Annotated[str, Field(min_length=1, max_length=REVIEWER_LENGTH)]
    action: Literal["keep", "relabel", "exclude"]
    given_label: Label
    label: Label | None
    time: Moment

    @model_validator(mode="after")
    def _fits(self) -> "LabelVerdictDocument":
        kept = self.label == self.given_label
        if self.action != ("exclude" if self.label is None else "keep" if kept else "relabel"):
            raise ValueError(f"{self.action} does not fit the label {self.label}")
        return self
