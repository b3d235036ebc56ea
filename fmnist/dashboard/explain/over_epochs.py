"""Over the epochs: filters, feature maps, Grad-CAM and probabilities, played from epoch 0 on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import failures, layout, pictures, session
from fmnist.dashboard.components import clickable
from fmnist.dashboard.explain.subject import Subject
from fmnist.errors import sentence
from fmnist.reports import charts, heat_maps
from fmnist.reports.text import percent
from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run
from fmnist.text import plain

if TYPE_CHECKING:
    from fmnist.explain.feature_maps import Layer
    from fmnist.explain.over_epochs import Frame

_SECONDS: Final = 0.6
_CHANNELS: Final = 16
_FILTERS: Final = 64
_NEXT: Final = "over-next"
_SHOWN: Final = "over-shown"
_SLIDER: Final = "over-epoch"
_LAYER: Final = "over-layer"


@dataclass(frozen=True, eq=False)
class Film:
    """What is played.

    Attributes
    ----------
    subject : Subject
    epochs : sequence of int
        Those whose weights are there, from 0 on.
    layer : Layer
        Of the saved weights, whose feature maps are shown.
    channels : tuple of int
        Its strongest channels.
    """

    subject: Subject
    epochs: Sequence[int]
    layer: "Layer"
    channels: tuple[int, ...]

    def frame(self, epoch: int) -> "Frame":
        """What the weights of an epoch make of the image."""
        path = self.subject.run.epoch_weights_path(epoch)
        found: Frame = _frame(
            path,
            path.stat().st_mtime_ns,
            self.subject.key,
            self.layer.key,
            self.channels,
            self.subject.predicted_label,
            self.subject.image,
        )
        return found


@st.cache_resource(show_spinner=False, max_entries=512)
def _frame(
    path: Path,
    modified: int,  # noqa: ARG001 - part of the key
    subject: tuple[object, ...],  # noqa: ARG001 - part of the key
    layer: str,
    channels: tuple[int, ...],
    label: int,
    _image: NDArray[np.uint8],
) -> "Frame":
    from fmnist.explain import over_epochs
    from fmnist.models.classifier import Classifier

    return over_epochs.frame(
        Classifier.load(path), _image, layer=layer, channels=channels, label=label
    )


def show(subject: Subject) -> None:
    """The film and its controls, or which setting a run needs for it."""
    epochs = subject.run.epochs_with_weights()
    if len(epochs) < 2:
        _show_what_is_needed(subject)
        return
    film = _film(subject, epochs)
    if _place(film) is None:
        _draw(film)
    else:
        failures.fragment(_draw, run_every=_SECONDS)(film)


def _show_what_is_needed(subject: Subject) -> None:
    """Which setting saves the weights of each epoch."""
    if subject.run.members:
        st.info(
            "An ensemble has no epochs of its own. Where its members are among your runs, select "
            "one of them in the sidebar.",
            icon=":material/movie:",
        )
        return
    setting = TrainConfig.settings()["epoch_weights"]
    st.info(
        "This run has not saved the weights of its epochs. Train one with the setting "
        f"**{setting.title}: {setting.titles['float16']}** ({setting.group}) to play how it "
        "learned.",
        icon=":material/movie:",
    )
    layout.train_link()


def _which_epochs(run: Run, epochs: Sequence[int]) -> str:
    initial = " Epoch 0 has the initial weights, before any training." if 0 in epochs else ""
    trained, there = len(run.history.epochs), len([epoch for epoch in epochs if epoch > 0])
    which = "every epoch" if there >= trained else f"{there} of the {trained} epochs"
    return f"The same image after {which}.{initial}"


def _film(subject: Subject, epochs: Sequence[int]) -> Film:
    """The film of the chosen layer."""
    from fmnist.explain import feature_maps, over_epochs

    st.caption(_which_epochs(subject.run, epochs))
    steps = {step.key: step for step in feature_maps.walk(subject.classifier, subject.image)}
    maps = [key for key, step in steps.items() if step.output.ndim > 1] or list(steps)
    if st.session_state.get(_LAYER) not in maps:
        st.session_state[_LAYER] = maps[0]
    key = st.selectbox(
        "Layer whose feature maps are shown",
        maps,
        key=_LAYER,
        format_func=lambda name: f"{name}: {steps[name].title}, {steps[name].shape}",
        width=320,
    )
    layer = steps[key]
    return Film(subject, epochs, layer, over_epochs.strongest_channels(layer, _CHANNELS))


def _place(film: Film) -> int | None:
    """Position in `Film.epochs` of the frame to play next; None while nothing plays."""
    run, position = st.session_state.get(_NEXT, ("", 0))
    return position if run == film.subject.run.run_id and position < len(film.epochs) else None


def _draw(film: Film) -> None:
    position = _place(film)
    if position is None:
        if st.session_state.get(_SLIDER) not in film.epochs:
            session.sync_widget(_SLIDER, film.epochs[0])
        epoch = st.session_state[_SLIDER]
    else:
        epoch = st.session_state[_SHOWN] = film.epochs[position]
        st.session_state[_NEXT] = (film.subject.run.run_id, position + 1)
    _show_controls(film, epoch, plays=position is not None)
    try:
        frame = film.frame(epoch)
    except failures.EXPECTED as error:
        if position is not None:  # it would be read again and again
            _stop()
            st.rerun()
        failures.tell(sentence(error, f"Epoch {epoch} cannot be shown; choose another one"))
        return
    _show_frame(film, frame, epoch)
    if position is not None and position + 1 >= len(film.epochs):
        _stop()
        st.rerun()


def _show_controls(film: Film, epoch: int, *, plays: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="over-controls"):
        st.button(
            "Stop" if plays else "Play",
            key="over-play",
            icon=":material/stop:" if plays else ":material/play_arrow:",
            on_click=_stop if plays else _start,
            args=() if plays else (film,),
        )
        about: dict[str, Any] = {"label": "Epoch", "options": film.epochs, "width": "stretch"}
        if plays:
            # not the slider that people move: see fmnist/dashboard/confusion/playback.py
            st.session_state["over-playing"] = epoch
            st.select_slider(**about, key="over-playing", disabled=True)
        else:
            st.select_slider(**about, key=_SLIDER)


def _start(film: Film) -> None:
    """Start at the epoch on screen, or at the first if that is the last."""
    shown = st.session_state.get(_SLIDER, film.epochs[0])
    position = list(film.epochs).index(shown) if shown in film.epochs else 0
    st.session_state[_NEXT] = (
        film.subject.run.run_id, 0 if position + 1 >= len(film.epochs) else position
    )  # fmt: skip


def _stop() -> None:
    """Stay at the epoch on screen."""
    st.session_state.pop(_NEXT, None)
    st.session_state[_SLIDER] = st.session_state[_SHOWN]


def _show_frame(film: Film, frame: "Frame", epoch: int) -> None:
    """Everything there is of an epoch, drawn in place."""
    subject = film.subject
    label = int(frame.probabilities.argmax())
    entry = next((entry for entry in subject.run.history.epochs if entry.epoch == epoch), None)
    measured = f"; {entry.split} accuracy {percent(entry.accuracy)}" if entry else ""
    when = "Initial weights" if epoch == 0 else f"Epoch {epoch}"
    st.markdown(
        f"**{when}: {plain(subject.class_names[label])}, "
        f"{percent(frame.probabilities[label], 0)}**{measured}"
    )
    left, right = st.columns([5, 7], gap="medium")
    with left:
        _show_grad_cam(film, frame)
        _show_probabilities(film, frame)
    with right:
        _show_maps(film, frame)
        _show_filters(film, frame)


def _show_grad_cam(film: Film, frame: "Frame") -> None:
    image, label = film.subject.image, film.subject.predicted_label
    if frame.grad_cam is None:
        st.caption("Without a convolution there is no Grad-CAM.")
        return
    shown = [np.repeat(image[..., None], 3, axis=2), heat_maps.overlay(image, frame.grad_cam, 0.7)]
    titles = ("Model input", f"Grad-CAM: {film.subject.class_names[label]}")
    clickable.image_wall(
        [clickable.Tile(i, (title,), title) for i, title in enumerate(titles)],
        np.stack(shown),
        key="over-grad-cam",
        label="The image, and where the network looks for the class",
        on_pick=lambda _: None,
        width=140,
    )


def _show_probabilities(film: Film, frame: "Frame") -> None:
    true = film.subject.true_label
    st.echarts_chart(
        charts.probability_bars(
            frame.probabilities,
            true_label=int(frame.probabilities.argmax()) if true is None else true,
            names=("Probability (%)", ""),
            class_names=film.subject.class_names,
        ),
        key="over-probabilities",
        height=280,
        renderer="svg",
        alt="Probability of each class after this epoch",
    )


def _show_maps(film: Film, frame: "Frame") -> None:
    limit = float(np.abs(film.layer.maps).max())
    st.markdown(f"**Feature maps of {film.layer.key}**")
    clickable.image_wall(
        [clickable.Tile(c, (f"{c}",), f"Channel {c}") for c in film.channels],
        pictures.signed_colors(frame.maps, limit),
        key="over-maps",
        label=f"Feature maps of {film.layer.key} after this epoch",
        on_pick=lambda _: None,
        width=62,
    )


def _show_filters(film: Film, frame: "Frame") -> None:
    from fmnist.explain import feature_maps

    name, final = feature_maps.first_filters(film.subject.classifier.model)
    st.markdown(f"**Filters of the first layer, {name}**")
    clickable.image_wall(
        [clickable.Tile(i, (), f"Filter {i}") for i in range(len(frame.filters[:_FILTERS]))],
        pictures.signed_colors(frame.filters[:_FILTERS], float(np.abs(final).max())),
        key="over-filters",
        label=f"Filters of {name} after this epoch",
        on_pick=lambda _: None,
        width=50,
    )
    st.caption(
        "Orange above 0, blue below, white at 0; the colors have the scale of the run's saved "
        f"weights. The channels are the {len(film.channels)} strongest of these."
    )
