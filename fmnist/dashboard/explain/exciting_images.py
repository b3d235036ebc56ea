"""The training images that excite a channel most."""

from typing import Final

import numpy as np
import streamlit as st

from fmnist.dashboard import cache
from fmnist.dashboard.components import clickable
from fmnist.dashboard.explain import kept
from fmnist.dashboard.explain.choice import Choice
from fmnist.dashboard.explain.own_data import affordable, own_dataset
from fmnist.dashboard.explain.subject import Subject, weights_key
from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import stratified_subset
from fmnist.reports.text import counted
from fmnist.text import number

_SHOWN: Final = 16
_MOST: Final = 3000


def show(subject: Subject, choice: Choice) -> None:
    """The images, or a button that looks for them, for all channels of the layer at once."""
    from fmnist.explain import feature_maps

    layer = choice.layer
    if layer.title == "Flatten":
        return  # the same numbers as in the maps before it
    noun = "channel" if layer.maps[0].size > 1 else "unit"
    st.markdown(
        f"**Training images that excite {choice.named(choice.channel)} of {layer.key} most**"
    )
    dataset = own_dataset(subject.run)
    if dataset is None or subject.run.config is None:
        return
    split = cache.split(dataset, dataset.checksum, subject.run.config.protocol, "train")
    count = affordable(subject.classifier.models, _MOST)
    chosen = stratified_subset(split.labels, count, seed=0)
    key = (
        "excitement", *weights_key(subject.run), dataset.checksum, layer.key, choice.member, count
    )  # fmt: skip
    note = (
        f"Looks at {counted(len(chosen), 'training image')}, the same number of each class, for "
        f"all {len(layer.maps):,} {noun}s of this layer at once."
    )
    if not kept.is_asked_for(key, "Find these images", note, button="exciting-find"):
        return
    peaks = kept.result(
        key,
        lambda progress: feature_maps.excitement(
            subject.classifier,
            split.images[chosen],
            layer.name,
            call=layer.call,
            member=choice.member,
            progress=progress,
        ),
        doing="Looking for images…",
    )[:, choice.channel]
    best = np.argsort(-peaks, kind="stable")[:_SHOWN]
    names = [CLASS_NAMES[label] for label in split.labels[chosen[best]]]
    clickable.image_wall(
        [
            clickable.Tile(
                int(split.indices[chosen[i]]),
                (name, number(peaks[i])),
                f"Training image {split.indices[chosen[i]]}, {name}, highest value "
                f"{number(peaks[i])}",
            )
            for i, name in zip(best, names, strict=True)
        ],
        split.images[chosen[best]],
        key="exciting-images",
        label=f"Images that excite {choice.named(choice.channel)} most",
        on_pick=lambda _: None,
        width=68,
    )
    st.caption(
        f"The {len(best)} of {counted(len(chosen), 'training image')} with the highest value "
        f"anywhere in the map of this {noun}."
    )
