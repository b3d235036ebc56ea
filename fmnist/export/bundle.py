"""An exported file with what it takes to run it: a zip archive of model, examples and card."""

import io
import json
import time
import zipfile
from pathlib import Path
from typing import Any, Final

import fmnist
from fmnist.checksums import file_digest
from fmnist.data.labels import CLASS_NAMES, NUM_CLASSES
from fmnist.data.splits import DATASET_TITLES
from fmnist.export.kept import KeptExport
from fmnist.export.names import FORMATS, LICENSE, Format
from fmnist.runs.run import Run
from fmnist.sketchpad.recognition import IN_DISTRIBUTION_THRESHOLD
from fmnist.text import plain

_LOADING: Final = {
    "torch-export": "torch.export.load({file}).module()",
    "torchscript": "torch.jit.load({file})",
}


def class_names(run: Run) -> tuple[str, ...]:
    """Classes whose probabilities the files of a run give."""
    own = run.fine_tuning.own_classes if run.fine_tuning else ()
    return (*CLASS_NAMES, *own)


def python_example(
    form: Format, file: str, outputs: tuple[str, ...], *, classes: int = NUM_CLASSES
) -> str:
    """The shortest program in Python that runs a file, which knows so many classes."""
    names, first = ", ".join(outputs), "[0]" if len(outputs) == 1 else ""
    if form in _LOADING:
        return "\n".join(
            [
                "import torch",
                "",
                f"model = {_LOADING[form].format(file=_quoted(file))}",
                "images = torch.zeros(2, 28, 28, dtype=torch.uint8)  # white garments on black",
                "with torch.inference_mode():",
                f"    {names} = model(images){first}  # float32 (2, {classes})",
            ]
        )
    return "\n".join(
        [
            "import numpy as np",
            "import onnxruntime",
            "",
            f"session = onnxruntime.InferenceSession({_quoted(file)})",
            "images = np.zeros((2, 28, 28), np.uint8)  # white garments on black",
            f'{names} = session.run(None, {{"images": images}}){first}  # float32 (2, {classes})',
        ]
    )


def javascript_example(form: Format, file: str, outputs: tuple[str, ...]) -> str | None:
    """The shortest program for ONNX Runtime Web; None for formats that it does not run."""
    if form in _LOADING:
        return None
    return "\n".join(
        [
            'import * as ort from "onnxruntime-web";',
            "",
            f"const session = await ort.InferenceSession.create({_quoted(file)});",
            'const images = new ort.Tensor("uint8", new Uint8Array(2 * 784), [2, 28, 28]);',
            f"const {{ {', '.join(outputs)} }} = await session.run({{ images }});",
        ]
    )


def bundle(kept: KeptExport, run: Run, *, card: str | None) -> bytes:
    """A zip archive of the file, `README.md`, `predict.py`, `predict.html` and the model card.

    Parameters
    ----------
    kept : KeptExport
    run : Run
        Whose export it is.
    card : str or None
        Its model card in Markdown, if it has one.

    Raises
    ------
    OSError, DamagedFileError
        If the file cannot be read.
    """
    values = _values(kept, run, has_card=card is not None)
    texts = {
        "README.md": _render("README.md.j2", values),
        "predict.py": _render("predict.py.j2", values),
    }
    if values["javascript"]:
        texts["predict.html"] = _render("predict.html.j2", values)
    if card is not None:
        texts["model_card.md"] = card
    members = {kept.path.name: kept.read(), **{name: text.encode() for name, text in texts.items()}}
    buffer = io.BytesIO()
    made = time.gmtime(kept.made)[:6]
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(f"{folder_name(kept, run)}/{name}", made)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def folder_name(kept: KeptExport, run: Run) -> str:
    """Name of the folder in the archive."""
    return f"{run.run_id}-{kept.form}"


def _values(kept: KeptExport, run: Run, *, has_card: bool) -> dict[str, Any]:
    """Everything that the templates show, by name."""
    form, file, outputs = kept.form, kept.path.name, kept.check.outputs
    runtime = "torch" if form in _LOADING else "onnxruntime"
    config = run.config
    return {
        "name": run.name,
        "title": FORMATS[form].title,
        "file": file,
        "runtime": runtime,
        "load": _LOADING.get(form, "").format(file="FILE"),
        "packages": f"{runtime}, numpy and pillow",
        "classes": class_names(run),
        "has_ood": len(outputs) > 1,
        "threshold": IN_DISTRIBUTION_THRESHOLD,
        "has_card": has_card,
        "python": python_example(form, file, outputs, classes=len(class_names(run))),
        "javascript": javascript_example(form, file, outputs),
        "check": kept.check,
        "dataset": DATASET_TITLES[config.dataset] if config else "",
        "protocol": config.protocol if config else "",
        "license": LICENSE,
        "version": fmnist.__version__,
        "weights": file_digest(run.weights_path),
    }


def _render(template: str, values: dict[str, Any]) -> str:
    import jinja2  # here, since importing it takes a while

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # mostly Markdown and Python; the page escapes what it shows
    )
    environment.filters |= {"plain": plain, "string_literal": _quoted}
    return environment.get_template(template).render(values)


def _quoted(text: str) -> str:
    """A text as Python and JavaScript write it; own classes may have any characters."""
    return json.dumps(text, ensure_ascii=False)
