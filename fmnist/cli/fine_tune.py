"""The command that fine-tunes a model on the drawings of the gallery: fine-tune."""

import argparse
from typing import get_args

from fmnist import paths
from fmnist.data import fashion_mnist as datasets
from fmnist.evaluation.fine_tuning_effect import FineTuningEffect
from fmnist.reports.fine_tuning import changes, explanation, of_damaged
from fmnist.reports.text import counted, duration
from fmnist.runs import store
from fmnist.runs.config import LearnedPart
from fmnist.runs.run import Run, RunError
from fmnist.sketchpad.gallery import Gallery
from fmnist.sketchpad.recognition import OOD_MODEL


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
        drawings = OwnDrawings.of(saved)
        if drawings.damaged:
            print(of_damaged(drawings.damaged))
        made = fine_tuning.fine_tune(
            run, drawings, root, datasets.load_named(run.config.dataset),
            name=options.name, part=options.learns, seed=options.seed,
        )  # fmt: skip
    _show(made)
    return 0


def _show(run: Run) -> None:
    assert run.fine_tuning is not None
    effect = FineTuningEffect.load(run)
    learned = counted(len(effect.drawings), "drawing")
    print(f"Learned {learned} in {duration(run.history.epochs[-1].seconds)}.")
    for what, before, after in changes(effect, run.fine_tuning.protocol):
        print(f"{what}: {after} correct, {before} before.")
    print(explanation(effect, has_own_classes=bool(run.fine_tuning.own_classes)))
    if effect.forgets:
        print("Fewer test images are correct by more than chance: the copy has forgotten garments.")
    print(f"Run: {run.run_id}")
