"""Parts that all charts share: colors, an empty figure, marked ranges."""

import html
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import plotly.graph_objects as go

CLASS_COLORS: Final = (
    "#4E79A7",
    "#F28E2B",
    "#2A9D8F",
    "#E15759",
    "#8E6BBF",
    "#B07D4F",
    "#D4A72C",
    "#E377A5",
    "#5FB7C9",
    "#7F8A94",
)
"""One color per class, in the order of the labels."""

OWN_COLORS: Final = ("#C2185B", "#00838F", "#6D8B00", "#5E35B1", "#B5531A")
"""One color for each class that a person has added to the ten."""

TRAIN_COLOR: Final = "#F28E2B"
MONITORED_COLOR: Final = "#4E79A7"
BEST_COLOR: Final = "#2A9D8F"
CORRECT_COLOR: Final = MONITORED_COLOR
MISCLASSIFIED_COLOR: Final = "#E15759"
OTHER_COLOR: Final = "#7F8A94"
"""Color of whatever is neither, such as a run that is not selected."""


def new_figure(height: int, **subplots: Any) -> "go.Figure":
    """Make an empty figure.

    Parameters
    ----------
    height : int
        In pixels.
    **subplots
        Passed on to `plotly.subplots.make_subplots`; by default the figure has one plot.
    """
    # here, since the import takes half a second that not every page needs
    from plotly.graph_objects import Figure
    from plotly.subplots import make_subplots

    figure = make_subplots(**subplots) if subplots else Figure()
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 34, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        hovermode="x unified",
    )
    return figure


def hover_name(name: str) -> str:
    """A name as Plotly's hover texts show it: not as HTML, nor as part of their template."""
    return html.escape(name).replace("%{", "%&#123;")


def custom_rows(*columns: NDArray[Any]) -> list[list[float]]:
    """Turn columns into rows for `customdata`, a row per point."""
    # lists: Streamlit returns the selected points of an array in another form
    rows: list[list[float]] = np.column_stack(columns).tolist()
    return rows


def mark_range(figure: "go.Figure", chosen: tuple[float, float]) -> None:
    """Mark a range of the horizontal axis."""
    figure.add_vrect(
        x0=chosen[0], x1=chosen[1], fillcolor=BEST_COLOR, opacity=0.18, line_width=0, layer="below"
    )
    for edge in chosen:
        figure.add_vline(x=edge, line={"color": BEST_COLOR, "width": 2})
