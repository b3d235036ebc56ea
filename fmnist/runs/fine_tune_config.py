"""The settings of a fine-tuned model: a copy of a run that learned a person's own drawings."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from fmnist.data.labels import check_own_classes
from fmnist.data.splits import DatasetName, Protocol
from fmnist.models.registry import MODELS
from fmnist.runs.setting import CHECKSUM, ConfigError

LearnedPart = Literal["last-layer", "last-block"]
"""What of a copy learns; with the last block, the last layer does too."""


@dataclass(frozen=True, kw_only=True)
class FineTuneConfig:
    """Everything that decides what a fine-tuned model is.

    Attributes
    ----------
    base : str
        Id of the run that it is a copy of.
    base_weights : str
        SHA-256 (hex) of that run's weights.
    model : str
        The network, in `fmnist.models.registry.MODELS`.
    dataset, protocol
        Those of the base.
    drawings_sha256 : str
        Digest (hex) of the drawings, which are kept in the folder of the run.
    own_classes : tuple of str
        Classes added to the ten.
    part : {"last-layer", "last-block"}
        What learned.
    seed : int
        Of the drawings' variants and of what is replayed.

    Raises
    ------
    ConfigError
        If a value is impossible.
    """

    base: str
    base_weights: str
    model: str
    dataset: DatasetName
    protocol: Protocol
    drawings_sha256: str
    own_classes: tuple[str, ...] = ()
    part: LearnedPart = "last-layer"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise ConfigError("model", f"must be one of {', '.join(MODELS)}, not {self.model!r}.")
        for name in ("base_weights", "drawings_sha256"):
            if not CHECKSUM.fullmatch(getattr(self, name)):
                raise ConfigError(name, "must be a SHA-256 checksum of 64 hexadecimal digits.")
        if not 0 <= self.seed < 2**32:
            raise ConfigError("seed", f"must be between 0 and {2**32 - 1}, not {self.seed}.")
        try:
            check_own_classes(self.own_classes)
        except ValueError as error:
            raise ConfigError("own_classes", f"cannot be: {error}") from error

    @property
    def models(self) -> tuple[str, ...]:
        """The network, as `EnsembleConfig.models` tells several."""
        return (self.model,)

    @property
    def checkpoint(self) -> Literal["last"]:
        """No split selects anything: its training has one epoch."""
        return "last"

    @property
    def tta(self) -> None:
        """It is not measured with test-time augmentation."""
        return

    def to_json(self) -> dict[str, Any]:
        """The settings as a dictionary of JSON values, in the order of the fields."""
        return {**dataclasses.asdict(self), "own_classes": list(self.own_classes)}
