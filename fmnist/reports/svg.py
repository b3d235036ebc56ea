"""Charts as SVG to put into an HTML file: text that scales, colors that follow light and dark."""

import io
import re
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from fmnist.data.labels import CLASS_NAMES
from fmnist.evaluation.calibration import Reliability
from fmnist.reports.charts import CORRECT_COLOR, OTHER_COLOR

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH: Final = 5.0  # inches of 72 units each: small, so that text stays legible on a phone
_SMALL: Final = 9.5
# stand-ins in what Matplotlib draws; the file's style sheet gives them their colors
_INK: Final = "#010203"
_GRID: Final = "#010204"
_STYLE: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",  # text stays text, in the file's own font
    "svg.hashsalt": "fmnist",
    "text.parse_math": False,
    "font.size": _SMALL,
    "axes.edgecolor": _GRID,
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _GRID,
    "grid.linewidth": 0.6,
    "text.color": _INK,
    "xtick.color": _GRID,
    "xtick.labelcolor": _INK,
    "ytick.color": _GRID,
    "ytick.labelcolor": _INK,
    "legend.frameon": False,
    "lines.solid_capstyle": "round",
}
_LEAST_POINTS: Final = 40  # with as many epochs, each has a dot
# Matplotlib's styles are of the whole process
_DRAWING: Final = threading.Lock()


def line_chart(
    options: dict[str, Any], *, key: str, alt: str, unit: str, legend: bool = True
) -> Markup:
    """Draw what `fmnist.reports.charts` gives for curves.

    Parameters
    ----------
    options : dict
        ECharts options of `loss_curves`, `accuracy_curves` or `run_curves`.
    key : str
        Tells the chart from the others of a file.
    alt : str
        What the chart shows, for people who do not see it.
    unit : str
        Title of the vertical axis.
    legend : bool
        Whether the lines are named above the chart.
    """

    def draw(figure: "Figure") -> None:
        axes = figure.add_subplot()
        for series in options["series"]:
            _draw_series(axes, series)
        y_axis = options["yAxis"]
        axes.set_xlabel(options["xAxis"]["name"])
        axes.set_ylabel(unit)
        axes.margins(x=0.02)
        if options["xAxis"]["name"] == "Epoch":
            axes.locator_params(axis="x", integer=True)
        if not y_axis.get("scale"):
            axes.set_ylim(bottom=0)
        if "min" in y_axis:
            axes.set_ylim(y_axis["min"], y_axis["max"])
        if legend:
            figure.legend(loc="outside upper left", ncols=2, columnspacing=1.2, handlelength=1.4)

    return _drawn(key, 3.3, draw, alt)


def _draw_series(axes: "Axes", series: dict[str, Any]) -> None:
    x, y = zip(*series["data"], strict=True) if series["data"] else ((), ())
    color = series["itemStyle"]["color"]
    if series["type"] == "scatter":
        axes.plot(x, y, "D", color=color, markersize=8, label=series["name"], zorder=5)
        return
    style = series["lineStyle"]
    axes.plot(
        x, y, color=color, linewidth=0.8 * style["width"], alpha=style["opacity"],
        linestyle=":" if style.get("type") == "dotted" else "-",
        marker="o" if series["showSymbol"] and len(x) <= _LEAST_POINTS else None,
        markersize=3, label=series["name"],
    )  # fmt: skip
    mark = series.get("markLine")
    if mark:
        at = mark["data"][0]["xAxis"]
        axes.axvline(at, color=color, linestyle=":", linewidth=1.2)
        axes.annotate(
            mark["label"]["formatter"], (at, 1), (3, -3), xycoords=("data", "axes fraction"),
            textcoords="offset points", va="top",
            ha="left" if at <= max(x) / 2 else "right",
        )  # fmt: skip


def reliability_chart(bins: Reliability, *, key: str, alt: str) -> Markup:
    """Draw accuracy against confidence, and below it the number of images of each bin.

    Parameters
    ----------
    bins : Reliability
    key, alt : str
        As of `line_chart`.
    """

    def draw(figure: "Figure") -> None:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        left, width = 100 * bins.edges[:-1], 100 * np.diff(bins.edges)
        bars = {"width": width, "align": "edge", "color": CORRECT_COLOR, "linewidth": 0}
        above.bar(left, 100 * np.nan_to_num(bins.accuracies), alpha=0.75, label="Accuracy", **bars)
        above.plot([0, 100], [0, 100], "--", color=OTHER_COLOR, label="Perfectly calibrated")
        above.set(ylabel="Accuracy (%)", xlim=(0, 100), ylim=(0, 102))
        below.bar(left, bins.counts, **bars)
        below.set(xlabel="Confidence (%)", ylabel="Images")
        below.locator_params(axis="y", nbins=3)
        below.yaxis.set_major_formatter("{x:,.0f}")
        figure.legend(loc="outside upper left", ncols=2, handlelength=1.4)

    return _drawn(key, 4.0, draw, alt)


def class_chart(
    accuracies: NDArray[np.floating], colors: Sequence[str], *, key: str, alt: str
) -> Markup:
    """Draw the accuracy of each class: a row per class, a dot per run.

    Parameters
    ----------
    accuracies : float (R, 10) in [0, 1]
        Row = run, column = class; NaN where a class has no images.
    colors : sequence of str (R,)
    key, alt : str
        As of `line_chart`.
    """

    def draw(figure: "Figure") -> None:
        axes = figure.add_subplot()
        rows = range(len(CLASS_NAMES))
        for values, color in zip(accuracies, colors, strict=True):
            axes.plot(100 * values, rows, "o", color=color, markersize=7, alpha=0.85)
        axes.set_yticks(rows, CLASS_NAMES)
        axes.invert_yaxis()
        axes.set_xlabel("Accuracy of the class (%)")

    return _drawn(key, 4.0, draw, alt)


def _drawn(key: str, height: float, draw: "Callable[[Figure], None]", alt: str) -> Markup:
    """A chart by a function that draws it."""
    # here, since the imports take a while
    import matplotlib as mpl
    from matplotlib.figure import Figure

    buffer = io.StringIO()
    with _DRAWING, mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        draw(figure)
        untold = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=untold)
    return _inline(buffer.getvalue(), key, alt)


def _inline(svg: str, key: str, alt: str) -> Markup:
    """An SVG file as an element of an HTML file, in which no other has the same ids."""
    head, _, body = svg[svg.index("<svg") : svg.rindex("</svg>")].partition(">")
    view = head.partition('viewBox="')[2].partition('"')[0]
    body = re.sub(r"<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r' id="[a-z.]+(?:2d)?_\d+"', "", body)  # of groups, which nothing refers to
    body = re.sub(r'(?<=[ "(#])([mp][0-9a-f]{10})(?=[")])', rf"{key}-\1", body)
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    body = re.sub(r' transform="rotate\(-0 [^"]*"', "", body)
    body = body.replace("xlink:href", "href").replace(_INK, "currentColor")
    body = re.sub(r"\n\s*", " ", body.replace(_GRID, "var(--line)"))
    start = f'<svg viewBox="{view}" role="img" aria-label="{escape(alt)}">'
    return Markup(f"{start}{body}</svg>")  # Matplotlib has escaped its texts
