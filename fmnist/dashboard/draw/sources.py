"""What the Draw page begins with: examples, a real test image, a picture brought along."""

from typing import Any, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import layout
from fmnist.dashboard.components import clickable
from fmnist.dashboard.draw import board as draw_board
from fmnist.dashboard.draw.board import TestImage
from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import Dataset
from fmnist.data.synthetic.strokes import Drawing
from fmnist.sketchpad import canvas, examples
from fmnist.sketchpad.uploads import MAX_BYTES, PictureError, read_picture

_FILES: Final = ["png", "jpg", "jpeg", "webp"]
_WALL: Final = 9
_SEED: Final = "draw-seed"
_CLASS: Final = "draw-class"
_PROBLEM: Final = "draw-problem"
_UPLOADS: Final = "draw-uploads"


def show() -> None:
    """The ways to begin, a tab each."""
    st.subheader("Or begin with", anchor=False)
    drawings, images, pictures = st.tabs(
        ["An example", "A real test image", "A picture of yours"],
        key="draw-sources",
        on_change="rerun",
    )
    with drawings:
        show_examples()
    if images.open:  # not before: it may be the first to load the data set
        with images:
            show_test_images()
    with pictures:
        show_upload()


def show_examples() -> None:
    """Drawings that came along: a click puts one on the canvas."""
    with st.container(horizontal=True, key="draw-examples"):
        for name, drawing in examples.examples().items():
            st.button(name, key=f"draw-example-{name}", on_click=_draw, args=(drawing,))
    st.caption("Drawn by hand, like yours. Change one, and see when the answer changes.")


def _draw(drawing: Drawing) -> None:
    shapes = canvas.from_strokes(drawing)
    draw_board.begin(shapes, canvas.picture_of(shapes))


def show_test_images() -> None:
    """Real images, to be painted over."""
    dataset = layout.load_dataset()
    if dataset is None:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Class",
            range(len(CLASS_NAMES)),
            index=None,
            format_func=CLASS_NAMES.__getitem__,
            placeholder="Any class",
            key=_CLASS,
            persist_state="session",
            width=200,
        )
        st.button(
            "Surprise me",
            key="draw-surprise",
            icon=":material/casino:",
            help="Any image of the class.",
            on_click=_surprise,
            args=(dataset,),
        )
        st.button("Others", key="draw-others", icon=":material/shuffle:", on_click=_reshuffle)
    label: int | None = st.session_state.get(_CLASS)
    rng = np.random.default_rng(st.session_state.setdefault(_SEED, 0))
    among = _members(dataset, label)
    shown = rng.choice(among, min(_WALL, len(among)), replace=False)
    names = [CLASS_NAMES[dataset.test_labels[index]] for index in shown]
    clickable.image_wall(
        [
            clickable.Tile(int(index), (name,), f"Paint over test image {index}, {name}")
            for index, name in zip(shown, names, strict=True)
        ],
        dataset.test_images[shown],
        key="draw-test-images",
        label="Test images to paint over",
        on_pick=lambda index: _paint_over(dataset, index),
        width=76,
    )
    st.caption(
        "Paint over one with white or black, and see what it takes to change the answer. The marks "
        "on the bars are the image's own probabilities, before you painted."
    )


def _members(dataset: Dataset, label: int | None) -> NDArray[np.integer[Any]]:
    if label is None:
        return np.arange(len(dataset.test_labels))
    return np.flatnonzero(dataset.test_labels == label)


def _paint_over(dataset: Dataset, index: int) -> None:
    draw_board.begin(
        [], image=TestImage(index, int(dataset.test_labels[index]), dataset.test_images[index])
    )


def _surprise(dataset: Dataset) -> None:
    among = _members(dataset, st.session_state.get(_CLASS))
    _paint_over(dataset, int(np.random.default_rng().choice(among)))


def _reshuffle() -> None:
    st.session_state[_SEED] = st.session_state.get(_SEED, 0) + 1


def show_upload() -> None:
    """A picture from a file, or from the clipboard."""
    uploads = st.session_state.setdefault(_UPLOADS, 0)
    left, right = st.columns(2, gap="medium")
    with left:
        st.file_uploader(
            "A photograph or a drawing (PNG, JPEG or WebP)",
            type=_FILES,
            key=f"draw-upload-{uploads}",
            max_upload_size=MAX_BYTES // 2**20,
            on_change=_uploaded,
            args=(f"draw-upload-{uploads}",),
        )
    with right:
        st.markdown(":small[Or copy one, click here, paste it (Ctrl+V), and press Enter]")
        st.chat_input(
            "Paste a picture here",
            key="draw-paste",
            accept_file=True,
            file_type=_FILES,
            max_upload_size=MAX_BYTES // 2**20,
            on_submit=_pasted,
        )
    problem = st.session_state.pop(_PROBLEM, None)
    if problem:
        st.error(problem, icon=":material/broken_image:")
    st.caption(
        "One garment on a plain background works best. The picture stays on the machine that this "
        "app runs on, and is not kept."
    )


def _uploaded(key: str) -> None:
    upload = st.session_state[key]
    if upload is None:
        return
    st.session_state[_UPLOADS] += 1  # an empty field for the next file
    _take_in(upload.getvalue())


def _pasted() -> None:
    sent = st.session_state["draw-paste"]
    if sent is None:
        return
    if sent.files:
        _take_in(sent.files[0].getvalue())
    else:
        st.session_state[_PROBLEM] = "That was text; paste a picture, or choose a file."


def _take_in(content: bytes) -> None:
    try:
        draw_board.show_picture(read_picture(content))
    except PictureError as error:
        st.session_state[_PROBLEM] = str(error)
