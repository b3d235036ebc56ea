"""Starting points of the Draw page: examples, test images, uploaded pictures."""

from typing import Any, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import failures, layout
from fmnist.dashboard.components import clickable
from fmnist.dashboard.draw.canvas_state import TestImage, show_picture, start_sheet
from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import Dataset
from fmnist.data.synthetic.strokes import Drawing
from fmnist.sketchpad import canvas, examples
from fmnist.sketchpad.uploads import MAX_BYTES, PictureError, read_picture

_FILES: Final = ["png", "jpg", "jpeg", "webp"]
_NUM_IMAGES: Final = 9
_SEED: Final = "draw-seed"
_CLASS: Final = "draw-class"
_PROBLEM: Final = "draw-problem"
_UPLOADS: Final = "draw-uploads"


def show() -> None:
    """The starting points, a tab each."""
    st.subheader("Start from", anchor=False)
    example, image, picture = st.tabs(
        ["Example", "Test image", "Your picture"],
        key="draw-sources",
        on_change="rerun",
    )
    with example:
        show_examples()
    if image.open:  # not before: this may load the data set
        with image:
            show_test_images()
    with picture:
        show_upload()


def show_examples() -> None:
    """Example drawings; a click puts one on the canvas."""
    with st.container(horizontal=True, key="draw-examples"):
        for name, drawing in examples.examples().items():
            st.button(name, key=f"draw-example-{name}", on_click=_draw_example, args=(drawing,))
    st.caption("Hand-drawn examples. Change one and see when the prediction changes.")


def _draw_example(drawing: Drawing) -> None:
    shapes = canvas.from_strokes(drawing)
    start_sheet(shapes, canvas.render_shapes(shapes))


def show_test_images() -> None:
    """Test images to paint on."""
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
            "Random image",
            key="draw-random",
            icon=":material/casino:",
            help="Any test image of the class.",
            on_click=_paint_on_random,
            args=(dataset,),
        )
        st.button("Shuffle", key="draw-shuffle", icon=":material/shuffle:", on_click=_reshuffle)
    label: int | None = st.session_state.get(_CLASS)
    rng = np.random.default_rng(st.session_state.setdefault(_SEED, 0))
    candidates = _members(dataset, label)
    shown = rng.choice(candidates, min(_NUM_IMAGES, len(candidates)), replace=False)
    names = [CLASS_NAMES[dataset.test_labels[index]] for index in shown]
    clickable.image_wall(
        [
            clickable.Tile(int(index), (name,), f"Paint on test image {index}, {name}")
            for index, name in zip(shown, names, strict=True)
        ],
        dataset.test_images[shown],
        key="draw-test-images",
        label="Test images to paint on",
        on_pick=lambda index: _paint_on(dataset, index),
        width=76,
    )
    st.caption(
        "Paint on one with white or black, and see what changes the prediction. The marks on the "
        "bars show the probabilities before you painted."
    )


def _members(dataset: Dataset, label: int | None) -> NDArray[np.integer[Any]]:
    if label is None:
        return np.arange(len(dataset.test_labels))
    return np.flatnonzero(dataset.test_labels == label)


def _paint_on(dataset: Dataset, index: int) -> None:
    start_sheet(
        [], image=TestImage(index, int(dataset.test_labels[index]), dataset.test_images[index])
    )


def _paint_on_random(dataset: Dataset) -> None:
    candidates = _members(dataset, st.session_state.get(_CLASS))
    _paint_on(dataset, int(np.random.default_rng().choice(candidates)))


def _reshuffle() -> None:
    st.session_state[_SEED] = st.session_state.get(_SEED, 0) + 1


def show_upload() -> None:
    """A picture from a file or from the clipboard."""
    uploads = st.session_state.setdefault(_UPLOADS, 0)
    left, right = st.columns(2, gap="medium")
    with left:
        st.file_uploader(
            "Photograph or drawing (PNG, JPEG or WebP)",
            type=_FILES,
            key=f"draw-upload-{uploads}",
            max_upload_size=MAX_BYTES // 2**20,
            on_change=_uploaded,
            args=(f"draw-upload-{uploads}",),
        )
    with right:
        st.markdown(":small[Or copy a picture, click here, paste it (Ctrl+V) and press Enter]")
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
        failures.tell(problem, icon=":material/broken_image:")
    st.caption(
        "One garment on a plain background works best. Export an iPhone's HEIC photo as a JPEG "
        "first. The picture stays on the machine that runs this app; it is kept only if you save "
        "it to the gallery, which all who use this app share."
    )


def _uploaded(key: str) -> None:
    upload = st.session_state[key]
    if upload is None:
        return
    st.session_state[_UPLOADS] += 1  # a new key: the field is empty for the next file
    _open_picture(upload.getvalue())


def _pasted() -> None:
    sent = st.session_state["draw-paste"]
    if sent is None:
        return
    if sent.files:
        _open_picture(sent.files[0].getvalue())
    else:
        st.session_state[_PROBLEM] = (
            "Only pictures can be pasted. Copy a picture, or choose a file."
        )


def _open_picture(content: bytes) -> None:
    try:
        show_picture(read_picture(content))
    except PictureError as error:
        st.session_state[_PROBLEM] = str(error)
