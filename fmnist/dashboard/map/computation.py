"""The computation of a map: its button, its progress, its end."""

from collections.abc import Sequence

from fmnist.dashboard.context import PageContext
from fmnist.dashboard.jobs import JobText, show_job
from fmnist.dashboard.map import layouts
from fmnist.dashboard.map.layouts import RunMap
from fmnist.explain.embeddings import Method
from fmnist.explain.map_process import MapTask
from fmnist.text import plain


def show(context: PageContext, shown: Sequence[RunMap], method: Method, title: str) -> None:
    """A button to compute what is missing, or the progress; nothing if all is there."""
    missing = [each for each in shown if not each.is_computed]
    if not missing:
        return
    first = missing[0]
    # one task is of one epoch; what is left after it gets a button of its own
    together = [each for each in missing if each.source.epoch == first.source.epoch]
    folders = tuple(each.run.folder for each in together)
    task = MapTask(method, context.split, folders, first.source.epoch)
    names = " and ".join(plain(each.run.name) for each in missing) if len(shown) > 1 else ""
    show_task(
        task,
        f"Compute the {title} map",
        "It takes a while, in the background, and is kept: you may go on meanwhile.",
        shown=_shown_instead(first, method, title, names),
    )


def _shown_instead(first: RunMap, method: Method, title: str, names: str) -> str:
    """What the map shows until it is computed, in a sentence; `names` of the runs, or none."""
    of_runs = f" of {names}" if names else ""
    if method != "pca":
        space = "logits" if first.of_logits else "features"
        return (
            f"**Shown now is PCA of the {space}, not {title}**: the {title} map{of_runs} is not "
            "computed yet."
        )
    if first.of_logits and first.source.space != "logits":
        return (
            f"**Shown now is PCA of the logits**: that of the features{of_runs} is not "
            "computed yet."
        )
    return f"How well the PCA map{of_runs} agrees with its space is not computed yet."


def show_task(task: MapTask, label: str, explanation: str, *, shown: str = "") -> None:
    """A button that starts a task; its progress while it runs, its reason if it failed.

    Parameters
    ----------
    task : MapTask
    label, explanation : str
        Of the button.
    shown : str
        What is seen until it has ended, in Markdown; the explanation is then a help text.
    """
    text = JobText(
        "map", label, ":material/scatter_plot:", explanation,
        "Another map first.", "The map could not be computed", notice=shown,
    )  # fmt: skip
    show_job(layouts.process(), task, text)
