"""`python -m fmnist`: train, evaluate and look after runs in a terminal."""

import argparse
import dataclasses
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType

from fmnist import datasets, runs
from fmnist.config import ConfigError, TrainConfig


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns
    -------
    int
        Exit status: 0 for success, 1 for a failure told in one sentence, 2 for a wrong call.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return int(options.command(options))
    except (ConfigError, datasets.DatasetError, runs.RunError, OSError) as error:
        print(f"{error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fmnist", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")

    train = commands.add_parser(
        "train", help="train a model; Ctrl-C keeps the run, --resume goes on with it"
    )
    for field in dataclasses.fields(TrainConfig):
        # every value is checked by TrainConfig, whose sentences name the field
        train.add_argument(
            f"--{field.name.replace('_', '-')}", default=field.default, type=_number_or_text,
            help=f"default {field.default}",
        )  # fmt: skip
    train.add_argument("--name", default="", help="what to call the run")
    train.add_argument("--resume", metavar="RUN_ID", help="go on with a run instead")
    train.set_defaults(command=_train)
    return parser


def _number_or_text(text: str) -> int | float | str | None:
    if text.lower() == "none":
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _train(options: argparse.Namespace) -> int:
    root = runs.runs_folder()
    if options.resume:
        run = runs.open_run(root, options.resume)
        config = run.config
        if config is None or run.state not in runs.RESUMABLE_STATES:
            raise runs.RunError(f"The run {run.run_id} is {run.state}; it cannot be resumed.")
    else:
        fields = [field.name for field in dataclasses.fields(TrainConfig)]
        config = TrainConfig(**{name: getattr(options, name) for name in fields})
    dataset = datasets.load_named(config.dataset)  # before a folder is made for the run
    if not options.resume:
        run = runs.create_run(root, config, name=options.name)

    from tqdm import tqdm

    from fmnist.training import Signal, TrainingError, train

    interrupted = threading.Event()

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        interrupted.set()

    def control() -> Signal:
        return "pause" if interrupted.is_set() else "continue"

    previous = {s: signal.signal(s, interrupt) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        with runs.owning(run), tqdm(unit=" steps", desc=run.run_id) as bar:

            def show(progress: runs.Progress) -> None:
                bar.total = progress.steps
                bar.set_postfix_str(
                    f"epoch {progress.epoch}/{config.epochs}, "
                    f"{progress.images_per_second:,.0f} images/s"
                )
                bar.update(progress.step - bar.n)

            outcome = train(run, dataset, control=control, on_progress=show)
    except TrainingError as error:
        print(f"The run {run.run_id} failed. {error}", file=sys.stderr)
        return 1
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if outcome == "paused":
        print(f"Kept. Go on with: python -m fmnist train --resume {run.run_id}")
        return 1
    run = runs.open_run(root, run.run_id)
    best = run.history.best
    if best:
        print(
            f"Finished: epoch {best.epoch} is the best, {best.split} accuracy {best.accuracy:.2%}. "
            f"Kept in {run.folder}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
