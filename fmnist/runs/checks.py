"""Checks of values read from JSON files."""


def number(value: object) -> float:
    # nan and numbers too long for a float are refused too
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
        raise ValueError(f"{value!r} is no number")
    return value


def whole_number(value: object) -> int:
    if not isinstance(value, int) or number(value) < 0:
        raise ValueError(f"{value!r} is no whole number")
    return value


def moment(value: object) -> float:
    seconds = number(value)
    if not 0 <= seconds < 1e11:  # the year 5138: dates end at 9999
        raise ValueError(f"{value!r} is no time")
    return float(seconds)
