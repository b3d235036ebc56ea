"""The section with the model as a file for other programs: made once, checked, downloaded."""

from typing import Final

import streamlit as st

from fmnist.dashboard import cache, ending, failures
from fmnist.dashboard.context import watch
from fmnist.dashboard.jobs import JobText, show_job
from fmnist.data import fashion_mnist
from fmnist.data.splits import DATASET_TITLES
from fmnist.export import kept, measured
from fmnist.export.bundle import (
    bundle,
    class_names,
    folder_name,
    javascript_example,
    python_example,
)
from fmnist.export.kept import KeptExport
from fmnist.export.names import FORMATS, INSTALL, Format
from fmnist.export.process import ExportProcess, ExportTask
from fmnist.reports.text import counted, percent
from fmnist.runs.run import Run, RunError
from fmnist.text import number, plain

_USUAL: Final = "strong"  # whose figures are shown with a run that was not measured


@st.cache_resource(show_spinner=False)
def process() -> ExportProcess:
    """The exports of this server, shared by all sessions."""
    made = ExportProcess()
    ending.register(made.cancel)
    return made


def show(run: Run) -> None:
    """The choice of a format, and the file in it."""
    with st.container(border=True, key="export-model"):
        st.subheader("Model file", anchor=False)
        st.markdown(
            f"**{plain(run.name)}** as one file: images in, probabilities out. It needs nothing "
            "of this project, and is checked against the run before you get it."
        )
        form = _choose_format()
        st.caption(f"{FORMATS[form].purpose} {_measured(run, form)}")
        with failures.shown("The model file cannot be shown"):
            _show_form(run, form)
            st.code(f"python -m fmnist export {run.run_id} --format {form}", language="shell")


def _show_form(run: Run, form: Format) -> None:
    """The file in a format, or the button that makes it, or why there is none."""
    problem = _why_not(run, form)
    if problem:
        st.info(problem, icon=":material/block:")
        watch(run)
        return
    found = kept.find(run, form, weights=cache.file_digest(run.weights_path))
    if found is None:
        _show_making(run, form)
    else:
        _show_file(run, found)


def _choose_format() -> Format:
    chosen: Format = st.segmented_control(
        "Format",
        list(FORMATS),
        default="onnx",
        key="export-format",
        format_func=lambda form: FORMATS[form].title,
        required=True,
        persist_state="session",
    )
    return chosen


def _measured(run: Run, form: Format) -> str:
    """What the benchmark measured of a format: of this run, or of a shipped model."""
    models = measured.load()
    own = models.get(run.run_id)
    is_own = own is not None and own.weights == cache.file_digest(run.weights_path)
    title = plain(run.name) if is_own else _USUAL.capitalize()
    formats = models[run.run_id if is_own else _USUAL].formats
    found = formats[form]
    one = f"{found.one_ms:.1f} ms"
    if form == "int8":
        before = formats["onnx"]
        return (
            f"Beside ONNX, measured on one core: {title} takes {_size(found.bytes)} instead of "
            f"{_size(before.bytes)}, {one} an image instead of {before.one_ms:.1f} ms, and has "
            f"{percent(found.accuracy)} test accuracy instead of {percent(before.accuracy)}."
        )
    before = formats[measured.PYTORCH]
    return (
        f"Measured on one core, {title} takes {one} an image; in this app it takes "
        f"{before.one_ms:.1f} ms."
    )


def _why_not(run: Run, form: Format) -> str | None:
    """Why this run cannot be exported here in this format, in Markdown; None if it can."""
    problem = kept.why_not(run)
    if problem:
        return plain(problem)
    missing = FORMATS[form].missing
    if missing:
        names = " and ".join(f"`{name}`" for name in missing)
        return f"This format needs {names}. Install it, then start the app again: `{INSTALL}`"
    dataset = run.config.dataset if run.config else "synthetic-garments"
    if dataset == "fashion-mnist" and fashion_mnist.locate().name != dataset:
        return (
            "The file is compared with the run on the test images of Fashion-MNIST, which is not "
            "on this machine yet. Download it above."
        )
    return None


def _show_making(run: Run, form: Format) -> None:
    """A button that makes the file; the progress while it does, the reason if it failed."""
    text = JobText(
        "export",
        f"Export as {FORMATS[form].title}",
        ":material/ios_share:",
        f"Once, in the background; the file is then kept with {plain(run.name)}.",
        "Another export first.",
        "Nothing was exported",
    )
    show_job(process(), ExportTask(run.folder, form), text)


def _show_file(run: Run, found: KeptExport) -> None:
    """The result of the check, the downloads, and how to use the file."""
    _show_check(run, found)
    _show_downloads(run, found)
    _show_examples(found, len(class_names(run)))


def _show_check(run: Run, found: KeptExport) -> None:
    check = found.check
    images, told = counted(check.images, "test image"), ""
    if run.config is not None:
        dataset, protocol = DATASET_TITLES[run.config.dataset], run.config.protocol
        told = f"Checked on all {images} of {dataset} ({protocol} protocol): "
    if check.changed:
        told += f"{counted(check.changed, 'prediction')} of the run changed."
    else:
        told += "every prediction is that of the run."
    st.markdown(f":material/verified: {told}")
    with st.container(horizontal=True, gap="medium"):
        st.metric("Accuracy of the file", percent(check.accuracy), width="content")
        st.metric(
            "Accuracy of the run",
            percent(check.run_accuracy),
            width="content",
            help="Computed again with that of the file. It may differ from the one on other pages "
            "by an image or two, since processors round differently.",
        )
        st.metric("Changed predictions", f"{check.changed:,}", width="content")
        st.metric(
            "Largest difference",
            number(check.difference, 2),
            width="content",
            help="The largest difference between a probability of the file and of the run.",
        )
        st.metric("Size", _size(check.bytes), width="content")


def _size(count: int) -> str:
    return f"{count / 1e6:.2f} MB" if count >= 1e5 else f"{count / 1e3:.0f} kB"


def _show_downloads(run: Run, found: KeptExport) -> None:
    is_onnx = javascript_example(found.form, "", found.check.outputs) is not None
    examples = "examples in Python" + (" and for the browser" if is_onnx else "")

    def archive() -> bytes:
        from fmnist.reports import model_card  # here, since importing it takes a while

        try:
            card = model_card.card_elsewhere(run)
        except RunError:
            card = None  # it lacks an evaluation that the card shows
        return bundle(found, run, card=card)

    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "Download with examples",
            data=archive,
            file_name=f"{folder_name(found, run)}.zip",
            mime="application/zip",
            key="export-archive",
            type="primary",
            icon=":material/folder_zip:",
            on_click="ignore",
            help=f"A zip archive: the model file, {examples}, and the model card.",
        )
        st.download_button(
            "Download the model file",
            data=found.read,
            file_name=found.path.name,
            mime="application/octet-stream",
            key="export-bare",
            icon=":material/download:",
            on_click="ignore",
        )


def _show_examples(found: KeptExport, classes: int) -> None:
    """The shortest programs that run the file."""
    form, file, outputs = found.form, found.path.name, found.check.outputs
    if len(outputs) > 1:
        st.caption(
            "Its second output, the in-distribution score, is near 0 where an image shows no "
            "garment."
        )
    javascript = javascript_example(form, file, outputs)
    if javascript is None:
        st.caption("Such files hold pickles: open only those from people you trust.")
        st.code(python_example(form, file, outputs, classes=classes), language="python")
        return
    python, web = st.tabs(["Python", "JavaScript"])
    with python:
        st.code(python_example(form, file, outputs, classes=classes), language="python")
    with web:
        st.code(javascript, language="javascript")
