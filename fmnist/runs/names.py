"""Labels of runs in lists: they differ, although names may not; several runs in a sentence."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from fmnist.errors import reason

if TYPE_CHECKING:
    from fmnist.runs.run import Run

_MOST_NAMED: Final = 3
_Key = TypeVar("_Key")


def distinct_labels(labels: Mapping[_Key, str]) -> dict[_Key, str]:
    """Make labels differ: Streamlit knows an option of a select box by its label.

    Parameters
    ----------
    labels : mapping
        Labels by key, such as the id of a run.

    Returns
    -------
    dict
        A label that several keys share is followed by the end of its key, or by the whole key where
        the end does not tell them apart. Other labels stay as they are.
    """
    counts = Counter(labels.values())
    taken = {label for label, count in counts.items() if count == 1}
    distinct = dict(labels)
    for key, label in labels.items():
        if counts[label] == 1:
            continue
        made = f"{label} ({str(key).rpartition('-')[2]})"
        if made in taken:
            made = f"{label} ({key})"
        while made in taken:  # a name may look like another one with its key
            made += "′"
        taken.add(made)
        distinct[key] = made
    return distinct


def distinct_names(runs: "Sequence[Run]") -> dict[str, str]:
    """Names of runs by their ids, made to differ as `distinct_labels` does."""
    return distinct_labels({run.run_id: run.name for run in runs})


def partly(done: "Iterable[Run]", left: "Iterable[Run]", what: str, error: BaseException) -> str:
    """What is told where only some of several runs were changed.

    Parameters
    ----------
    done, left : iterable of Run
        Those that were changed, and those that were not; both at least one.
    what : str
        What was to be done to them, such as "deleted".
    error : Exception
        Why those left were not.

    Returns
    -------
    str
        Such as "A and B were deleted, C was not: the disk failed; check it."
    """
    told = [_subject([run.name for run in runs]) for runs in (done, left)]
    return f"{told[0]} {what}, {told[1]} not: {reason(error)}."


def _subject(names: Sequence[str]) -> str:
    """Names, the first ones of many, and a verb: "A was", "A, B, C and 2 more were"."""
    more = len(names) - _MOST_NAMED
    words = [*names[:_MOST_NAMED], *([f"{more} more"] if more > 0 else [])]
    head = ", ".join(words[:-1])
    return f"{f'{head} and ' if head else ''}{words[-1]} {'was' if len(names) == 1 else 'were'}"
