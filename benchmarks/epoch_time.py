"""Time FashionCNN's training steps here against the usual tutorial loop.

    python benchmarks/epoch_time.py [--write]

Both loops take batches of 128 from all training images with Adam, in turn, in one process and
with the same number of threads. Evaluation is left out on both sides, and so are the first steps
of each turn. "This project" is `fmnist.training.train` itself, with its log, status and
checkpoints; "tutorial loop" is torchvision's data set with its transforms, a DataLoader without
worker processes, and `loss.item()` after every step.
"""

import argparse
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
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

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # so that it runs from anywhere

from fmnist import datasets, runs
from fmnist.config import DatasetName, TrainConfig
from fmnist.datasets import Dataset
from fmnist.garments import draw_garments
from fmnist.training import Signal, train

BATCH: Final = 128
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


def time_ours(dataset: Dataset, warm_up: int, steps: int) -> float:
    """Seconds a step of `fmnist.training.train`."""
    config = TrainConfig(
        dataset=dataset.name, protocol="notebook", epochs=1, batch_size=BATCH, log_every=100
    )
    times: list[float] = []

    def control() -> Signal:  # asked before every step
        times.append(time.perf_counter())
        # a pause ends it before the evaluation
        return "pause" if len(times) == warm_up + steps + 1 else "continue"

    with tempfile.TemporaryDirectory() as root:
        run = runs.create_run(Path(root), config)
        with runs.owning(run):
            train(run, dataset, control=control, device="cpu")
    return (times[warm_up + steps] - times[warm_up]) / steps


def measure(
    dataset: Dataset, folder: Path | None, *, rounds: int, warm_up: int, steps: int
) -> list[tuple[float, float]]:
    """Milliseconds a step of (this project, tutorial loop), of every round."""
    pictures = tutorial_data(dataset, folder)
    loops = {
        "ours": lambda: time_ours(dataset, warm_up, steps),
        "tutorial": lambda: time_tutorial(pictures, warm_up, steps),
    }
    measured = []
    for number in range(rounds):
        # whoever comes second finds a warmer machine, so they take turns
        order = list(loops) if number % 2 == 0 else list(loops)[::-1]
        found = {name: 1000 * loops[name]() for name in order}
        measured.append((found["ours"], found["tutorial"]))
        print(
            f"round {number + 1}: this project {found['ours']:.1f} ms, "
            f"tutorial loop {found['tutorial']:.1f} ms",
            file=sys.stderr,
        )
    return measured


def report(measured: list[tuple[float, float]], options: argparse.Namespace, command: str) -> str:
    """The table, in Markdown."""
    ours, tutorial = (statistics.median(column) for column in zip(*measured, strict=True))
    rows = [(str(i), *pair) for i, pair in enumerate(measured, 1)]
    rows.append(("**median**", ours, tutorial))
    title = datasets.DATASET_TITLES[options.dataset]
    lines = [
        "# Time of a training step",
        "",
        f"FashionCNN on {title}, batches of {BATCH}, {options.steps} steps a round after "
        f"{options.warm_up} to warm up; milliseconds a step, evaluation left out on both sides. "
        f"The tutorial loop is in [epoch_time.py](epoch_time.py). The last column is of the row's "
        "two times.",
        "",
        "| Round | This project | Tutorial loop | Ours / tutorial |",
        "| :-- | --: | --: | --: |",
        *(f"| {name} | {a:.1f} | {b:.1f} | {a / b:.3f} |" for name, a, b in rows),
        "",
        f"- {datetime.now(UTC):%Y-%m-%d}, {processor()}, threads: {torch.get_num_threads()}",
        f"- Python {platform.python_version()}, torch {torch.__version__}, "
        f"torchvision {torchvision.__version__}, NumPy {np.__version__}",
        f"- `{command}`",
    ]
    return "\n".join(lines) + "\n"


def processor() -> str:
    """Name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def load(name: DatasetName, images: int) -> tuple[Dataset, Path | None]:
    """A data set of at least so many training images, and the folder of its files."""
    if name == "drawn-garments":
        drawn, labels = draw_garments(images + 10, seed=0)
        dataset = Dataset(
            name, "drawn", drawn[:images], labels[:images], drawn[images:], labels[images:], ""
        )
        return dataset, None
    folder = datasets.locate().folder
    return datasets.load_named(name), folder


def main() -> None:
    parser = argparse.ArgumentParser(prog="python benchmarks/epoch_time.py")
    parser.add_argument("--dataset", choices=list(datasets.DATASET_TITLES), default="fashion-mnist")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=110, help="timed, of each loop a round")
    parser.add_argument("--warm-up", type=int, default=10, help="steps before the timed ones")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
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
    measured = measure(
        dataset, folder, rounds=options.rounds, warm_up=options.warm_up, steps=options.steps
    )
    command = " ".join(["python benchmarks/epoch_time.py", *sys.argv[1:]])
    text = report(measured, options, command)
    print(text)
    if options.write:
        TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
