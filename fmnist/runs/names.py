"""Labels of runs in lists: they differ, although names may not."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeVar

from fmnist.runs.run import Run

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


def distinct_names(runs: Sequence[Run]) -> dict[str, str]:
    """Names of runs by their ids, made to differ as `distinct_labels` does."""
    return distinct_labels({run.run_id: run.name for run in runs})
