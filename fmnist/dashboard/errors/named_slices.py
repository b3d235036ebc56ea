"""Slices with a name: keep, show, rename, delete, export and import them."""

from typing import Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist.dashboard import cache, failures, layout, session
from fmnist.dashboard.context import PageContext
from fmnist.dashboard.errors import weak_slices
from fmnist.dashboard.imports import ask_for_file
from fmnist.evaluation.image_sets import ImageSet
from fmnist.evaluation.named_slices import NamedSlice, SliceError, accuracy_on
from fmnist.evaluation.significance import Correctness
from fmnist.evaluation.slices import Slice
from fmnist.reports.text import UNKNOWN, counted, percent, percent_range
from fmnist.text import NAME_LENGTH, plain

_ERROR: Final = "named-slice-error"
_MESSAGE: Final = "named-slice-message"
_OPEN: Final = "named-slice-open"
_DELETED: Final = "named-slice-deleted"
_FIELDS: Final = "named-slice-fields"
_MAX_MEGABYTES: Final = 20
_RULE: Final = "rule"
_IMAGES: Final = "images"


def show(context: PageContext) -> None:
    """A field to name what is filtered, and the slices that have a name."""
    section = st.expander(
        "Named slices", icon=":material/label:", on_change="rerun", key="named-slices"
    )
    if not section.open:
        return
    with section:
        _show_messages()
        with failures.shown("The named slices cannot be shown"):
            _show_naming(context)
            found, problem = cache.named_slices().all(context.dataset_name)
            if problem:
                st.warning(plain(problem), icon=":material/broken_image:")
            if found:
                _show_table(context, found)
                _show_open(found)
            else:
                st.caption(
                    "None yet. Filter images, or select a weak slice, and name it: the Compare "
                    "page then measures every run on it."
                )
            _show_files(context, bool(found))


def _show_messages() -> None:
    """The error or the result of the last click, once; and Undo after a deletion."""
    failures.show_kept(_ERROR, _MESSAGE)
    deleted = st.session_state.get(_DELETED)
    if deleted:
        slice_id, name = deleted
        layout.offer_undo(
            f"**{plain(name)}** was deleted.",
            key="named-slice-undo",
            on_click=_restore,
            args=(slice_id,),
        )


def _show_naming(context: PageContext) -> None:
    count = len(context.positions)
    if not count:
        return
    rule = weak_slices.selected_rule(context)
    images = f"The {counted(count, 'filtered image')}"
    kind = _IMAGES
    if rule is not None:
        titles = {_RULE: f"The rule “{rule.title}”", _IMAGES: images}
        kind = st.segmented_control(
            "What to keep", list(titles), key="named-slice-kind", default=_RULE,
            format_func=titles.__getitem__, required=True, width="content",
            help="A rule marks such images of the test split, for any run. Images are kept one by "
            "one.",
        )  # fmt: skip
    field = f"named-slice-name-{st.session_state.get(_FIELDS, 0)}"
    with st.container(horizontal=True, vertical_alignment="bottom", key="named-slice-new"):
        st.text_input(
            "Name" if rule is not None else f"Name for {images[0].lower()}{images[1:]}",
            key=field,
            max_chars=NAME_LENGTH,
            placeholder=rule.title if rule and kind == _RULE else "Such as: white on white",
            width=320,
            on_change="ignore",
        )
        st.button(
            "Keep as a slice",
            key="named-slice-keep",
            icon=":material/bookmark_add:",
            on_click=_keep,
            args=(context, rule if kind == _RULE else None, field),
        )


def _keep(context: PageContext, rule: Slice | None, field: str) -> None:
    with failures.kept(_ERROR):
        name = st.session_state.get(field, "")
        kept: Slice | ImageSet
        if rule is not None:
            kept, name = rule, name or rule.title
        else:
            indices = context.snapshot.evaluation.indices[context.positions].tolist()
            kept = ImageSet.of(context.dataset_name, context.split, indices)
        made = NamedSlice(name, context.dataset_name, kept)
        with session.once("named-slice", name, kept) as is_first:
            if is_first:
                st.session_state[_OPEN] = cache.named_slices().add(made)
                st.session_state[_MESSAGE] = f"Kept as {plain(name)}."
        st.session_state[_FIELDS] = st.session_state.get(_FIELDS, 0) + 1  # an empty field


def _mask(context: PageContext, named: NamedSlice) -> NDArray[np.bool_] | None:
    """Its images among those on screen; None where they are of another split, or absent."""
    evaluation = context.snapshot.evaluation
    if isinstance(named.slice, ImageSet) and named.split != context.split:
        return None
    return named.mask(evaluation.labels, evaluation.indices, weak_slices.properties_of(context))


def _show_table(context: PageContext, found: list[NamedSlice]) -> None:
    import pandas as pd  # here, since the import takes a while

    evaluation = context.snapshot.evaluation
    known = Correctness(evaluation.correct, evaluation.labels, evaluation.indices)
    masks = [_mask(context, named) for named in found]
    results = [accuracy_on(known, mask) for mask in masks]
    # the table's own selection would outlive the chip: other images need a new table
    key = f"named-slices-table-{hash((context.selection.images, st.session_state.get(_OPEN)))}"

    def choose() -> None:
        rows = st.session_state[key].selection.rows
        if not rows:
            return
        named, mask = found[rows[0]], masks[rows[0]]
        st.session_state[_OPEN] = named.slice_id
        if mask is not None and mask.any():
            indices = evaluation.indices[mask].tolist()
            session.select_images(context.dataset_name, context.split, indices)
        elif isinstance(named.slice, ImageSet):
            session.select_images(
                named.dataset, named.split, named.slice.indices.tolist(), opens_split=True
            )

    st.dataframe(
        pd.DataFrame(
            {
                "Name": [named.name for named in found],
                "Images": [None if result is None else result.images for result in results],
                "Accuracy": [
                    UNKNOWN if result is None else percent(result.accuracy, 1) for result in results
                ],
                "95% interval": [
                    UNKNOWN if result is None else percent_range(*result.interval)
                    for result in results
                ],
                "What": [
                    named.description
                    if isinstance(named.slice, Slice)
                    else f"{counted(len(named.slice), f'{named.split} image')}"
                    for named in found
                ],
            }
        ),
        key=key,
        hide_index=True,
        height="content",
        on_select=choose,
        selection_mode="single-row",
        placeholder=UNKNOWN,
        alt="Named slices with the accuracy of the open run; select a row to see its images",
    )
    st.caption(
        f"Accuracy of **{plain(context.run.name)}** on the {context.split} images; a dash where "
        "it has not predicted the slice's images in this split. Select a row to see its images, "
        "and to rename or delete it. *Slices* on the Compare page measures all runs."
    )


def _show_open(found: list[NamedSlice]) -> None:
    """The slice of the selected row: rename it, delete it."""
    named = next((n for n in found if n.slice_id == st.session_state.get(_OPEN)), None)
    if named is None:
        return
    field = f"named-slice-rename-{named.slice_id}-{named.name}"
    st.session_state.setdefault(field, named.name)
    with st.container(horizontal=True, vertical_alignment="bottom", key="named-slice-selected"):
        st.text_input(
            "Name of the selected slice", key=field, max_chars=NAME_LENGTH, width=320,
            on_change=_rename, args=(named.slice_id, field),
        )  # fmt: skip
        st.button(
            "Delete", key="named-slice-delete", icon=":material/delete:", on_click=_delete,
            args=(named,),
        )  # fmt: skip


def _rename(slice_id: int, field: str) -> None:
    with failures.kept(_ERROR):
        cache.named_slices().rename(slice_id, st.session_state[field])


def _delete(named: NamedSlice) -> None:
    with failures.kept(_ERROR):
        cache.named_slices().delete(named.slice_id)
        st.session_state[_DELETED] = (named.slice_id, named.name)


def _restore(slice_id: int) -> None:
    with failures.kept(_ERROR):
        cache.named_slices().restore(slice_id)
        st.session_state.pop(_DELETED, None)
        st.session_state[_OPEN] = slice_id


def _show_files(context: PageContext, has_slices: bool) -> None:
    if has_slices:
        st.download_button(
            "Export JSON",
            data=lambda: cache.named_slices().export_json(context.dataset_name),
            file_name="slices.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
            key="named-slice-export",
        )
    ask_for_file(
        "Import slices (JSON, as exported)", "json", key="named-slice",
        max_megabytes=_MAX_MEGABYTES, take=import_file,
    )  # fmt: skip


def import_file(content: bytes) -> None:
    """Import a file, all of it or nothing; the page tells the result."""
    with failures.kept(_ERROR):
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            told = "The file is not UTF-8 text; export slices to see the format."
            raise SliceError(told) from error
        result = cache.named_slices().import_json(text)
        renamed = f" ({result.renamed:,} under another name)" if result.renamed else ""
        st.session_state[_MESSAGE] = (
            f"Imported: {result.added:,} added{renamed}, {result.unchanged:,} unchanged."
        )
