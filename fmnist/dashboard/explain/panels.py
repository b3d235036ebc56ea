"""The tabs of the Explain page."""

from collections.abc import Callable, Mapping
from typing import Final

from fmnist.dashboard import failures, layout
from fmnist.dashboard.explain import break_it, flip, layers, over_epochs, where
from fmnist.dashboard.explain.subject import Subject

PANELS: Final[Mapping[str, Callable[[Subject], None]]] = {
    "Where it looks": where.show,
    "Layers": layers.show,
    "Over the epochs": over_epochs.show,
    "What would flip it": flip.show,
    "Break it": break_it.show,
}
"""The tabs by title."""


def show(subject: Subject) -> None:
    """The tabs; only the open one is drawn."""
    for title, tab in layout.open_tabs(PANELS, key="explain-panel"):
        with tab, failures.shown():
            PANELS[title](subject)
