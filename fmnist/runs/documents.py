"""The files of a run as pydantic models: strict types, finite numbers, no unknown fields.

Importing pydantic takes a while. Import this module where a file is read, not at the top.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)  # fmt: skip

from fmnist.data.splits import DatasetName, Protocol, SplitName
from fmnist.files import parse_json
from fmnist.models.registry import describe as describe_models
from fmnist.runs.config import (
    Checkpoint,
    EnsembleConfig,
    FineTuneConfig,
    LearnedPart,
    RunConfig,
    TestTimeAugmentation,
    TrainConfig,
)
from fmnist.runs.history import MEASURED, EpochEntry, Phase, StepEntry
from fmnist.runs.run import State
from fmnist.text import one_line

# a number with more digits than a float holds is a typing error
_LARGEST: Final = 1e15

Count = Annotated[int, Field(ge=0, lt=_LARGEST)]
Number = Annotated[float, Field(gt=-_LARGEST, lt=_LARGEST)]
Amount = Annotated[float, Field(ge=0, lt=_LARGEST)]
Share = Annotated[float, Field(ge=0, le=1)]
# seconds since 1970, before the year 5138: dates end at 9999
Moment = Annotated[float, Field(ge=0, lt=1e11)]
# shown to people
Text = Annotated[str, AfterValidator(one_line)]
Texts = dict[Text, Text]
_Document_ = TypeVar("_Document_", bound="Document")


class Document(BaseModel):
    """What all files have in common."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def parse(cls: type[_Document_], values: object) -> _Document_:
        """Check what was read from a file.

        Raises
        ------
        ValueError
            If a value is impossible or a field unknown; the message names the first.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ValueError(describe(error)) from error


def describe(error: ValidationError) -> str:
    """The first problem, in a few words without a full stop."""
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    field = ".".join(map(str, problem["loc"]))[:80]
    return f"{field}: {problem['msg']}" if field else problem["msg"]


class TeacherDocument(Document):
    """A run that a model learned from, and the SHA-256 of its weights."""

    run_id: Text
    weights: Text


class ConfigDocument(Document):
    """`config.json`; `read_config` checks the settings."""

    created: Moment = 0.0
    config: dict[str, Any]
    dataset: Texts = {}
    environment: Texts = {}
    members: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    teachers: Annotated[tuple[TeacherDocument, ...], Field(strict=False)] = ()


class EnsembleDocument(Document):
    """The settings of an ensemble in `config.json`."""

    models: Annotated[tuple[str, ...], Field(strict=False, min_length=2)]
    dataset: DatasetName
    protocol: Protocol
    checkpoint: Checkpoint = "best"
    tta: TestTimeAugmentation | None = None

    @model_validator(mode="after")
    def _knows_the_models(self) -> "EnsembleDocument":
        describe_models(*self.models)
        return self


class FineTuneDocument(Document):
    """The settings of a fine-tuned model in `config.json`; `FineTuneConfig` checks the values."""

    base: Text
    base_weights: str
    model: str
    dataset: DatasetName
    protocol: Protocol
    drawings_sha256: str
    own_classes: Annotated[tuple[str, ...], Field(strict=False)] = ()
    part: LearnedPart = "last-layer"
    seed: int = 0


def read_config(values: Mapping[str, Any]) -> RunConfig:
    """The settings of a run, of an ensemble or of a fine-tuned model.

    Raises
    ------
    ValueError
        If a setting is unknown or impossible.
    """
    if "models" in values:
        return EnsembleConfig(**EnsembleDocument.parse(values).model_dump())
    if "base" in values:
        return FineTuneConfig(**FineTuneDocument.parse(values).model_dump())
    return TrainConfig.from_json(values)


class StatusDocument(Document):
    """`status.json`; earlier versions wrote no phase. There are no epochs without steps."""

    state: State
    reason: Text | None = None
    epoch: Count
    step: Count
    steps: Count
    seconds: Amount
    images_per_second: Amount
    phase: Phase | None = None
    phase_fraction: Share = 0.0

    @model_validator(mode="after")
    def _is_possible(self) -> "StatusDocument":
        if self.step > self.steps or self.epoch > self.steps:
            raise ValueError("it has more steps or epochs than the whole run")
        return self


class NameDocument(Document):
    """`name.json`."""

    name: Annotated[str, Field(min_length=1)]


class AnnotationsDocument(Document):
    """`annotations.json`; `Annotations` checks the lengths."""

    tags: Annotated[tuple[str, ...], Field(strict=False)] = ()
    notes: str = ""
    group: str | None = None
    favorite: bool = False


class EventDocument(Document):
    """A line of `events.jsonl`."""

    time: Moment
    text: Text


class TemperatureDocument(Document):
    """`temperature.json`."""

    temperature: Annotated[float, Field(ge=0.01, le=100)]  # beyond, all or nothing is certain
    epoch: Count
    loss_before: Number
    loss_after: Number


class StepDocument(Document):
    """A line of `history.jsonl` for some steps."""

    kind: Literal["step"]
    epoch: Count
    step: Count
    loss: Number
    seconds: Amount

    def entry(self) -> StepEntry:
        """The line as an object."""
        return StepEntry(self.epoch, self.step, self.loss, self.seconds)


class EpochDocument(Document):
    """A line of `history.jsonl` for an epoch; loss and accuracy are named after the split."""

    kind: Literal["epoch"]
    epoch: Count
    step: Count
    train_loss: Number
    train_accuracy: Share
    measured_train_loss: Number | None = None
    measured_train_accuracy: Share | None = None
    validation_loss: Number | None = None
    validation_accuracy: Share | None = None
    test_loss: Number | None = None
    test_accuracy: Share | None = None
    seconds: Amount
    images_per_second: Amount

    @property
    def _split(self) -> SplitName:
        (split,) = (s for s in MEASURED if f"{MEASURED[s]}_loss" in self.model_fields_set)
        return split

    @model_validator(mode="after")
    def _has_one_split(self) -> "EpochDocument":
        given = {f"{name}_{what}" for name in MEASURED.values() for what in ("loss", "accuracy")}
        given &= self.model_fields_set
        names = {name.rpartition("_")[0] for name in given}
        if len(names) != 1 or len(given) != 2 or None in (getattr(self, name) for name in given):
            raise ValueError("it must have the loss and the accuracy of one split")
        return self

    def entry(self) -> EpochEntry:
        """The line as an object."""
        name = MEASURED[self._split]
        return EpochEntry(
            self.epoch, self.step, self.train_loss, self.train_accuracy, self._split,
            getattr(self, f"{name}_loss"), getattr(self, f"{name}_accuracy"),
            self.seconds, self.images_per_second,
        )  # fmt: skip


_LINE: Final[TypeAdapter[StepDocument | EpochDocument]] = TypeAdapter(
    Annotated[StepDocument | EpochDocument, Field(discriminator="kind")]
)


def parse_line(text: str) -> StepEntry | EpochEntry:
    """A line of `history.jsonl` as an object.

    Raises
    ------
    ValueError
        If it is not of a known form.
    """
    try:
        return _LINE.validate_python(parse_json(text)).entry()
    except ValidationError as error:
        raise ValueError(describe(error)) from error
