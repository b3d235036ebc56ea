"""The files of a sweep as pydantic models.

Importing pydantic takes a while. Import this module where a file is read, not at the top.
"""

from typing import Annotated, Any

from pydantic import Field, model_validator

from fmnist.runs.documents import Count, Document, Moment, Number, Text
from fmnist.sweeps.sweep import PrunerName, SamplerName

Value = str | int | float | None | list[str]


class SearchDocument(Document):
    """The values of a setting to try: a range, or a list."""

    low: Number | None = None
    high: Number | None = None
    log: bool = False
    values: Annotated[list[Value] | None, Field(max_length=1000)] = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> "SearchDocument":
        is_range = self.low is not None and self.high is not None
        if is_range == (self.values is not None):
            raise ValueError("it must be a range or a list of values")
        return self


class SweepDocument(Document):
    """`sweep.json` of a sweep; `check_space` checks the values."""

    name: Annotated[Text, Field(min_length=1)]
    created: Moment
    config: dict[str, Any]
    space: dict[str, SearchDocument]
    sampler: SamplerName
    pruner: PrunerName
    runs: Annotated[int, Field(ge=1, le=10_000)] | None = None
    minutes: Annotated[Number, Field(gt=0)] | None = None
    seed: Count = 0


class TrialDocument(Document):
    """`sweep.json` of a run: whose trial it is."""

    sweep: Text
    trial: Count


class MeasuredDocument(Document):
    """`measured.json` of a sweep: the run that was chosen."""

    run: Text
