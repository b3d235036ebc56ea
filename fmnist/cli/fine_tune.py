"""The command that fine-tunes a model on the drawings of the gallery: fine-tune."""

import argparse
from typing import get_args

from fmnist import paths
from fmnist.data import fashion_mnist as datasets
from fmnist.reports.text import counted, duration, percent
from fmnist.runs import store
from fmnist.runs.config import LearnedPart
from fmnist.runs.run import Run, RunError
from fmnist.sketchpad.gallery import Gallery
from fmnist.sketchpad.recognition import OOD_MODEL
from fmnist.training.fine_tuned import Effect


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands of this module."""
    parser = commands.add_parser(
        "fine-tune",
        help="make a copy of a model that has learned the labeled drawings of the gallery",
        description="Make a copy of a model that has learned the labeled drawings of the Draw "
        "page's gallery. Labels that you added there become classes beside the ten.",
    )
    parser.add_argument(
        "base", nargs="?", default=OOD_MODEL, metavar="NAME_OR_RUN_ID",
        help=f"a shipped model or a run (default: {OOD_MODEL})",
    )  # fmt: skip
    parser.add_argument("--name", default="", help="name of the new run")
    parser.add_argument(
        "--learns", choices=get_args(LearnedPart), default="last-layer",
        help="what of the copy learns: the last layer, in seconds, or the last block and the last "
        "layer, in minutes (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument(
        "--again", metavar="RUN_ID",
        help="make this fine-tuned run again instead, from the drawings in its folder",
    )  # fmt: skip
    parser.set_defaults(command=_fine_tune)


def _fine_tune(options: argparse.Namespace) -> int:
    from fmnist.training import fine_tuning
    from fmnist.training.own_drawings import OwnDrawings

    run = store.find_run(options.again or options.base)
    if run.config is None:
        raise RunError(f"The run {run.run_id} is broken: {run.reason}")
    root = paths.runs_folder()
    if options.again:
        made = fine_tuning.repeat(run, root, datasets.load_named(run.config.dataset))
    else:
        saved, problems = Gallery(paths.artifacts_folder() / "drawings").all()
        for problem in problems:
            print(problem)
        made = fine_tuning.fine_tune(
            run, OwnDrawings.of(saved), root, datasets.load_named(run.config.dataset),
            name=options.name, part=options.learns, seed=options.seed,
        )  # fmt: skip
    _show(made)
    return 0


def _show(run: Run) -> None:
    effect = Effect.load(run)
    count, before, after = len(effect.drawings), effect.drawings_before, effect.drawings_after
    seconds = run.history.epochs[-1].seconds
    print(f"Learned {counted(count, 'drawing')} in {duration(seconds)}.")
    print("Your drawings, each predicted by a model that has not learned it: ", end="")
    print(f"{after} of {count} correct, {before} before.")
    now, then = (percent(n / effect.test) for n in (effect.test_after, effect.test_before))
    print(f"Test accuracy: {now}, {then} before.")
    if effect.forgets:
        print("It fell by more than chance: the model has forgotten some garments.")
    print(f"Run: {run.run_id}")
