"""What a setting is: title, help, range or choices; everything that shows or checks one reads it.

The fields of `fmnist.runs.config.TrainConfig` are made with `integer`, `number`, `choice`,
`choices` and `run_ids`. The Train page's form, `python -m fmnist train --help`, docs/settings.md
and the validation come from them.
"""

import dataclasses
import re
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from fmnist.errors import ToldError

_LONGEST_ID: Final = 200
CHECKSUM: Final = re.compile("[0-9a-f]{64}")

Kind = Literal["integer", "number", "choice", "choices", "runs", "checksum"]
Group = Literal["Model and data", "Optimization", "Regularization", "Computation and evaluation"]

NONE: Final = "none"
"""How the absence of a value is written on the command line."""

_SHORT: Final = reprlib.Repr()  # of values in messages, which come from files, too
_SHORT.maxstring = _SHORT.maxother = 80
_SHORT.maxtuple = _SHORT.maxlist = 20


class ConfigError(ToldError, ValueError):
    """A setting with which no model can be trained; the message is one sentence naming the field.

    Attributes
    ----------
    field : str
        Name of the offending field of `TrainConfig`.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


@dataclass(frozen=True)
class Setting:
    """What there is to know of a setting beside its name, type and default.

    Attributes
    ----------
    kind : {"integer", "number", "choice", "choices", "runs", "checksum"}
        "choices" is a tuple of choices, "runs" a tuple of run ids, "checksum" a SHA-256 (hex).
    title : str
        Label of its widget.
    help : str
        One or more sentences.
    group : str
        Heading of the part of the form it belongs to.
    low, high : float or None
        The ends of the range of a number.
    excludes_low, excludes_high : bool
        Whether an end is outside the range.
    titles : mapping
        Titles of the choices, in order; None among them is the absence of a value.
    optional : bool
        Whether a number may be None.
    absent : str
        What None means, in a word or two.
    step : float or None
        Step of its widget.
    when : str
        When it has an effect, as a clause; empty for always.
    applies : callable or None
        The same as a function of the other settings (any object with their names as attributes).
    """

    kind: Kind
    title: str
    help: str
    group: Group
    low: float | None = None
    high: float | None = None
    excludes_low: bool = False
    excludes_high: bool = False
    titles: Mapping[Any, str] = dataclasses.field(default_factory=dict)
    optional: bool = False
    absent: str = "None"
    step: float | None = None
    when: str = ""
    applies: Callable[[Any], bool] | None = None

    @property
    def values(self) -> str:
        """The possible values, in words."""
        if self.kind == "runs":
            return "ids of runs"
        if self.kind == "checksum":
            return f"a SHA-256 (64 hexadecimal digits), or {NONE}"
        if self.titles:
            words = ", ".join(NONE if value is None else str(value) for value in self.titles)
            return f"some of {words}" if self.kind == "choices" else words
        return f"{self._range}, or {NONE}" if self.optional else self._range

    @property
    def _range(self) -> str:
        low, high = f"{self.low:g}", f"{self.high:.10g}"
        if self.excludes_low:
            return f"above {low} and at most {high}"
        if self.excludes_high:
            return f"at least {low} and below {high}"
        return f"between {low} and {high}"

    def in_words(self, value: object) -> str:
        """A value as people read it: the titles of choices, numbers with separators."""
        if self.kind in ("choices", "runs"):
            words = value if isinstance(value, (tuple, list)) else ()
            return ", ".join(str(self.titles.get(word, word)) for word in words) or self.absent
        if value in self.titles:
            return self.titles[value]
        if value is None:
            return self.absent
        return f"{value:,}" if isinstance(value, int) and self.kind == "integer" else f"{value:g}"

    def has_effect(self, settings: object) -> bool:
        """Whether it has an effect beside these other settings."""
        return self.applies is None or self.applies(settings)

    def check(self, name: str, value: object) -> None:
        """Refuse what is no value of this setting.

        Raises
        ------
        ConfigError
        """
        if self.kind == "choice":
            self._check_choice(name, value)
        elif self.kind == "choices":
            self._check_choices(name, value)
        elif self.kind == "runs":
            if not isinstance(value, tuple) or not all(
                isinstance(v, str) and 0 < len(v) <= _LONGEST_ID for v in value
            ):
                raise ConfigError(name, f"must be ids of runs, not {_SHORT.repr(value)}.")
        elif self.kind == "checksum":
            if value is not None and not (isinstance(value, str) and CHECKSUM.fullmatch(value)):
                raise ConfigError(name, f"must be {self.values}, not {_SHORT.repr(value)}.")
        elif value is not None or not self.optional:
            self._check_number(name, value)

    def _check_choice(self, name: str, value: object) -> None:
        try:
            known = value in self.titles
        except TypeError:  # unhashable
            known = False
        if not known:
            raise ConfigError(name, f"must be one of {self.values}, not {_SHORT.repr(value)}.")

    def _check_choices(self, name: str, value: object) -> None:
        if not isinstance(value, tuple) or list(value) != [v for v in self.titles if v in value]:
            given = _SHORT.repr(value)
            raise ConfigError(name, f"must be {self.values}, in this order, not {given}.")

    def _check_number(self, name: str, value: object) -> None:
        assert self.low is not None and self.high is not None
        # bool is an int to Python, but True epochs is a typing error
        if self.kind == "integer" and (isinstance(value, bool) or not isinstance(value, int)):
            raise ConfigError(name, f"must be a whole number, not {_SHORT.repr(value)}.")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ConfigError(name, f"must be a number, not {_SHORT.repr(value)}.")
        above = self.low < value if self.excludes_low else self.low <= value
        below = value < self.high if self.excludes_high else value <= self.high
        if not (above and below):  # nan is neither
            raise ConfigError(name, f"must be {self._range}, not {_SHORT.repr(value)}.")

    def parse(self, text: str) -> Any:
        """The value that a word on the command line stands for; `check` may still refuse it."""
        if text.lower() == NONE and (self.optional or None in self.titles):
            return None
        for number in {"integer": (int,), "number": (int, float)}.get(self.kind, ()):
            try:
                return number(text)
            except ValueError:
                pass
        return text


def format_value(value: object) -> str:
    """A value as the command line takes it: words with spaces between, "none" for none."""
    words = value if isinstance(value, tuple) else () if value is None else (value,)
    return " ".join(map(str, words)) or NONE


def _field(default: Any, setting: Setting) -> Any:
    return dataclasses.field(default=default, metadata={"setting": setting})


def integer(default: int | None, title: str, low: int, high: int, **about: Any) -> Any:
    """A field that is a whole number from `low` to `high`, or None where that is the default."""
    optional = default is None
    setting = Setting("integer", title, low=low, high=high, optional=optional, **about)
    return _field(default, setting)


def number(default: float, title: str, low: float, high: float, **about: Any) -> Any:
    """A field that is a number from `low` to `high`."""
    return _field(default, Setting("number", title, low=low, high=high, **about))


def choice(default: str | None, title: str, titles: Mapping[Any, str], **about: Any) -> Any:
    """A field that is one of the keys of `titles`."""
    return _field(default, Setting("choice", title, titles=titles, **about))


def choices(title: str, titles: Mapping[Any, str], **about: Any) -> Any:
    """A field that is a tuple of keys of `titles`, in their order; none by default."""
    return _field((), Setting("choices", title, titles=titles, **about))


def run_ids(title: str, **about: Any) -> Any:
    """A field that is a tuple of ids of runs; none by default."""
    return _field((), Setting("runs", title, **about))


def checksum(title: str, **about: Any) -> Any:
    """A field that is the SHA-256 (hex) of a file, or None, which is the default."""
    return _field(None, Setting("checksum", title, optional=True, **about))
