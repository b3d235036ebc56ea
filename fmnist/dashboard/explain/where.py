"""Where it looks: how much each part of the image speaks for a class."""

import functools
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import cache, pictures, session
from fmnist.dashboard.explain import maps
from fmnist.dashboard.explain.maps import Explanation, Question
from fmnist.dashboard.explain.subject import Subject, mean_image, weights_key
from fmnist.dashboard.selection import ClassChoice
from fmnist.data.labels import IMAGE_SIZE
from fmnist.reports import glossary, heat_maps
from fmnist.reports.heat_maps import Panel
from fmnist.reports.text import UNKNOWN, counted
from fmnist.text import plain

if TYPE_CHECKING:
    from fmnist.explain.attributions import Explainer, Layer, Settings

_WIDTH: Final = 250
_COUNTS: Final = (25, 50, 100, 200)
_METHOD: Final = "explain-method"
_CLASS: Final = "explain-class"
_AGAINST: Final = "explain-against"
_NAMED: Final = {"predicted": "Predicted class", "true": "True class"}
_WINDOWS: Final = (3, 5, 7, 9)
_STEPS: Final = (20, 50, 100, 300)
_NEAR: Final = 0.05
"""Part of the score that the sum of integrated gradients may miss before the page tells why."""


@dataclass(frozen=True, eq=False)
class Shown:
    """What the section shows; gathered once, then only read.

    Attributes
    ----------
    subject : Subject
    question : Question
    settings : Settings
    strength : float
        Opacity of the overlay, in [0, 1].
    explained : sequence of (str, Explanation)
        The runs' names and answers: the open run, then the compared one.
    """

    subject: Subject
    question: Question
    settings: "Settings"
    strength: float
    explained: tuple[tuple[str, Explanation], ...]

    @cached_property
    def image(self) -> NDArray[np.uint8]:
        """What the maps lie over; of an average, the mean of the images that are explained."""
        return mean_image(self.subject.images[: len(self.question.labels)])

    @property
    def image_title(self) -> str:
        """What `image` is, in words."""
        return "Mean of these images" if self.subject.kind == "average" else "Model input"

    def overlay(self, map: NDArray[np.floating]) -> NDArray[np.uint8]:
        """A map over the image."""
        return heat_maps.overlay(self.image, map, self.strength)


def show(subject: Subject) -> None:
    """Where the model looks: controls, maps, what they mean, and a check."""
    explainer = cache.explainer(subject.run, subject.classifier)
    with st.container(horizontal=True, vertical_alignment="bottom", key="explain-controls"):
        method = _choose_method(explainer)
        question = _choose_question(subject)
        settings = _choose_settings(explainer, method)
    strength: int = st.session_state.get("explain-strength", 70)
    if question.is_empty:
        st.info("Choose two different classes to contrast.", icon=":material/compare_arrows:")
        return
    above = st.container()
    with above:
        shown = _gather(subject, explainer, question, settings, strength / 100)
        _show_maps(shown)
    _show_notes(shown, explainer)
    with st.container(horizontal=True, vertical_alignment="bottom", key="explain-actions"):
        st.slider(
            "Strength of the overlay",
            0,
            100,
            70,
            key="explain-strength",
            format="%d%%",
            persist_state="session",
            width=200,
        )
        _export(shown)
        check = st.toggle(
            "Compare with random weights",
            key="explain-check",
            persist_state="session",
            help=glossary.short("sanity_check"),
        )
    if check:
        _show_check(shown)


def _choose_method(explainer: "Explainer") -> Any:
    from fmnist.explain.attributions import METHODS

    asked = session.selection().method
    session.sync_widget(_METHOD, asked if asked in explainer.methods else explainer.methods[0])
    return st.segmented_control(
        "Method",
        explainer.methods,
        key=_METHOD,
        format_func=lambda name: METHODS[name].title,
        required=True,
        width="content",
        on_change=lambda: session.change(method=st.session_state[_METHOD]),
        help=glossary.short("attribution"),
    )


def _choose_question(subject: Subject) -> Question:
    """The class to explain, and the one to contrast it with."""
    names = subject.class_names
    classes = range(len(names))
    named = [name for name in _NAMED if name != "true" or subject.labels is not None]
    options: list[ClassChoice] = [*named, *classes]
    asked = session.selection()
    title = functools.partial(_choice_title, names)
    session.sync_widget(_CLASS, asked.why if asked.why in options else options[0])
    chosen: ClassChoice = st.selectbox(
        "Why",
        options,
        key=_CLASS,
        format_func=title,
        on_change=lambda: session.change(why=st.session_state[_CLASS]),
        width=150,
    )
    session.sync_widget(_AGAINST, asked.against if asked.against in options else None)
    against: ClassChoice | None = st.selectbox(
        "and not",
        options,
        key=_AGAINST,
        format_func=title,
        placeholder="No contrast",
        index=None,
        on_change=lambda: session.change(against=st.session_state[_AGAINST]),
        width=177,
        help="Explains the difference of the two classes' logits: what speaks for the one and "
        "not for the other.",
    )
    count = len(subject.images)
    if subject.kind == "average":
        counts = [n for n in _COUNTS if n < count] + [min(count, _COUNTS[-1])]
        _forget_unless_in("explain-count", counts)
        count = (
            st.select_slider(
                "Images",
                counts,
                value=counts[0],
                key="explain-count",
                persist_state="session",
                width=140,
                help="The mean of the maps of this many images, the first of the filtered ones.",
            )
            if len(counts) > 1
            else counts[0]
        )
    labels = _labels(subject, chosen, count)
    if against is None:
        return Question(labels, None, (_name(names, chosen, labels), ""))
    others = _labels(subject, against, count)
    titles = (_name(names, chosen, labels), _name(names, against, others))
    return Question(labels, others, titles)


def _name(names: Sequence[str], choice: ClassChoice, labels: NDArray[np.int64]) -> str:
    """The class that was chosen, in words; of several images it may be a different one of each."""
    if isinstance(choice, str) and len(np.unique(labels)) > 1:
        return f"the {_NAMED[choice].lower()}"
    return names[int(labels[0])]


def _forget_unless_in(key: str, options: Any) -> None:
    """Go back to the default where another image or model lacks what was chosen."""
    if key in st.session_state and st.session_state[key] not in options:
        del st.session_state[key]


def _choice_title(names: Sequence[str], choice: ClassChoice) -> str:
    return names[choice] if isinstance(choice, int) else _NAMED[choice]


def _labels(subject: Subject, choice: ClassChoice, count: int) -> NDArray[np.int64]:
    if isinstance(choice, int):
        return np.full(count, choice, np.int64)
    if choice == "true":
        assert subject.labels is not None
        return subject.labels[:count].astype(np.int64)
    return maps.predicted_labels(subject)[:count]


def _choose_settings(explainer: "Explainer", method: Any) -> "Settings":
    """The settings of the method, in a popover."""
    from fmnist.explain.attributions import Settings

    with st.popover("Settings", icon=":material/tune:"):
        if method == "grad-cam":
            names = [layer.name for layer in reversed(explainer.layers)]
            titles = {layer.name: layer.title for layer in explainer.layers}
            _forget_unless_in("explain-layer", names)
            layer: str = st.selectbox(
                "Layer",
                names,
                key="explain-layer",
                format_func=titles.__getitem__,
                persist_state="session",
                help="The last convolution is the usual choice. Earlier ones are finer, and know "
                "less about whole garments.",
            )
            relu = st.toggle(
                "Only what speaks for the class (ReLU)",
                value=True,
                key="explain-relu",
                persist_state="session",
                help="As published. Without it the map also shows, in blue, what speaks against.",
            )
            return Settings(method, layer=layer, relu=relu)
        if method == "occlusion":
            window = st.segmented_control(
                "Side of the black square (pixels)",
                _WINDOWS,
                default=Settings.window,
                key="explain-window",
                required=True,
                persist_state="session",
            )
            return Settings(method, window=window, stride=max(1, window // 2))
        steps = st.segmented_control(
            "Steps from black to the image",
            _STEPS,
            default=Settings.steps,
            key="explain-steps",
            required=True,
            persist_state="session",
            help="More steps are slower, and bring the sum closer to the score.",
        )
        return Settings(method, steps=steps)


def _gather(
    subject: Subject,
    explainer: "Explainer",
    question: Question,
    settings: "Settings",
    strength: float,
) -> Shown:
    """Compute the maps of the run and of the compared run."""
    key = (*weights_key(subject.run), "trained")
    answer = maps.explain(explainer, subject, question, settings, key=key)
    explained = [(subject.names[0], answer)]
    if subject.other_run is not None and subject.other_classifier is not None:
        other = cache.explainer(subject.other_run, subject.other_classifier)
        if settings.method in other.methods and _other_knows(subject, question):
            key = (*weights_key(subject.other_run), subject.other_classifier.temperature, "other")
            answer = maps.explain(other, subject, question, settings, key=key)
            explained.append((subject.names[1], answer))
    return Shown(subject, question, settings, strength, tuple(explained))


def _other_knows(subject: Subject, question: Question) -> bool:
    """Whether the compared run has the classes that are asked about, also the own ones."""
    assert subject.other_classifier is not None
    own, others = subject.class_names, subject.other_classifier.class_names
    asked = [question.labels] if question.against is None else [question.labels, question.against]
    return all(own[label] in others[label : label + 1] for label in np.unique(asked))


def _show_maps(shown: Shown) -> None:
    several = len(shown.explained) > 1
    if several:
        st.markdown(f"**{plain(shown.question.title)}**")
    with st.container(horizontal=True, key="explain-maps"):
        _show_picture(shown.image, shown.image_title, "", alt=shown.subject.title)
        for whose, (name, answer) in zip(("", ", compared run"), shown.explained, strict=False):
            _show_picture(
                shown.overlay(answer.map),
                plain(name) if several else f"**{plain(shown.question.title)}**",
                _figures(shown, answer),
                alt=f"{shown.question.title} The map over the image{whose}",
            )
    problem = shown.subject.other_problem
    if shown.subject.other_run is not None and not several:
        problem = f"{shown.subject.names[1]} has no convolution: Grad-CAM does not apply."
        if shown.subject.other_classifier and not _other_knows(shown.subject, shown.question):
            problem = f"{shown.subject.names[1]} does not know this class."
    if problem:
        st.caption(f":material/info: {plain(problem)}")
    st.caption(
        f":orange[■] speaks for the score, {plain(shown.question.score)}"
        + (" · :blue[■] speaks against it" if shown.settings.is_signed else "")
        + " · full color: the largest value of each map"
    )


def _show_picture(picture: NDArray[np.uint8], title: str, text: str, *, alt: str) -> None:
    with st.container(width=_WIDTH + 8, gap="xsmall"):
        st.markdown(title)
        st.image(pictures.enlarge(picture, _WIDTH), width=_WIDTH, alt=alt)
        if text:
            st.caption(text)


def _figures(shown: Shown, answer: Explanation) -> str:
    """The numbers below a map."""
    text = f"Score {_number(answer.score)}"
    if shown.subject.kind == "average":
        text = f"Mean of {counted(len(shown.question.labels), 'image')}, {text.lower()}"
    if shown.settings.method == "integrated-gradients":
        text += (
            f", of a black image {_number(answer.black_score)}: difference "
            f"{_number(answer.score - answer.black_score)}; the pixels sum to "
            f"{_number(float(answer.map.sum()))}"
        )
        text += _why_far(answer, shown.settings.steps)
    elif shown.settings.method == "occlusion":
        text += f"; hiding the strongest spot takes {_number(float(answer.map.max()))}"
    elif not answer.map.any():
        text += "; nothing in this layer speaks for it"
    return text + (f"  \n{answer.layer}" if answer.layer else "")


def _why_far(answer: Explanation, steps: int) -> str:
    """Why the pixels sum to another number than the difference of the scores, if they do."""
    difference = answer.score - answer.black_score
    if abs(float(answer.map.sum()) - difference) <= _NEAR * abs(difference):
        return ""
    remedy = "; more of them, under Settings, bring the two nearer" if steps < _STEPS[-1] else ""
    return f". They differ since {steps} steps only approximate the integral{remedy}"


def _show_notes(shown: Shown, explainer: "Explainer") -> None:
    """What the method claims and does not claim."""
    from fmnist.explain.attributions import METHODS

    method = METHODS[shown.settings.method]
    st.markdown(
        f"**{method.title}** shows {method.claims}  \n**Limits**: {method.limits} "
        f":gray[({method.source})]"
    )
    if "grad-cam" not in explainer.methods:
        st.caption("Grad-CAM needs a convolution, and this network has none.")
    if shown.settings.method != "grad-cam":
        return
    layer = explainer.layer(shown.settings.layer)
    height, width = layer.size
    note = f"This layer sees the image as {height}×{width} cells, " + (
        f"each {IMAGE_SIZE / height:.3g} pixels wide. The map is enlarged."
        if height < IMAGE_SIZE
        else "one for each pixel."
    )
    if layer.is_members:
        note += " It belongs to one member of the ensemble; the score is that of the whole."
    elif len(explainer.layers) == 1:
        note += (
            " It is the network's only convolution: the map shows what the first layer passes on."
        )
    with st.container(horizontal=True, vertical_alignment="center", key="explain-resolution"):
        st.caption(note, width="content")
        finer, last = explainer.finer(layer), explainer.layer(None)
        if finer is not None:
            _layer_button(finer, "finer", ":material/zoom_in:")
        if layer != last:
            _layer_button(last, "last", ":material/zoom_out:")


def _layer_button(layer: "Layer", key: str, icon: str) -> None:
    st.button(
        f"Show {layer.size[0]}×{layer.size[1]}",
        key=f"explain-{key}",
        icon=icon,
        help=layer.title,
        on_click=_choose_layer,
        args=(layer.name,),
    )


def _choose_layer(name: str) -> None:
    st.session_state["explain-layer"] = name


def _export(shown: Shown) -> None:
    """Download buttons: the maps as a picture and as numbers."""
    from fmnist.explain.attributions import METHODS

    subject, (_, answer) = shown.subject, shown.explained[0]
    name = f"{shown.settings.method}-{subject.run.run_id}-" + (
        subject.kind if subject.index is None else str(subject.index)
    )

    def as_png() -> bytes:
        panels = [Panel(shown.image, [subject.title])]
        panels += [
            Panel(shown.overlay(answer.map), [name, f"score {answer.score:.2f}", answer.layer])
            for name, answer in shown.explained
        ]
        return heat_maps.figure(
            panels,
            title=f"{METHODS[shown.settings.method].title}: {shown.question.title}",
            legend="Orange speaks for it"
            + (", blue against it." if shown.settings.is_signed else "."),
        )

    def as_csv() -> bytes:
        text = io.StringIO()
        np.savetxt(text, answer.map, delimiter=",", fmt="%.6g")
        return text.getvalue().encode()

    def as_npy() -> bytes:
        buffer = io.BytesIO()
        np.save(buffer, answer.map)
        return buffer.getvalue()

    with st.popover("Export", icon=":material/download:"):
        for kind, label, mime, data in (
            ("png", "PNG", "image/png", as_png),
            ("csv", "CSV (28×28)", "text/csv", as_csv),
            ("npy", "NumPy", "application/octet-stream", as_npy),
        ):
            st.download_button(
                label,
                data=data,
                file_name=f"{name}.{kind}",
                mime=mime,
                key=f"explain-{kind}",
                on_click="ignore",
                width="stretch",
            )


def _show_check(shown: Shown) -> None:
    """The same map from networks with random weights, and how similar it is."""
    from fmnist.explain import sanity

    subject, (_, answer) = shown.subject, shown.explained[0]
    found = []
    for seed in range(maps.UNTRAINED):
        network = maps.untrained(subject.run, subject.classifier, seed)
        key = (*weights_key(subject.run), "untrained", seed)
        found.append(maps.explain(network, subject, shown.question, shown.settings, key=key))
    st.markdown("**The same map from networks with random weights**")
    similarities = [sanity.similarity(answer.map, other.map) for other in found]
    with st.container(horizontal=True, key="explain-check-maps"):
        for seed, (other, alike) in enumerate(zip(found, similarities, strict=True)):
            _show_picture(
                shown.overlay(other.map),
                f"Random weights {seed + 1}",
                f"Rank correlation {_number(alike.spearman)}"
                + (
                    f", of absolute values {_number(alike.spearman_absolute)}"
                    if shown.settings.is_signed
                    else ""
                )
                + f"; structural similarity {_number(alike.ssim)}",
                alt=f"The map of a network with random weights, seed {seed}",
            )
    rank = float(np.mean([alike.spearman_absolute for alike in similarities]))
    of_what = " of the absolute values" if shown.settings.is_signed else ""
    st.markdown(
        f"Mean rank correlation{of_what}: **{_number(rank)}**. "
        "Near 0 or below, the map depends on what the network has learned. Near 1 it would look "
        "the same without any training, so it explains nothing about it (Adebayo et al. 2018)."
    )


def _number(value: float) -> str:
    return UNKNOWN if np.isnan(value) else f"{value:.2f}".replace("-", "−")
