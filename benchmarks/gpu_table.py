"""The table of a GPU benchmark: `benchmarks/gpu_speed.md` from its `gpu_speed.json`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from fmnist.files import read_json, write_atomic
from fmnist.reports.text import UNKNOWN, markdown_table, percent

RESULTS: Final = "gpu_speed.json"
THRESHOLDS: Final = (0.94, 0.95, 0.955, 0.96)
"""Validation accuracies; the table says when each was first reached."""

_TITLES: Final = (
    "Run", "Protocol", "Epochs", "ms per step, eager", "compiled", "Compilation, s", "Training, s",
    "Images/s", "Weights", "Validation", "**Test**", "Test, TTA",
)  # fmt: skip


def seconds_until(times: Sequence[float], accuracies: Sequence[float]) -> dict[str, float | None]:
    """Seconds of training until each threshold was first reached.

    Parameters
    ----------
    times : sequence of float
        Seconds of training after each epoch.
    accuracies : sequence of float
        After each epoch, in [0, 1]; the last epoch's may be missing.

    Returns
    -------
    dict
        By threshold in percent, such as "95.5"; None where it was never reached.
    """
    epochs = list(zip(times, accuracies, strict=False))
    return {
        f"{100 * wanted:g}": next((time for time, found in epochs if found >= wanted), None)
        for wanted in THRESHOLDS
    }


def write_table(files: Sequence[Path], to: Path) -> None:
    """Write the table of the results of one or more commands.

    Parameters
    ----------
    files : sequence of Path
        Files of results, or folders that hold one.
    to : Path

    Raises
    ------
    OSError
        If a file cannot be read or written.
    ValueError
        If the results are damaged.
    """
    files = [path / RESULTS if path.is_dir() else path for path in files]
    try:
        text = table([read_json(path) for path in files])
    except (KeyError, TypeError, AttributeError) as error:
        named = " or ".join(str(path) for path in files)
        raise ValueError(f"{named} is damaged ({error!r}); run the benchmark again.") from error
    write_atomic(to, text.encode(), make_folder=True)


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """The tables of the results of one or more commands, in Markdown."""
    jobs = [job for each in results for job in each["jobs"]]
    thresholds = [f"{100 * wanted:g}" for wanted in THRESHOLDS]
    return "\n".join(
        [
            "# Training on a GPU",
            "",
            "Training times leave out evaluation and compilation. Held-out: 55,000 images train, "
            "5,000 validate. The validation split chose between the last epoch's raw and averaged "
            "weights, and nothing else. Full: all 60,000 images train, and the held-out run fixed "
            "everything. The test split was measured once, in float32, with the saved weights. "
            "TTA: test-time augmentation.",
            "",
            markdown_table(_TITLES, [_row(job) for job in jobs if job["finished"]], "llrrrrrrlrrr"),
            "",
            "## Seconds of training until a validation accuracy was first reached",
            "",
            "Averaged weights, measured after every epoch in the training's precision.",
            "",
            markdown_table(
                ["Run", *(f"{threshold}%" for threshold in thresholds)],
                [
                    [job["title"], *(_number(job["reached"][t], ".1f") for t in thresholds)]
                    for job in jobs
                    if job["protocol"] == "held-out"
                ],
                "l" + "r" * len(thresholds),
            ),
            "",
            *(f"- Not finished: {job['title']}" for job in jobs if not job["finished"]),
            *(f"- Left out: {sentence}" for each in results for sentence in each["skipped"]),
            *(line for each in results for line in _origin(each)),
            "",
        ]
    )


def _origin(results: Mapping[str, Any]) -> list[str]:
    """Where and when results were measured."""
    trial = ["- A small network on few images: a trial, no measurement"] * results["small"]
    titles = "; ".join(job["title"] for job in results["jobs"])
    return [
        *trial,
        f"- {titles}: {results['date']}, {results['device']}, torch {results['torch']}, "
        f"`{results['command']}`",
    ]


def _row(job: Mapping[str, Any]) -> list[str]:
    """The cells of a finished run."""
    pace = job["pace"]
    validation = job["accuracies"][job["weights"]] if job["protocol"] == "held-out" else None
    return [
        job["title"], job["protocol"], str(job["epochs"]), _number(pace["step"], ".1f", 1000),
        _number(pace["compiled_step"], ".1f", 1000), _number(job["compile_seconds"], ".1f"),
        _number(job["train_seconds"], ".1f"), _number(job["images_per_second"], ",.0f"),
        job["weights"], percent(validation), f"**{percent(job['test'])}**", percent(job["tta"]),
    ]  # fmt: skip


def _number(value: float | None, form: str, scale: float = 1) -> str:
    return UNKNOWN if value is None else format(scale * value, form)
