"""Time training here against the usual tutorial loop.

    python benchmarks/speed.py [--write]

Every round takes in turn, with the same number of threads: steps of the tutorial loop, in a process
of its own; steps of `fmnist.training.loop.train`, FashionCNN in 32 bits and in 16; an evaluation
of as many images as validation has; and a whole training by the swift recipe, with a seed of its
own. Both loops take batches of 128 with Adam; the first steps of each turn are left out. "Ours" is
`train` itself, with its log, status and checkpoints; "tutorial loop" is torchvision's data set with
its transforms, a DataLoader without worker processes, and `loss.item()` after every step. The
original recipe's time is its 17 epochs to the best one, at the tutorial loop's pace. Where the
processor has no 16-bit instructions, the steps in 16 bits are left out.

Every round also times the swift network for a while in processes of their own, on the machine as
it is and beside one busy loop per core: with OpenMP's own way to wait (it spins) and with the one
that the app chooses (`OMP_WAIT_POLICY=PASSIVE`).
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import torchvision
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.utils import data
from torchvision import transforms

from fmnist.data import fashion_mnist as datasets
from fmnist.data import splits
from fmnist.data.splits import Dataset, DatasetName
from fmnist.data.synthetic.garments import draw_garments
from fmnist.evaluation.predictions import Evaluation, evaluate
from fmnist.models.classifier import Classifier
from fmnist.models.registry import create_model
from fmnist.reports.text import markdown_table, percent
from fmnist.runs import store
from fmnist.runs.config import Precision, TrainConfig
from fmnist.runs.recipes import recipe
from fmnist.training.loop import Signal, train
from fmnist.training.optim import resolve_dtype
from tools.machine import processor
from tools.pace import seconds_a_step

BATCH: Final = 128
STEPS: Final = 430  # an epoch of 55,000 images
ORIGINAL_EPOCHS: Final = 17  # after which the original recipe was at its best
CORES: Final = os.cpu_count() or 1
TABLE: Final = Path(__file__).with_suffix(".md")


class TutorialCNN(nn.Module):
    """FashionCNN as a tutorial writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.dropout1 = nn.Dropout(0.25)
        self.fc1 = nn.Linear(64 * 14 * 14, 128)
        self.dropout2 = nn.Dropout(0.5)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:  # (B, 1, 28, 28) -> (B, 10)
        x = torch.relu(self.conv1(x))
        x = self.dropout1(self.pool(torch.relu(self.conv2(x))))
        x = torch.relu(self.fc1(torch.flatten(x, 1)))
        logits: Tensor = self.fc2(self.dropout2(x))
        return logits


class Pictures(data.Dataset[tuple[Any, int]]):
    """What torchvision's data set does, for images in memory."""

    def __init__(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.uint8],
        transform: Callable[[Image.Image], Any],
    ) -> None:
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


def tutorial_data(dataset: Dataset, folder: Path | None) -> data.Dataset[tuple[Any, int]]:
    """The training images as a tutorial reads them.

    Parameters
    ----------
    dataset : Dataset
    folder : Path or None
        Of Fashion-MNIST's files; None for drawn garments.
    """
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    if folder is None:
        return Pictures(dataset.train_images, dataset.train_labels, transform)
    with tempfile.TemporaryDirectory() as root:
        # torchvision wants the files in FashionMNIST/raw; it reads them once, here
        (Path(root) / "FashionMNIST").mkdir()
        (Path(root) / "FashionMNIST" / "raw").symlink_to(folder.resolve())
        found: data.Dataset[tuple[Any, int]] = torchvision.datasets.FashionMNIST(
            root, train=True, download=False, transform=transform
        )
    return found


def time_tutorial(pictures: data.Dataset[tuple[Any, int]], warm_up: int, steps: int) -> float:
    """Seconds a step of the tutorial loop."""
    torch.manual_seed(0)
    model = TutorialCNN()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    loader = data.DataLoader(pictures, batch_size=BATCH, shuffle=True, num_workers=0)
    model.train()
    running_loss, correct, begun = 0.0, 0, 0.0
    for done, (images, labels) in enumerate(loader):
        # from one fetched batch to another: as many fetches as steps lie between
        if done == warm_up:
            begun = time.perf_counter()
        if done == warm_up + steps:
            return (time.perf_counter() - begun) / steps
        optimizer.zero_grad()
        outputs = model(images)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item() * len(labels)
        correct += int((outputs.argmax(1) == labels).sum().item())
    raise ValueError("there are too few images for so many steps")


def time_ours(dataset: Dataset, warm_up: int, steps: int, precision: Precision) -> float:
    """Seconds a step of `fmnist.training.loop.train`."""
    config = TrainConfig(
        dataset=dataset.name, protocol="notebook", epochs=1, batch_size=BATCH, precision=precision
    )
    return seconds_a_step(config, dataset, warm_up=warm_up, steps=steps)


def time_evaluation(dataset: Dataset) -> float:
    """Seconds that `fmnist.evaluation.predictions.evaluate` takes for FashionCNN and the validation
    images.
    """
    model = create_model("fashion-cnn", seed=0).to(memory_format=torch.channels_last)
    split = dataset.split("validation")
    begun = time.perf_counter()
    evaluate(Classifier(model, models=["fashion-cnn"]), split)
    return time.perf_counter() - begun


@dataclass(frozen=True)
class Swift:
    """A whole training by the swift recipe."""

    seconds: float  # with the evaluation after every epoch
    validation: float  # accuracies of the last epoch, in [0, 1]
    test: float
    views: float  # on the test images, over several views of each


def train_swift(dataset: Dataset, seed: int) -> Swift:
    """Train by the swift recipe in a folder that is thrown away."""
    config = TrainConfig(**{**recipe("swift"), "dataset": dataset.name, "seed": seed})
    with tempfile.TemporaryDirectory() as root:
        run = store.create_run(Path(root), config)
        with store.owning(run):
            train(run, dataset, device="cpu")
        run = store.open_run(Path(root), run.run_id)
        kept, test = run.history.selected, Evaluation.load(run.evaluation_path("test"))
        views = Evaluation.load(run.tta_path) if run.tta_path.exists() else test
    assert kept is not None
    return Swift(run.progress.seconds, kept.accuracy, test.accuracy, views.accuracy)


def print_pace(dataset: Dataset, seconds: float) -> None:
    """Train the swift network for so many seconds, and print its images per second."""
    whole_images = {"low_res_side": None, "dataset": dataset.name}
    config = TrainConfig(**{**recipe("swift"), **whole_images})
    begun: list[float] = []

    def control() -> Signal:  # asked before every step
        begun.append(time.perf_counter())
        done = len(begun) > 10 and begun[-1] - begun[10] > seconds  # ten steps to warm up
        return "pause" if done else "continue"

    with tempfile.TemporaryDirectory() as root:
        run = store.create_run(Path(root), config)
        with store.owning(run):
            train(run, dataset, control=control, device="cpu")
    print(config.batch_size * (len(begun) - 11) / (begun[-1] - begun[10]))


@contextmanager
def busy_loops() -> Iterator[None]:
    """Keep every core busy with a loop of another program."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(CORES)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def in_own_process(
    options: argparse.Namespace, *what: str, environment: Mapping[str, str] = os.environ
) -> float:
    """The number that this script prints in a process of its own."""
    command = [
        sys.executable, __file__, "--dataset", options.dataset, "--threads", str(options.threads),
        "--steps", str(options.steps), "--warm-up", str(options.warm_up), *what,
    ]  # fmt: skip
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(result.stdout)


def time_shared(options: argparse.Namespace) -> dict[str, float]:
    """Images per second of a process by "quiet" or "busy" and OpenMP's way to wait."""
    inherited = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}

    def pace(**environment: str) -> float:
        what = ("--pace", str(options.shared_seconds))
        return in_own_process(options, *what, environment=inherited | environment)

    found = {"quiet spinning": pace(), "quiet sleeping": pace(OMP_WAIT_POLICY="PASSIVE")}
    with busy_loops():
        found["busy spinning"] = pace()
        found["busy sleeping"] = pace(OMP_WAIT_POLICY="PASSIVE")
    return found


@dataclass(frozen=True)
class Round:
    """What one round measured: milliseconds a step, seconds of the evaluation, a training.

    `bfloat16` is None where the processor has no instructions for it.
    """

    tutorial: float
    float32: float
    evaluation: float
    swift: Swift
    shared: dict[str, float]  # images per second, of `time_shared`
    bfloat16: float | None = None


def measure(dataset: Dataset, options: argparse.Namespace) -> list[Round]:
    """Take the rounds, telling about each on the error stream."""
    warm_up, steps = options.warm_up, options.steps
    loops: dict[str, Callable[[], float]] = {
        # a training here makes its process keep memory, which would help the tutorial loop, too
        "tutorial": lambda: 1000 * in_own_process(options, "--tutorial"),
        "float32": lambda: 1000 * time_ours(dataset, warm_up, steps, "float32"),
        "evaluation": lambda: time_evaluation(dataset),
    }
    if resolve_dtype("auto", torch.device("cpu")) == torch.bfloat16:
        loops["bfloat16"] = lambda: 1000 * time_ours(dataset, warm_up, steps, "bfloat16")
    measured = []
    for number in range(options.rounds):
        # whoever comes second finds a warmer machine, so they take turns
        order = list(loops) if number % 2 == 0 else list(loops)[::-1]
        found = {name: loops[name]() for name in order}
        swift, shared = train_swift(dataset, number), time_shared(options)
        measured.append(Round(**found, swift=swift, shared=shared))
        print(f"round {number + 1}: {measured[-1]}", file=sys.stderr)
    return measured


def median(values: Iterable[float]) -> float:
    """The median of what every round measured."""
    return statistics.median(list(values))


def step_rows(measured: list[Round]) -> list[list[str]]:
    """Rows of the table of steps, the medians last."""
    rows: list[tuple[Any, ...]] = []
    for found in measured:
        times, ratios = [found.tutorial, found.float32], [found.float32 / found.tutorial]
        if found.bfloat16 is not None:
            times.append(found.bfloat16)
            ratios.append(found.bfloat16 / found.tutorial)
        epoch = STEPS * times[-1] / 1000
        rows.append((times, ratios, [found.evaluation, found.evaluation / epoch]))
    medians = tuple(
        [median(values) for values in zip(*part, strict=True)] for part in zip(*rows, strict=True)
    )
    names = [*(str(number) for number in range(1, len(rows) + 1)), "**median**"]
    return [
        [
            name,
            *(f"{t:.1f}" for t in times),
            *(f"{r:.3f}" for r in ratios),
            f"{e:.2f}",
            percent(of, 1),
        ]
        for name, (times, ratios, (e, of)) in zip(names, [*rows, medians], strict=True)
    ]


def shared_rows(measured: list[Round]) -> list[list[str]]:
    """Rows of the table of the shared machine, the medians last."""
    rows = []
    for found in measured:
        paces = list(found.shared.values())
        rows.append((*paces, paces[1] / paces[0], paces[3] / paces[2]))
    rows.append(tuple(median(column) for column in zip(*rows, strict=True)))
    names = [*(str(number) for number in range(1, len(rows))), "**median**"]
    return [
        [name, f"{a:,.0f}", f"{b:,.0f}", f"{e:.2f}", f"{c:,.0f}", f"{d:,.0f}", f"{f:.2f}"]
        for name, (a, b, c, d, e, f) in zip(names, rows, strict=True)
    ]


def swift_rows(measured: list[Round]) -> list[list[str]]:
    """Rows of the table of whole trainings, a seed a row, the means of accuracies last."""
    rows: list[tuple[Any, ...]] = []
    for seed, found in enumerate(measured):
        original = ORIGINAL_EPOCHS * STEPS * found.tutorial / 1000
        swift = found.swift
        figures = (100 * swift.validation, 100 * swift.test, 100 * swift.views)
        rows.append((str(seed), *figures, swift.seconds, original, original / swift.seconds))
    columns = list(zip(*(row[1:] for row in rows), strict=True))
    means = (statistics.mean(column) for column in columns[:3])
    rows.append(("**mean, median**", *means, *(median(column) for column in columns[3:])))
    return [
        [n, f"{a:.2f}", f"{b:.2f}", f"{c:.2f}", f"{d:.1f}", f"{e:.0f}", f"1/{f:.1f}"]
        for n, a, b, c, d, e, f in rows
    ]


def report(measured: list[Round], options: argparse.Namespace, command: str) -> str:
    """The tables, in Markdown."""
    # long, since it is the document from top to bottom
    title = splits.DATASET_TITLES[options.dataset]
    half = measured[0].bfloat16 is not None
    lines = [
        "# Speed of training",
        "",
        "## A step of FashionCNN",
        "",
        f"{title}, batches of {BATCH}, {options.steps} steps a round after {options.warm_up} to "
        "warm up; milliseconds a step, evaluation left out on both sides. The tutorial loop is in "
        "[speed.py](speed.py). Ratios are of the row's own times. The evaluation is of the "
        f"validation images, in seconds and as a share of an epoch of {STEPS} steps."
        + ("" if half else " This processor has no 16-bit instructions: that part is left out."),
        "",
        markdown_table(
            [
                "Round",
                "Tutorial loop",
                "Ours, 32 bits",
                *(["Ours, 16 bits"] if half else []),
                "32 bits / tutorial",
                *(["16 bits / tutorial"] if half else []),
                "Evaluation, s",
                "Of an epoch",
            ],
            step_rows(measured),
        ),
        "",
        "## The swift recipe",
        "",
        "Whole trainings under the held-out protocol, each with a seed of its own, the last epoch "
        "measured: accuracy in percent, on the image alone and over the views that the recipe "
        "names; seconds with the evaluation after every epoch. The original recipe's time is "
        f"{ORIGINAL_EPOCHS} epochs of {STEPS} steps at the same round's pace of the tutorial loop, "
        f"measured over {options.steps} steps.",
        "",
        markdown_table(
            [
                "Seed",
                "Validation",
                "**Test**",
                "Test, several views",
                "Seconds",
                "Original recipe, s",
                "Swift / original",
            ],
            swift_rows(measured),
        ),
        "",
        "## A shared machine",
        "",
        "Images per second of the swift network in a process of its own, with threads that spin "
        "while they wait for each other (OpenMP's default) and with threads that sleep "
        "(`OMP_WAIT_POLICY=PASSIVE`, the app's default): on the machine as it is, and beside "
        f"{CORES} busy loops, one per core; {options.shared_seconds:g} s each.",
        "",
        markdown_table(
            [
                "Round",
                "Spinning",
                "Sleeping",
                "Ratio",
                "Busy, spinning",
                "Busy, sleeping",
                "Ratio, busy",
            ],
            shared_rows(measured),
        ),
        "",
        f"- {datetime.now(UTC):%Y-%m-%d}, {processor()}, threads: {torch.get_num_threads()}",
        f"- Python {platform.python_version()}, torch {torch.__version__}, "
        f"torchvision {torchvision.__version__}, NumPy {np.__version__}",
        f"- `{command}`",
        "",
        "What 16 bits cost in accuracy is in [precision.md](precision.md).",
    ]
    return "\n".join(lines) + "\n"


def load(name: DatasetName, images: int) -> tuple[Dataset, Path | None]:
    """A data set of at least so many training images, and the folder of its files."""
    if name == "synthetic-garments":
        drawn, labels = draw_garments(images + 10, seed=0)
        dataset = Dataset(
            name, "drawn", drawn[:images], labels[:images], drawn[images:], labels[images:], ""
        )
        return dataset, None
    folder = datasets.locate().folder
    return datasets.load_named(name), folder


def main() -> None:
    parser = argparse.ArgumentParser(prog="python benchmarks/speed.py")
    parser.add_argument("--dataset", choices=list(splits.DATASET_TITLES), default="fashion-mnist")
    parser.add_argument("--rounds", type=int, default=5, help="and seeds")
    parser.add_argument("--steps", type=int, default=110, help="timed, of each loop a round")
    parser.add_argument("--warm-up", type=int, default=10, help="steps before the timed ones")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--shared-seconds", type=float, default=10, help="of each shared training")
    parser.add_argument("--pace", type=float, help=argparse.SUPPRESS)  # a process of `time_shared`
    parser.add_argument("--tutorial", action="store_true", help=argparse.SUPPRESS)  # its process
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    options = parser.parse_args()
    if min(options.rounds, options.steps, options.threads) < 1 or options.warm_up < 0:
        parser.error("--rounds, --steps and --threads must be at least 1, --warm-up at least 0")
    if options.write and (options.rounds < 3 or options.steps < 100):
        parser.error("a table to keep needs at least 3 rounds of 100 steps")
    torch.set_num_threads(options.threads)
    needed = (options.warm_up + options.steps + 1) * BATCH
    try:
        dataset, folder = load(options.dataset, needed)
    except datasets.DatasetError as error:
        sys.exit(str(error))
    if len(dataset.train_labels) < needed:
        parser.error(f"{options.steps} steps need {needed:,} images; take fewer")
    if options.pace:
        print_pace(dataset, options.pace)
        return
    if options.tutorial:
        print(time_tutorial(tutorial_data(dataset, folder), options.warm_up, options.steps))
        return
    measured = measure(dataset, options)
    command = " ".join(["python benchmarks/speed.py", *sys.argv[1:]])
    text = report(measured, options, command)
    print(text)
    if options.write:
        TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
