"""Compare the files of runs with their checksums, and write those that runs of old lack."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from fmnist import checksums
from fmnist.data.splits import SplitName
from fmnist.errors import DamagedFileError, sentence
from fmnist.runs.run import Run


@dataclass(frozen=True)
class CheckResult:
    """What was found in a run's folder.

    Attributes
    ----------
    problems : tuple of str
        A sentence for each file that is damaged or cannot be read.
    unchecked : tuple of str
        Names of files without a checksum.
    """

    problems: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()


def check_run(run: Run, *, write: bool = False) -> CheckResult:
    """Compare every file of a run with its checksum.

    Parameters
    ----------
    run : Run
    write : bool
        Write the checksums that a finished run lacks. Its files are taken as they are.

    Raises
    ------
    OSError
        If a checksum cannot be written.
    """
    problems = [run.reason or ""] if run.state == "broken" else []
    unchecked = []
    for path in _files(run):
        try:
            if checksums.has_checksum(path):
                # of a training that was cut off, lines may follow
                grows = path == run.history_path and run.state != "finished"
                checksums.verify(path, grows=grows)
            elif write and run.state == "finished":
                checksums.record(path)
            else:
                unchecked.append(path.name)
        except (OSError, DamagedFileError) as error:
            problems.append(sentence(error))
    return CheckResult(tuple(dict.fromkeys(problems)), tuple(unchecked))


def _files(run: Run) -> Iterator[Path]:
    """The files that have checksums, so far as they are there."""
    evaluations = [*map(run.evaluation_path, get_args(SplitName)), run.tta_path]
    epochs = map(run.epoch_weights_path, run.epochs_with_weights())
    for path in (
        run.history_path, run.checkpoint_path, run.weights_path, run.last_weights_path,
        *evaluations, run.epochs_path, run.followed_path, *epochs,
        run.followed_drawings_path, run.drawings_path, run.effect_path,
    ):  # fmt: skip
        if path.exists():
            yield path
