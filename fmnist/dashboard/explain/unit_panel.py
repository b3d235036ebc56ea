"""One unit of a layer: its map, the patch it looks at, and the sum that gave its number."""

from typing import TYPE_CHECKING, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist import text
from fmnist.dashboard import pictures
from fmnist.dashboard.components.units import unit_picture
from fmnist.dashboard.explain.choice import Choice, pick_unit
from fmnist.dashboard.explain.subject import Subject
from fmnist.reports.text import counted, markdown_table

if TYPE_CHECKING:
    from fmnist.explain.unit_sums import UnitSum

_LARGEST_TABLE: Final = 5
"""Rows of numbers that are written out; larger kernels are pictures."""
_TOP: Final = 8
_WIDTH: Final = 224


def show(subject: Subject, choice: Choice) -> None:
    """The chosen unit: where it is in its map, and how its number comes about."""
    from fmnist.explain import feature_maps, unit_sums

    layer = choice.layer
    model = feature_maps.members(subject.classifier.model)[choice.member]
    value = float(layer.maps[choice.unit])
    is_map = layer.maps[0].size > 1
    place = f", row {choice.row}, column {choice.column}" if is_map else ""
    name = choice.named(choice.channel)
    st.markdown(f"**{name[:1].upper()}{name[1:]}{place}: {number(value)}**")
    found = unit_sums.unit_sum(model, choice.layers, choice.index, choice.unit)
    if found is None:
        if is_map:
            _show_map(choice, found)
        st.markdown(unit_sums.in_words(model, layer, choice.unit))
        return
    if not is_map and found.kernel[0].size == 1:
        _show_sum(found)  # there is nothing to picture
        return
    pictured, added = st.columns([8, 5], gap="medium")
    with pictured:
        if is_map:
            _show_map(choice, found)
        _show_strongest(found)
    with added:
        _show_sum(found)


def number(value: float) -> str:
    """A number with four digits."""
    return text.number(value, 4)


def _show_map(choice: Choice, found: "UnitSum | None") -> None:
    """The map of the channel, whose units can be clicked, and what it was computed from."""
    from fmnist.explain.feature_maps import as_maps

    layer, channel = choice.layer, choice.channel
    values = layer.maps[channel]
    with st.container(horizontal=True, gap="medium", key="unit-maps"):
        with st.container(width=_WIDTH, gap="xsmall"):
            st.caption(f"Output, channel {channel}: click a unit")
            unit_picture(
                values,
                key="unit-output",
                label=f"Feature map of channel {channel} of {layer.key}",
                limit=float(np.abs(values).max()),
                marked=choice.row * values.shape[1] + choice.column,
                on_pick=lambda unit: pick_unit(layer.key, channel, unit),
                width=_WIDTH,
            )
        if found is None:
            return
        before = as_maps(layer.input)[_strongest(found)[0]]
        height, width = found.kernel.shape[1:]
        top, left = max(found.top, 0), max(found.left, 0)
        bottom = min(found.top + height, before.shape[0])
        right = min(found.left + width, before.shape[1])
        with st.container(width=_WIDTH, gap="xsmall"):
            st.caption(f"Input, channel {_strongest(found)[0]}: its patch")
            unit_picture(
                before,
                key="unit-input",
                label="The input, with the patch that the unit looks at",
                limit=float(np.abs(before).max()),
                frame=(top, left, bottom - top, right - left),
                width=_WIDTH,
            )


def _strongest(found: "UnitSum") -> NDArray[np.intp]:
    """The input's channels, those that contribute most first."""
    order: NDArray[np.intp] = found.channels[np.argsort(-np.abs(found.sums), kind="stable")]
    return order


def _show_strongest(found: "UnitSum") -> None:
    """Patch × kernel of the channel of the input that contributes most."""
    if found.kernel[0].size == 1:
        return
    channel = int(_strongest(found)[0])
    if len(found.channels) > 1:
        st.caption(f"Channel {channel} of the input, which contributes most:")
    _show_products(found, channel - int(found.channels[0]))


def _show_sum(found: "UnitSum") -> None:
    """What each channel of the input contributes, and the sum over all of them."""
    count = len(found.channels)
    st.markdown(_table(found))
    bias = f" and the bias {number(found.bias)}" if found.bias else ""
    channels = "the channel" if count == 1 else f"all {count:,} channels"
    st.markdown(
        f"The products of {channels}, {found.kernel.size:,} in all,{bias} add up to "
        f"**{number(found.total)}**."
    )


def _show_products(found: "UnitSum", at: int) -> None:
    patch, kernel, products = found.patch[at], found.kernel[at], found.products[at]
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        for title, values in (
            ("Patch of the input", patch),
            ("× kernel", kernel),
            (f"= products, sum {number(float(found.sums[at]))}", products),
        ):
            with st.container(width="content", gap="xsmall"):
                st.caption(title)
                _show_numbers(values, title)


def _show_numbers(values: NDArray[np.float64], title: str) -> None:
    """A small matrix as a table of numbers on colors, a larger one as a picture."""
    limit = float(np.abs(values).max())
    if max(values.shape) > _LARGEST_TABLE:
        colors = pictures.signed_colors(values, limit)
        st.image(pictures.enlarge(colors, 168), width=168, alt=title)
        return
    colors = pictures.signed_colors(values, limit)
    rows = "".join(
        "<tr>"
        + "".join(
            f'<td style="background: rgb{tuple(int(c) for c in color)}; color: #111; '
            f"padding: 6px 8px; text-align: right; font-variant-numeric: tabular-nums; "
            f'font-size: 0.85rem; border: 1px solid #fff">{_short(value)}</td>'
            for value, color in zip(line, tones, strict=True)
        )
        + "</tr>"
        for line, tones in zip(values, colors, strict=True)
    )
    st.html(f'<table aria-label="{title}" style="border-collapse: collapse">{rows}</table>')


def _short(value: float) -> str:
    """Two decimals, a true minus sign, and no sign where they are 0."""
    text = f"{value:.2f}".replace("-", "−")
    return "0.00" if text == "−0.00" else text


def _table(found: "UnitSum") -> str:
    """The channels that contribute most, the others together, the bias and the sum."""
    order = np.argsort(-np.abs(found.sums), kind="stable")
    top, rest = order[:_TOP], order[_TOP:]
    single = found.kernel[0].size == 1
    header = ["Input", "Value", "× weight", "= product"] if single else ["Input", "Sum of products"]
    blanks = ["", ""] if single else []
    rows = []
    for i in top:
        name = f"{'unit' if single else 'channel'} {found.channels[i]}"
        parts = [number(found.patch[i, 0, 0]), number(found.kernel[i, 0, 0])] if single else []
        rows.append([name, *parts, number(found.sums[i])])
    if len(rest):
        others = float(found.sums[rest].sum())
        rows.append([counted(len(rest), "other"), *blanks, number(others)])
    rows.append(["bias", *blanks, number(found.bias)])
    rows.append(["**sum**", *blanks, f"**{number(found.total)}**"])
    return markdown_table(header, rows)
