"""Commands for images: download, classify."""

import argparse
import contextlib
import io
import math
import sys
from typing import get_args

import numpy as np
from PIL import Image

from fmnist import paths
from fmnist.cli.arguments import path
from fmnist.cli.tables import aligned
from fmnist.files import png, write_atomic
from fmnist.reports.answers import SURE, answer_in_words, refused_garments
from fmnist.reports.text import percent
from fmnist.runs import store
from fmnist.sketchpad.kinds import Kind
from fmnist.sketchpad.preprocessing import Ink, Preparation
from fmnist.sketchpad.recognition import OOD_MODEL, classify
from fmnist.sketchpad.uploads import read_picture


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands of this module."""
    fetch = commands.add_parser("download", help="download Fashion-MNIST (31 MB) and check it")
    fetch.add_argument("--data", type=path, metavar="FOLDER", help="where to put it")
    fetch.set_defaults(command=_download)

    classify = commands.add_parser("classify", help="classify a drawing or photo of a garment")
    classify.add_argument("picture", type=path, metavar="PICTURE", help="a PNG, JPEG or WebP file")
    classify.add_argument(
        "--model",
        default=OOD_MODEL,
        metavar="NAME_OR_RUN_ID",
        help=f"a shipped model or a run (default: {OOD_MODEL})",
    )
    classify.add_argument(
        "--kind",
        choices=get_args(Kind),
        default="auto",
        help="what the picture is: lines of a drawing are brought to one width, photographs keep "
        "their tones (default: auto)",
    )
    classify.add_argument(
        "--fill",
        type=_tone,
        default=0.0,
        metavar="TONE",
        help="tone of areas that lines enclose, from 0 (empty, the default) to 1",
    )
    classify.add_argument(
        "--ink",
        choices=get_args(Ink),
        default="auto",
        help="whether the garment is darker or lighter than the background (default: auto)",
    )
    classify.add_argument(
        "--save", type=path, metavar="PNG", help="save the 28×28 model input as a PNG file"
    )
    classify.set_defaults(command=_classify)


def _tone(text: str) -> float:
    """A number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:  # nan is neither
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 1, not {text!r}")
    return value


def _download(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from fmnist.data.download import TOTAL_BYTES, download

    with tqdm(total=TOTAL_BYTES, unit="B", unit_scale=True, desc="Fashion-MNIST") as bar:

        def show(done: int, _total: int) -> None:
            bar.update(done - bar.n)

        # torchvision draws a bar of its own for every file; one for all is enough
        with contextlib.redirect_stderr(io.StringIO()):
            folder = download(options.data, progress=show)
    print(f"Fashion-MNIST is in {folder}")
    return 0


def _classify(options: argparse.Namespace) -> int:
    pixels = read_picture(options.picture.read_bytes())
    preparation = Preparation(kind=options.kind, fill=options.fill, ink=options.ink)

    from fmnist.runs.loading import load_pretrained, load_run

    run = store.find_run(options.model)
    model = load_run(run.run_id, folder=run.folder.parent)
    is_ood_model_shipped = OOD_MODEL in store.run_ids(paths.pretrained_folder())
    ood_model = (
        load_pretrained(OOD_MODEL) if is_ood_model_shipped and not model.has_ood_class else None
    )
    result = classify(pixels, model, preparation=preparation, ood_model=ood_model)
    if options.save:
        picture = png(Image.fromarray(result.model_input))
        write_atomic(options.save, picture, make_folder=True)
    if not result.model_input.any():
        print(
            "No garment was found in the picture. Choose one in which it stands out from the "
            "background, or say with --kind what the picture is.",
            file=sys.stderr,
        )
        return 1
    if result.in_distribution_score < SURE:
        judge = run if model.has_ood_class else store.find_run(OOD_MODEL)
        print(answer_in_words(result, refused=refused_garments(judge)))
        print(f"In-distribution score: {result.in_distribution_score:.2f}")
    order = np.argsort(-result.probabilities, kind="stable")
    rows = [
        (result.class_names[label], f"{percent(result.probabilities[label], 1)}") for label in order
    ]
    for line in aligned([("class", "probability"), *rows]):
        print(line)
    return 0
