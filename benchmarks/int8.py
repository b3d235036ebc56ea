"""Choose the settings of the 8-bit export on the validation split.

    python -m benchmarks.int8 --write

Exports the shipped models that have a validation split with each candidate, and measures accuracy
on its 5,000 images and how many predictions change. The test images are not looked at. Needs the
real data set (FMNIST_DATA or ./data).
"""

import argparse
import logging
import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from fmnist import paths
from fmnist.data import fashion_mnist as datasets
from fmnist.data.splits import Dataset
from fmnist.export import exporting, formats
from fmnist.export.program import Program
from fmnist.export.quantization import CHOSEN, Quantization, quantize
from fmnist.reports.text import markdown_table, percent
from fmnist.runs import store
from fmnist.runs.loading import load_pretrained
from tools import machine

TABLE = paths.BENCHMARK_TABLES / "int8.md"
CANDIDATES: Final[Mapping[str, Quantization]] = {
    "everything": Quantization(layers_only=False, first_in_float=False),
    "everything but the first layer": Quantization(layers_only=False),
    "all layers": Quantization(first_in_float=False),
    "layers but the first": Quantization(),
    "…, one scale a layer": Quantization(per_channel=False),
    "…, 7 bits": Quantization(seven_bits=True),
    "…, 256 images": Quantization(images=256),
    "…, 4,096 images": Quantization(images=4096),
    "…, ranges by percentile": Quantization(ranges="percentile", images=256),
    "layers but the first and the last": Quantization(last_in_float=True),
}


def rows_of(name: str, dataset: Dataset) -> list[list[str]]:
    """A row for each candidate: size, accuracy, changed predictions."""
    split = dataset.split("validation", protocol="held-out")
    classifier = load_pretrained(name)
    known = classifier.predict_proba(split.images)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.onnx"
        formats.write(Program(classifier), "onnx", plain, metadata={})
        rows.append([name, "32 bits", *_cells(plain, known, known, split.labels)])
        for title, settings in CANDIDATES.items():
            path = Path(folder) / "small.onnx"
            images = exporting.calibration_images(dataset, settings.images)
            quantize(plain, path, images, settings)
            run = formats.open_file("int8", path)
            found = np.concatenate([run(b)[0] for b in np.array_split(split.images, 20)])
            chosen = " (chosen)" if settings == CHOSEN else ""
            rows.append([name, title + chosen, *_cells(path, found, known, split.labels)])
            print(*rows[-1], flush=True)
    return rows


def _cells(
    path: Path, found: NDArray[np.float32], known: NDArray[np.float32], labels: NDArray[np.uint8]
) -> list[str]:
    """Size, accuracy, cross-entropy and changed predictions of a file."""
    likelihood = found[np.arange(len(labels)), labels].clip(1e-6, 1)
    return [
        f"{path.stat().st_size / 1e6:.2f}",
        percent(float((found.argmax(1) == labels).mean())),
        f"{-np.log(likelihood).mean():.4f}",
        f"{exporting.count_changed(found, known):,}",
    ]


def main() -> None:
    """Measure, print, and write the table if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", metavar="NAME")
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    arguments = parser.parse_args()
    logging.getLogger().setLevel(logging.ERROR)
    shipped = [
        run.run_id
        for run in store.list_runs(paths.pretrained_folder())
        if run.config and run.config.protocol == "held-out" and run.weights_path.exists()
    ]
    dataset = datasets.load_named("fashion-mnist")
    rows = [row for name in arguments.models or shipped for row in rows_of(name, dataset)]
    asked = f" --models {' '.join(arguments.models)}" if arguments.models else ""
    text = "\n".join(
        [
            "# Settings of the 8-bit export",
            "",
            f"`python -m benchmarks.int8{asked} --write`, {date.today()}; ONNX Runtime "
            f"{onnxruntime.__version__}, torch {torch.__version__}, {machine.processor()}.",
            "",
            "Accuracy and cross-entropy (nats, probabilities of at least 10⁻⁶) on the 5,000 "
            "validation images of the held-out protocol, and how many predictions change. "
            "Layers are operators with weights: convolutions and matrix products. Unless a row "
            "says otherwise, ranges of activations are the lowest and highest values on 1,024 "
            "training images, and each output channel of a layer has a scale of its own. 7 bits "
            "keep processors without VNNI instructions from overflowing.",
            "",
            "Chosen: layers but the first. In 8 bits, what lies between the layers (normalization, "
            "softmax) changes the probabilities, which the loss shows, and the first layer changes "
            "more predictions of most models; it has one input channel, so it saves next to "
            "nothing. Ranges by percentile change fewer predictions, by 1 to 12 of 5,000, without "
            "a lower loss on all models; ranges from more images gain nothing.",
            "",
            markdown_table(["Model", "In 8 bits", "MB", "Accuracy", "Loss", "Changed"], rows),
        ]
    )
    print(text)
    if arguments.write:
        TABLE.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
