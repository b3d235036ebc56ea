"""What a sweep tries: ranges and lists of values of settings."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, product
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from fmnist.errors import ToldError
from fmnist.runs.config import ConfigError, TrainConfig
from fmnist.runs.recipes import effective
from fmnist.runs.setting import NONE, Setting, format_value
from fmnist.text import number

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

_LEFT_OUT: Final = (
    "dataset", "protocol", "checkpoint", "left_out_fold", "log_every", "seed", "measure_test",
    "tta", "epoch_weights", "followed_images", "corrections", "teachers", "tensorboard",
)  # fmt: skip
"""Settings that change what is measured or kept, not how well a model learns. A seed that is chosen
by its accuracy would be luck; several seeds of one setting are a group of runs."""

_RANGE: Final = re.compile(r"(?P<low>[^,:]+?)\.\.(?P<high>[^,:]+?)(?P<log>:log)?")
_MOST_COMBINATIONS: Final = 10_000
_NO_EFFECT: Final = "–"


class SweepError(ToldError):
    """A sweep that cannot be used or made; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class Range:
    """All numbers between two.

    Attributes
    ----------
    low, high : float
        Both may be tried; whole numbers for settings that are.
    log : bool
        Whether each power of ten gets as many tries as any other.
    """

    low: float
    high: float
    log: bool = False

    def __str__(self) -> str:
        return f"{self.low:g}..{self.high:g}{':log' if self.log else ''}"


@dataclass(frozen=True)
class Options:
    """Some values.

    Attributes
    ----------
    values : tuple
        At least two, of the setting's type.
    """

    values: tuple[Any, ...]

    def __str__(self) -> str:
        return ",".join(map(format_value, self.values))


Search = Range | Options
Space = Mapping[str, Search]


def searchable() -> dict[str, Setting]:
    """The settings that a sweep can try, by name."""
    return {
        name: setting
        for name, setting in TrainConfig.settings().items()
        if name not in _LEFT_OUT and setting.kind not in ("runs", "checksum")
    }


def parse_search(text: str) -> tuple[str, Search]:
    """What a word of the command line asks for, unchecked.

    Parameters
    ----------
    text : str
        "learning_rate=0.0001..0.1:log", "epochs=5..20" or "optimizer=adam,sgd"; several words of
        one value have spaces between, as in "augmentation=none,flip,flip shift".

    Raises
    ------
    SweepError
        If it is none of these, or no such setting can be tried.
    """
    name, _, wanted = text.partition("=")
    name = name.strip().replace("-", "_")
    setting = searchable().get(name)
    if setting is None:
        raise SweepError(
            f"{name!r} is no setting that a sweep can try; there are {', '.join(searchable())}."
        )
    found = _RANGE.fullmatch(wanted.strip())
    if found is None:
        return name, Options(tuple(_parse(setting, word) for word in wanted.split(",")))
    try:
        low, high = float(found["low"]), float(found["high"])
    except ValueError:
        raise SweepError(
            f"{name}: {wanted!r} is no range; write it as {name}=1..8, with :log behind it for "
            "equal shares of each power of ten."
        ) from None
    return name, Range(low, high, bool(found["log"]))


def _parse(setting: Setting, word: str) -> Any:
    word = word.strip()
    if setting.kind == "choices":
        chosen = word.split()
        return () if chosen == [NONE] else tuple(chosen)
    return setting.parse(word)


def check_space(base: TrainConfig, space: Space) -> None:
    """Refuse what no sweep can try.

    Parameters
    ----------
    base : TrainConfig
        All other settings.
    space : mapping of str to Range or Options

    Raises
    ------
    SweepError
        If the validation images are not held out, or a value is impossible.
    """
    if base.protocol != "held-out":
        raise SweepError(
            "A sweep needs the held-out protocol: it chooses by the validation images, which the "
            f"{base.protocol} protocol does not hold out."
        )
    if not space:
        raise SweepError("Choose at least one setting to try, and its values.")
    known = searchable()
    for name, search in space.items():
        if name not in known:
            raise SweepError(f"{name!r} is no setting that a sweep can try.")
        try:
            if isinstance(search, Range):
                _check_range(name, known[name], search)
            else:
                _check_options(name, known[name], search)
        except ConfigError as error:
            raise SweepError(str(error)) from error


def _check_range(name: str, setting: Setting, search: Range) -> None:
    if setting.kind not in ("integer", "number"):
        raise SweepError(f"{name} has no range; list some of its values.")
    ends = (search.low, search.high)
    if not all(map(math.isfinite, ends)) or not search.low < search.high:
        raise SweepError(f"{name}: a range needs a lower and a higher end, not {search}.")
    if setting.kind == "integer" and not all(float(end).is_integer() for end in ends):
        raise SweepError(f"{name}: a range needs whole numbers, not {search}.")
    for end in ends:
        setting.check(name, int(end) if setting.kind == "integer" else end)
    if search.log and search.low <= 0:
        raise SweepError(f"{name}: a logarithmic range must begin above 0.")


def _check_options(name: str, setting: Setting, search: Options) -> None:
    if len(set(map(format_value, search.values))) < max(2, len(search.values)):
        raise SweepError(f"{name}: list at least two values, each once.")
    for value in search.values:
        setting.check(name, value)


def in_order(space: Space) -> list[str]:
    """Names of the settings to try: those on which others depend come first."""
    settings = TrainConfig.settings()
    return sorted(
        space, key=lambda name: (settings[name].applies is not None, [*settings].index(name))
    )


def suggest(trial: "BaseTrial", base: TrainConfig, space: Space) -> TrainConfig:
    """The settings of a trial; a setting that has no effect beside the others is not asked for.

    Parameters
    ----------
    trial : optuna.trial.BaseTrial
        One that is asked for values, or that has them.
    base : TrainConfig
    space : mapping

    Raises
    ------
    ConfigError
        If the values do not go together.
    """
    values = dict(vars(base))
    for name in in_order(space):
        setting = TrainConfig.settings()[name]
        if setting.has_effect(SimpleNamespace(**values)):
            values[name] = _suggest(trial, name, setting, space[name])
    return effective(values | {"measure_test": "later"})


def _suggest(trial: "BaseTrial", name: str, setting: Setting, search: Search) -> Any:
    if isinstance(search, Options):
        words = {format_value(value): value for value in search.values}
        return words[str(trial.suggest_categorical(name, list(words)))]
    if setting.kind == "integer":
        return trial.suggest_int(name, int(search.low), int(search.high), log=search.log)
    return trial.suggest_float(name, search.low, search.high, log=search.log)


def is_listed(space: Space) -> bool:
    """Whether there are lists alone, with few enough combinations for `combinations_of`."""
    lists = [search.values for search in space.values() if isinstance(search, Options)]
    return len(lists) == len(space) and math.prod(map(len, lists)) <= _MOST_COMBINATIONS


def combinations_of(base: TrainConfig, space: Space) -> list[dict[str, str]]:
    """All that lists of values allow, as Optuna's parameters, each possible one once.

    Raises
    ------
    SweepError
        If a setting has a range, or there are more than 10,000.
    """
    names = in_order(space)
    lists = []
    for name in names:
        search = space[name]
        if isinstance(search, Range):
            raise SweepError(f"A grid needs lists of values; {name} has a range.")
        lists.append(tuple((format_value(value), value) for value in search.values))
    if not is_listed(space):
        raise SweepError(
            f"A grid has at most {_MOST_COMBINATIONS:,} combinations; list fewer values."
        )
    return [*map(dict, _combinations(base, tuple(zip(names, lists, strict=True))))]


@lru_cache(maxsize=16)  # pages and workers ask again and again, and thousands take a second
def _combinations(
    base: TrainConfig, lists: tuple[tuple[str, tuple[tuple[str, Any], ...]], ...]
) -> tuple[Mapping[str, str], ...]:
    settings = TrainConfig.settings()
    found: dict[TrainConfig, dict[str, str]] = {}
    for chosen in product(*(values for _, values in lists)):
        values, params = dict(vars(base)), {}
        for (name, _), (word, value) in zip(lists, chosen, strict=True):
            if settings[name].has_effect(SimpleNamespace(**values)):
                values[name], params[name] = value, word
        try:
            found.setdefault(effective(values), params)
        except ConfigError:
            continue  # these do not go together
    return tuple(found.values())


def in_words(name: str, value: float | str | None) -> str:
    """A value that a trial has, as Optuna keeps it, for people; "–" for none.

    Parameters
    ----------
    name : str
        Of the setting.
    value : float, str or None
        A word of the command line stands for a choice.
    """
    if value is None:
        return _NO_EFFECT
    setting = TrainConfig.settings()[name]
    if isinstance(value, str):
        return setting.in_words(_parse(setting, value))
    return number(value)


def sets_of(setting: Setting, current: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Sets of choices to try: none, one, two, and those of now.

    Parameters
    ----------
    setting : Setting
        Of kind "choices".
    current : tuple of str
    """
    words = list(setting.titles)
    found = [(), *combinations(words, 1), *combinations(words, 2)]
    return found if current in found else [*found, current]
