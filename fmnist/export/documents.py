"""The file that is kept beside an export, as pydantic models.

Importing pydantic takes a while. Import this module where a file is read, not at the top.
"""

from typing import Annotated

from pydantic import Field

from fmnist.export.checks import Check
from fmnist.export.names import Format
from fmnist.runs.documents import Amount, Count, Document, Moment, Share, Text

_Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class CheckDocument(Document):
    """How the file compares with the run."""

    images: Count
    changed: Count
    difference: Share
    accuracy: Share
    run_accuracy: Share
    bytes: Count
    outputs: Annotated[tuple[Text, ...], Field(strict=False, min_length=1, max_length=2)]

    def check(self) -> Check:
        """As an object."""
        return Check(**self.model_dump())


class ExportDocument(Document):
    """`export.json`."""

    version: Count
    format: Format
    name: str
    weights: _Digest
    temperature: Amount | None
    sha256: _Digest
    made: Moment
    fmnist: Text
    check: CheckDocument
