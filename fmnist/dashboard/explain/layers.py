"""Layers: the way of an image through the network, its feature maps, and how a unit is computed."""

from typing import Final

import numpy as np
import streamlit as st

from fmnist.dashboard import pictures
from fmnist.dashboard.components import clickable
from fmnist.dashboard.components.units import unit_picture
from fmnist.dashboard.explain import exciting_images, unit_panel
from fmnist.dashboard.explain.choice import SOFTMAX, Choice, chosen, pick_channel, pick_layer
from fmnist.dashboard.explain.subject import Subject
from fmnist.data.labels import IMAGE_SIZE, NO_GARMENT
from fmnist.reports import charts, glossary
from fmnist.text import number

_PAGE: Final = 32
_NETWORK: Final = "layers-network"


def show(subject: Subject) -> None:
    """The walk, the chosen layer, the chosen unit, and the filters of the first layer."""
    from fmnist.explain import feature_maps

    st.caption(
        "The image passes through the network layer by layer, from 28 × 28 pixels to the logits. "
        "Select a layer to see what it makes of the image; click a channel, then a unit, to see "
        "how its number comes about."
    )
    member = _choose_network(len(feature_maps.members(subject.classifier.model)))
    layers = feature_maps.walk(subject.classifier, subject.image, member=member)
    choice = chosen(layers, member, subject.classifier.output_names)
    steps, maps = st.columns([5, 7], gap="medium")
    with steps:
        _show_walk(choice)
    with maps:
        if choice.is_softmax:
            _show_probabilities(subject, choice)
        else:
            _show_output(choice)
    if not choice.is_softmax:
        unit_panel.show(subject, choice)
        exciting_images.show(subject, choice)
    _show_filters(subject, member)


def _choose_network(count: int) -> int:
    """Which network of an ensemble; 0 without a choice where there is only one."""
    if count == 1:
        return 0
    chosen: int = st.selectbox(
        "Network of the ensemble",
        range(count),
        key=_NETWORK,
        format_func=lambda number: f"Network {number + 1} of {count}",
        help="The ensemble averages the probabilities of these networks.",
        width=260,
    )
    return chosen


def _show_walk(choice: Choice) -> None:
    """A table with a row a layer; a click selects one."""
    import pandas as pd  # here, since the import takes a while

    layers = choice.layers
    frame = pd.DataFrame(
        {
            "Layer": [*(layer.key for layer in layers), SOFTMAX],
            "What it does": [*(layer.title for layer in layers), "Probabilities"],
            "Output": [*(layer.shape for layer in layers), str(len(choice.class_names))],
        }
    )

    def choose() -> None:
        rows = st.session_state["layers-walk"].selection.rows
        if rows:
            pick_layer(layers[rows[0]].key if rows[0] < len(layers) else SOFTMAX)

    row = len(layers) if choice.is_softmax else choice.index
    st.session_state["layers-walk"] = {"selection": {"rows": [row], "columns": [], "cells": []}}
    st.dataframe(
        frame,
        key="layers-walk",
        hide_index=True,
        on_select=choose,
        selection_mode="single-row",
        height=min(38 + 35 * len(frame), 460),
        alt="The layers with the shape of what each gives; select a row to see it",
    )
    st.caption(
        f"Input: {IMAGE_SIZE} × {IMAGE_SIZE}, normalized. Output: channels × height × width, or "
        "the length of a vector. Dropout does nothing here and is left out."
        + (
            " Tokens × numbers: each number is shown as a map over the patches of the image."
            if any(layer.output.ndim == 2 for layer in layers)
            else ""
        )
    )


def _show_probabilities(subject: Subject, choice: Choice) -> None:
    """What softmax makes of the logits; an ensemble's temperature comes after its members'."""
    from scipy import special  # here, since the import takes a while

    is_member = len(subject.classifier.models) > 1
    temperature = 1.0 if is_member else subject.classifier.temperature
    named = [n for n, name in enumerate(choice.output_names) if name != NO_GARMENT]
    logits = choice.layers[-1].output[named].astype(np.float64)
    probabilities = special.softmax(logits / temperature)
    label = int(probabilities.argmax()) if subject.true_label is None else subject.true_label
    st.markdown(f"**{SOFTMAX}: Probabilities**, {len(named)}")
    st.echarts_chart(
        charts.probability_bars(
            probabilities,
            true_label=label,
            names=("Probability (%)", ""),
            class_names=choice.class_names,
        ),
        key="layers-probabilities",
        height=320,
        renderer="svg",
        alt="Probability of each class",
    )
    divided = f", divided by the temperature {number(temperature, 4)}," if temperature != 1 else ""
    st.caption(
        f"e to the power of each logit{divided} over the sum of these powers: positive "
        "numbers that sum to 100%."
    )


def _show_output(choice: Choice) -> None:
    """What the chosen layer gives: a sheet of maps, or one picture of a vector."""
    layer = choice.layer
    st.markdown(
        f"**{layer.key}: {layer.title}**, {layer.shape}", help=glossary.short("feature_map")
    )
    if layer.output.ndim == 1 or layer.maps[0].size == 1:
        _show_vector(choice)
    else:
        _show_maps(choice)


def _show_vector(choice: Choice) -> None:
    layer = choice.layer
    values = layer.maps[:, 0, 0]
    unit_picture(
        values,
        key=f"layers-vector-{choice.index}",
        label=f"The {len(values):,} numbers of {layer.key}",
        limit=float(np.abs(values).max()),
        marked=choice.channel,
        on_pick=lambda unit: pick_channel(layer.key, unit),
        names=choice.classes or None,
        width=420 if len(values) > 16 else 36 * len(values),
    )
    st.caption(
        f"{len(values):,} numbers in rows: orange above 0, blue below, white at 0. Click one to "
        "see its sum."
    )


def _show_maps(choice: Choice) -> None:
    """The feature maps in pages, the strongest first."""
    layer = choice.layer
    maps, strength = layer.maps, layer.strength
    order = np.argsort(-strength, kind="stable")
    pages = -(-len(order) // _PAGE)
    with st.container(horizontal=True, vertical_alignment="center", key="layers-sheet-controls"):
        alone = st.toggle(
            "Scale each map by itself",
            key="layers-alone",
            persist_state="session",
            help="Off: one scale for all maps of the layer, so that weak maps look pale.",
        )
        key = f"layers-page-{choice.index}"
        page = min(st.session_state.get(key, 1), pages)
        if pages > 1:
            st.pagination(pages, key=key, width="content")
    shown = order[(page - 1) * _PAGE : page * _PAGE]
    peaks = np.abs(maps[shown]).max((1, 2), keepdims=True)
    limits = peaks if alone else np.full_like(peaks, np.abs(maps).max())
    colors = pictures.signed_colors(maps[shown] / np.where(limits > 0, limits, 1), 1.0)
    clickable.image_wall(
        [
            clickable.Tile(
                int(channel),
                (f"{channel}",),
                f"Channel {channel}, mean absolute value {number(strength[channel])}",
            )
            for channel in shown
        ],
        colors,
        key="layers-sheet",
        label=f"Feature maps of {layer.key}, strongest first",
        on_pick=lambda channel: pick_channel(layer.key, channel),
        marked=choice.channel,
        width=58,
    )
    silent = int((strength == 0).sum())
    are = "is" if silent == 1 else "are"
    st.caption(
        f"{len(order):,} channels by mean absolute value, the strongest first: orange above 0, "
        "blue below, white at 0."
        + (f" {silent:,} of them {are} 0 everywhere for this image." if silent else "")
    )


def _show_filters(subject: Subject, member: int) -> None:
    """The weights of the first layer, which looks at pixels."""
    from fmnist.explain import feature_maps

    model = feature_maps.members(subject.classifier.model)[member]
    name, filters = feature_maps.first_filters(model)
    st.markdown(f"**Filters of the first layer, {name}**")
    shown = filters[: 4 * _PAGE]
    clickable.image_wall(
        [clickable.Tile(i, (f"{i}",), f"Filter {i}") for i in range(len(shown))],
        pictures.signed_colors(shown, float(np.abs(shown).max())),
        key="layers-filters",
        label=f"Filters of {name}",
        on_pick=lambda channel: _open_filter(name, channel),
        width=58,
    )
    rest = f" The first {len(shown)} of {len(filters)}." if len(shown) < len(filters) else ""
    st.caption(
        f"{len(filters)} filters of {filters.shape[1]} × {filters.shape[2]} weights: orange "
        f"above 0, blue below.{rest} Click one to see its feature map."
    )


def _open_filter(layer: str, channel: int) -> None:
    pick_layer(layer)
    pick_channel(layer, channel)
