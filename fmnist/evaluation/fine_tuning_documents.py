"""The file that tells what fine-tuning changed, as pydantic models.

Importing pydantic takes a while. Import this module where a file is read, not at the top.
"""

from typing import Annotated

from pydantic import Field, model_validator

from fmnist.runs.documents import Count, Document, Share, Text


class DrawingEffectDocument(Document):
    """What is predicted for a drawing."""

    drawing_id: Text
    label: Text
    before: Text
    after: Text


class EffectDocument(Document):
    """`fine_tuning.json`."""

    drawings: Annotated[tuple[DrawingEffectDocument, ...], Field(strict=False)]
    parts: Count
    others: Count
    others_before: Count
    others_after: Count
    test: Count
    test_before: Count
    test_after: Count
    test_own: Count
    p_value: Share
    damaged: Count = 0  # earlier versions did not tell

    @model_validator(mode="after")
    def _is_possible(self) -> "EffectDocument":
        if max(self.others_before, self.others_after) > self.others:
            raise ValueError("more sketches are correct than there are")
        if max(self.test_before, self.test_after, self.test_own) > self.test:
            raise ValueError("more test images are correct than there are")
        return self
