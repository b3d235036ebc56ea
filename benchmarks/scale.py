"""Time one run that several processes train.

    python -m benchmarks.scale [--rounds 5] [--steps 100] [--write]

Every round takes in turn, each in processes of its own that torchrun starts: one process of one
thread, two processes of one thread each, and one process of two threads. All train the same network
with the same batch, which two processes share, by `fmnist.training.loop.train`; the first steps are
left out. Each reports images a second. Two processes then also time what a step sends, alone: the
gradients of all weights and the word of rank 0. As a share of the step this is an upper bound,
since gradients travel while others are still computed. Ratios are of the same round; figures are
medians.

The table ends with an estimate for eight GPUs. It is arithmetic with a step that one GPU took
(`gpu_speed_1.json`) and an assumed bandwidth, not a measurement.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Final

import torch

from fmnist import paths
from fmnist.data import fashion_mnist as datasets
from fmnist.data.splits import DATASET_TITLES, Dataset, DatasetName
from fmnist.data.synthetic.garments import draw_garments
from fmnist.models.registry import MODELS, create_model
from fmnist.reports.text import counted, markdown_table, percent
from fmnist.runs.config import TrainConfig
from fmnist.training.follower import follow
from fmnist.training.group import Group, joined
from tools.machine import other_programs, processor
from tools.pace import seconds_a_step

TABLE: Final = Path(__file__).with_suffix(".md")
WAYS: Final[Mapping[str, tuple[int, int]]] = {
    "1 process, 1 thread": (1, 1),
    "2 processes, 1 thread each": (2, 1),
    "1 process, 2 threads": (1, 2),
}
"""Number of processes and of threads in each."""
_WARM_UP: Final = 10
_REPEATS: Final = 30  # of what a step sends

GPUS: Final = 8
BANDWIDTH: Final = 100e9
"""Assumed bytes a second of an all-reduce's ring between the GPUs of one machine."""
LATENCY: Final = 0.3e-3
"""Assumed seconds a step for starting transfers and for the word of rank 0."""


def _dataset(name: DatasetName, images: int | None) -> Dataset:
    """The data set, or a few drawn garments in its place."""
    if images is None:
        return datasets.load_named(name)
    drawn, labels = draw_garments(images + 200, seed=1)
    return Dataset(
        "synthetic-garments", "a few drawn ones",
        drawn[:images], labels[:images], drawn[images:], labels[images:], "0" * 64,
    )  # fmt: skip


def _time_sending(config: TrainConfig, group: Group) -> float:
    """Seconds that a step's gradients and word take between the processes, alone."""
    network = create_model(config.model, seed=0)
    gradients = torch.zeros(sum(weights.numel() for weights in network.parameters()))
    times = []
    for _ in range(_REPEATS):
        group.agree("continue")  # they begin together
        begun = time.perf_counter()
        group.agree("continue")
        group.add_up(gradients)
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def _work(options: argparse.Namespace) -> None:
    """One of the processes: train, then tell, if it is the first."""
    dataset = _dataset(options.dataset, options.images)
    config = TrainConfig(
        model=options.model, dataset=dataset.name, protocol="notebook", batch_size=options.batch
    )
    with joined() as group:
        pace = 0.0
        if group.rank == 0:
            try:
                pace = seconds_a_step(
                    config, dataset, warm_up=_WARM_UP, steps=options.steps, group=group
                )
            except ValueError as error:
                raise SystemExit(
                    "There are too few images for so many steps; lower --steps."
                ) from error
        else:
            follow(group, lambda _: dataset, device="cpu")
        sending = 0.0 if group.is_alone else _time_sending(config, group)
    if group.rank == 0:
        print(json.dumps({"step": pace, "sending": sending}))


def _time_way(options: argparse.Namespace, processes: int, threads: int) -> dict[str, float]:
    words = [
        "--work", "--model", options.model, "--dataset", options.dataset,
        "--steps", str(options.steps), "--batch", str(options.batch),
    ]  # fmt: skip
    if options.images is not None:
        words += ["--images", str(options.images)]
    result = subprocess.run(
        [
            sys.executable, "-m", "torch.distributed.run", "--standalone",
            f"--nproc-per-node={processes}", "-m", "benchmarks.scale", *words,
        ],
        env=paths.child_environment() | {"OMP_NUM_THREADS": str(threads)},
        cwd=paths.PROJECT, capture_output=True, text=True,
    )  # fmt: skip
    if result.returncode:
        raise SystemExit(result.stderr)
    found: dict[str, float] = json.loads(result.stdout.splitlines()[-1])
    return found


def measure(options: argparse.Namespace) -> list[dict[str, dict[str, float]]]:
    """Seconds of each way in each round."""
    rounds = []
    for number in range(options.rounds):
        # whoever comes second finds a warmer machine, so they take turns
        names = list(WAYS) if number % 2 == 0 else list(WAYS)[::-1]
        rounds.append({name: _time_way(options, *WAYS[name]) for name in names})
        print(f"round {number + 1}: {rounds[-1]}", file=sys.stderr)
    return rounds


def estimate(step: float, parameters: int, gpus: int = GPUS) -> tuple[float, float]:
    """Seconds to average the gradients, and images a second as a multiple of one GPU's.

    Each GPU keeps its batch, and nothing is sent while gradients are computed. A ring sends each
    GPU's gradients 2 (N - 1) / N times.

    Parameters
    ----------
    step : float
        Seconds that a step takes on one GPU.
    parameters : int
        Of the network, in float32.
    gpus : int
    """
    sending = 2 * (gpus - 1) / gpus * 4 * parameters / BANDWIDTH + LATENCY
    return sending, gpus * step / (step + sending)


def _estimate_in_words() -> str:
    jobs = json.loads((TABLE.parent / "gpu_speed_1.json").read_text(encoding="utf-8"))["jobs"]
    job = next(job for job in jobs if job["key"].startswith("wide-resnet-16-8"))
    step = float(job["pace"]["step"])
    parameters = sum(w.numel() for w in create_model("wide-resnet-16-8", seed=0).parameters())
    sending, multiple = estimate(step, parameters)
    return (
        f"WRN-16-8 has {parameters:,} weights, and a step took {1000 * step:.1f} ms on one GPU. "
        f"At an assumed {BANDWIDTH / 1e9:g} GB/s and {1000 * LATENCY:g} ms a step for all else, "
        f"averaging the gradients of {GPUS} GPUs would take {1000 * sending:.1f} ms. With the same "
        f"batch on each GPU, {GPUS} GPUs would then train {multiple:.1f} times as many images a "
        "second as one. Not in this: every process augments the whole batch, one process alone "
        "measures after each epoch, and a batch eight times as large needs other settings."
    )


def table(rounds: list[dict[str, dict[str, float]]], options: argparse.Namespace) -> str:
    """The report, in Markdown."""
    reference = "1 process, 2 threads"
    rows = []
    for name in WAYS:
        steps = [found[name]["step"] for found in rounds]
        ratios = [found[reference]["step"] / found[name]["step"] for found in rounds]
        shares = [found[name]["sending"] / found[name]["step"] for found in rounds]
        rows.append(
            [
                name,
                f"{options.batch / statistics.median(steps):,.0f}",
                f"{1000 * statistics.median(steps):.1f}",
                f"{statistics.median(ratios):.2f}",
                f"{min(ratios):.2f} to {max(ratios):.2f}",
                percent(statistics.median(shares), 1) if WAYS[name][0] > 1 else "–",
            ]
        )
    lines = [
        "# Several processes",
        "",
        f"{MODELS[options.model].title}, {DATASET_TITLES[options.dataset]}, batches of "
        f"{options.batch} in all, {options.steps} steps after {_WARM_UP} to warm up; "
        f"{counted(len(rounds), 'round')} in turn, medians; ratios are of the same round. "
        "Sending: the gradients and the word of rank 0, timed alone, as a share of the "
        "step; an upper bound.",
        "",
        markdown_table(
            ["", "images/s", "ms a step", f"of {reference}", "range", "sending"], rows
        ),
        "",
        "## Eight GPUs, an estimate on paper",
        "",
        _estimate_in_words(),
        "",
        f"- {date.today()}, {processor()}, {os.cpu_count()} cores, torch {torch.__version__}, "
        f"Python {platform.python_version()}, gloo on one machine. {other_programs()}".rstrip(),
        f"- `python -m benchmarks.scale --model {options.model} --rounds {options.rounds} --steps "
        f"{options.steps} --batch {options.batch} --write`",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, and write the table if asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--model", default="fashion-cnn")
    parser.add_argument("--dataset", choices=list(DATASET_TITLES), default="fashion-mnist")
    parser.add_argument("--images", type=int, help="train on so many drawn garments, for a trial")
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.images is not None:
        options.dataset = "synthetic-garments"
    if options.work:
        _work(options)
        return
    text = table(measure(options), options)
    print(text)
    if options.write:
        TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
