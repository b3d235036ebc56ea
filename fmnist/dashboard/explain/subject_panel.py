"""The upper part of the Explain page: what to explain, and what the model predicts for it."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import failures, pictures, session
from fmnist.dashboard.context import PageContext
from fmnist.dashboard.explain.subject import NoSubjectError, Subject, gather_subject
from fmnist.dashboard.selection import SUBJECT_TITLES, in_words
from fmnist.reports.text import percent
from fmnist.text import plain

_WIDTH: Final = 84


def show_choice(context: PageContext) -> None:
    """What to explain: an image, the drawing or an average; and steps from image to image."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="explain-choice"):
        session.sync_widget("explain-subject", context.selection.subject)
        st.segmented_control(
            "Explain",
            list(SUBJECT_TITLES),
            key="explain-subject",
            format_func=SUBJECT_TITLES.__getitem__,
            required=True,
            width="content",
            help="An image of the split, what is on the canvas of the Draw page, or the average "
            "over the filtered images.",
            on_change=lambda: session.change(subject=st.session_state["explain-subject"]),
        )
        if context.selection.subject == "drawing":
            st.page_link("pages/draw.py", label="Draw or upload", icon=":material/draw:")
        elif context.selection.subject == "image":
            _show_steps(context)


def _show_steps(context: PageContext) -> None:
    """Buttons to the previous and to the next of the filtered images."""
    sequence = context.snapshot.evaluation.indices[context.positions]
    found = np.flatnonzero(sequence == context.selection.image)
    place = int(found[0]) if len(found) else (0 if context.selection.image is None else None)
    for title, icon, shortcut, step in (
        ("Previous", ":material/chevron_left:", "Left", -1),
        ("Next", ":material/chevron_right:", "Right", 1),
    ):
        reachable = place is not None and 0 <= place + step < len(sequence)
        target = int(sequence[place + step]) if place is not None and reachable else None
        st.button(
            title,
            key=f"explain-{title.lower()}",
            icon=icon,
            shortcut=shortcut,
            disabled=not reachable,
            on_click=session.change,
            kwargs={"image": target},
        )


def show_subject(context: PageContext) -> Subject | None:
    """The image and its prediction; None, with the reason on the page, if there is none."""
    try:
        subject = gather_subject(context)
    except NoSubjectError as error:
        st.info(str(error), icon=":material/image_search:")
        return None
    except failures.EXPECTED as error:
        from fmnist.dashboard.draw.models import load_error

        failures.tell(load_error(error, context.run), icon=":material/broken_image:")
        return None
    with st.container(horizontal=True, vertical_alignment="center", key="explain-head"):
        picture = pictures.enlarge(subject.image, _WIDTH)
        st.image(picture, width=_WIDTH, alt=subject.title)
        with st.container(gap="xsmall"):
            st.markdown(f"**{subject.title}**")
            what = "The mean image is predicted" if subject.kind == "average" else "Predicted"
            told = _prediction(
                subject, subject.probabilities, subject.class_names, subject.names[0]
            )
            lines = [f"{what} {told}"]
            if subject.other_probabilities is not None and subject.other_classifier is not None:
                names = subject.other_classifier.class_names
                lines.append(
                    _prediction(subject, subject.other_probabilities, names, subject.names[1])
                )
            st.markdown("  \n".join(lines))
            if subject.kind == "average":
                filters = context.selection.active_filters().items()
                st.caption(
                    " · ".join(in_words(*given, context.class_names) for given in filters)
                    or "All images"
                )
            if context.selection.epoch is not None:
                st.caption("Explained with the run's saved weights, not those of this epoch.")
    return subject


def _prediction(
    subject: Subject, probabilities: NDArray[np.float32], class_names: Sequence[str], name: str
) -> str:
    """What a model predicts, in a line of Markdown: "as Shirt, 60.0%, then …"."""
    second, first = (int(label) for label in np.argsort(probabilities)[-2:])
    predicted = plain(class_names[first])
    if subject.true_label not in (None, first):
        predicted = f":red[{predicted}]"
    return (
        f"as **{predicted}**, {percent(probabilities[first], 1)}, then "
        f"{plain(class_names[second])}, "
        f"{percent(probabilities[second], 1)}, by {plain(name)}"
    )
