"""Commands that train: train, ensemble, bench."""

import argparse
import dataclasses
import os
import signal
import sys
import threading
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from fmnist import paths
from fmnist.cli import notify
from fmnist.cli.arguments import path
from fmnist.data import fashion_mnist as datasets
from fmnist.data.splits import Dataset
from fmnist.evaluation.seeds import Spread
from fmnist.models import sizes
from fmnist.notices.notice import ended_run
from fmnist.notices.webhook import Webhook
from fmnist.reports import benchmarks as bench
from fmnist.reports.sentences import spread_in_words
from fmnist.reports.text import percent, trained_on
from fmnist.runs import corrections, store
from fmnist.runs.config import TrainConfig
from fmnist.runs.history import Progress
from fmnist.runs.recipes import OWN_RECIPE, RECIPES, recipe
from fmnist.runs.run import RESUMABLE_STATES, Run, RunError
from fmnist.runs.seeds import make_seeds
from fmnist.runs.setting import CHECKSUM, NONE, format_value
from fmnist.training.tensorboard import check_installed

if TYPE_CHECKING:
    from fmnist.training.loop import Outcome

_RESTARTS: Final = ("MAX_RESTARTS", "RESTART_COUNT")


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands of this module."""
    train = commands.add_parser(
        "train",
        help="train a model",
        description="Train a model. Ctrl-C pauses the run; --resume continues it. torchrun "
        "--nproc-per-node N -m fmnist train … trains with N processes; see docs/machines.md.",
    )
    add_settings(train)
    train.add_argument("--name", default="", help="name of the run")
    train.add_argument(
        "--seeds", type=int, nargs="+", metavar="SEED",
        help="train a run for each of these seeds, as a group",
    )  # fmt: skip
    which = train.add_mutually_exclusive_group()
    which.add_argument("--resume", metavar="RUN_ID", help="continue this run instead")
    which.add_argument(
        "--run-id",
        metavar="RUN_ID",
        help="make the run of this id, or continue it if there is one: the same command starts and "
        "resumes it, as torchrun needs after a failure",
    )
    notify.add_option(train)
    train.set_defaults(command=_train)

    ensemble = commands.add_parser("ensemble", help="average the probabilities of several runs")
    ensemble.add_argument("runs", nargs="+", metavar="NAME_OR_RUN_ID")
    ensemble.add_argument("--name", default="", help="name of the ensemble")
    ensemble.set_defaults(command=_ensemble)

    table = commands.add_parser(
        "bench",
        help="train the runs that a table of benchmarks/ needs, and write the table",
        description="Train the runs that a table of benchmarks/ still needs, and write the table. "
        "Ctrl-C pauses; the same command continues.",
    )
    table.add_argument("table", choices=list(bench.TABLES))
    table.add_argument("--read", action="store_true", help="only write the table, train nothing")
    table.add_argument("--only", metavar="KEY", help="only train the runs of this row")
    table.add_argument(
        "--folder",
        type=path,
        default=paths.BENCHMARK_TABLES,
        help="where to write the table (default: benchmarks)",
    )
    table.set_defaults(command=_bench)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Options for a recipe and for each setting, in a group for each part of the page's form."""
    parser.add_argument(
        "--recipe",
        choices=[*RECIPES, OWN_RECIPE],
        default="original",
        help='settings to start from (default: original); "own" is the recipe of the model; '
        "options given here override it",
    )
    defaults = TrainConfig()
    groups: dict[str, argparse._ArgumentGroup] = {}
    for name, setting in TrainConfig.settings().items():
        if setting.group not in groups:
            groups[setting.group] = parser.add_argument_group(setting.group)
        when = f" Used only {setting.when}." if setting.when else ""
        help = (
            f"{setting.title}: {setting.values} (default: {format_value(getattr(defaults, name))})."
            f" {setting.help}{when}"
        )
        several: dict[str, Any] = {}
        if setting.kind in ("choices", "runs"):
            several = {"nargs": "+", "action": _Words}
        elif len(setting.titles) == 2 and None in setting.titles:  # the option alone turns it on
            several = {"nargs": "?", "const": next(v for v in setting.titles if v is not None)}
        # TrainConfig checks every value; its sentences name the field
        groups[setting.group].add_argument(
            f"--{name.replace('_', '-')}",
            default=argparse.SUPPRESS,
            type=setting.parse,
            metavar="RUN" if setting.kind == "runs" else name.upper(),
            help=help.replace("%", "%%"),
            **several,
        )


class _Words(argparse.Action):
    """Several words as a tuple; "none" alone as the empty one."""

    def __call__(
        self, _parser: object, namespace: argparse.Namespace, values: Any, _option: object = None
    ) -> None:
        setattr(namespace, self.dest, () if values == [NONE] else tuple(values))


def _train(options: argparse.Namespace) -> int:
    if "WORLD_SIZE" in os.environ and os.environ.get("RANK") != "0":  # torchrun started several
        return _follow()
    root, webhook = paths.runs_folder(), notify.given(options)
    if options.seeds:
        return _train_seeds(options, webhook)
    wanted = None if options.resume else given_config(options)
    if wanted is None:
        run: Run | None = store.open_run(root, options.resume)
    else:
        run = _run_of_id(root, options.run_id, wanted)
    config = wanted if run is None else run.training
    if run is not None:
        if options.run_id and run.state == "finished":
            return _leave_finished(run)
        if config is None or run.state not in RESUMABLE_STATES:
            raise RunError(f"The run {run.run_id} is {run.state}; it cannot be resumed.")
    elif int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0")) and not options.run_id:
        raise RunError(
            "torchrun --max-restarts repeats this command after a failure; give the run an id with "
            "--run-id, so that it is continued then."
        )
    assert config is not None
    check_installed(config)
    dataset = datasets.load_named(config.dataset)  # before a folder is made for the run
    if run is None:
        run = store.create_run(root, config, name=options.name, run_id=options.run_id or "")
    outcome = _train_run(run, dataset)
    if outcome is not None or not _starts_again():
        notify.tell(webhook, partial(ended_run, run), in_a_hurry=outcome == "paused")
    if outcome != "finished":
        return 1
    run = store.open_run(root, run.run_id)
    best = run.history.selected
    if best:
        which = "last" if run.history.checkpoint == "last" else "best"
        print(
            f"Finished: epoch {best.epoch} is the {which}, {best.split} accuracy "
            f"{percent(best.accuracy)}. Saved in {run.folder}"
        )
    return 0


def _starts_again() -> bool:
    """Whether torchrun repeats the command if it fails."""
    most, count = (os.environ.get(f"TORCHELASTIC_{name}", "0") for name in _RESTARTS)
    return int(count) < int(most)


def _train_seeds(options: argparse.Namespace, webhook: Webhook | None) -> int:
    """Train several seeds of one setting, one after the other."""
    if options.resume or options.run_id:
        raise RunError("--seeds makes new runs; leave out --resume and --run-id.")
    if "WORLD_SIZE" in os.environ:  # the other processes are there for one run
        raise RunError("torchrun trains one run; start it once for each seed, with --seed.")
    config = given_config(options)
    check_installed(config)
    dataset = datasets.load_named(config.dataset)
    made = make_seeds(paths.runs_folder(), config, options.seeds, name=options.name)
    waiting = {run.run_id: store.acquire(run) for run in made}  # so that they show as queued
    try:
        for run in made:
            waiting.pop(run.run_id).release()
            outcome = _train_run(run, dataset)
            if outcome != "finished":
                for run_id in waiting:
                    print(f"Not begun. Start with: python -m fmnist train --resume {run_id}")
                break
    finally:
        for lock in waiting.values():
            lock.release()
    notify.tell(webhook, partial(ended_run, run), in_a_hurry=outcome == "paused")
    if outcome != "finished":
        return 1
    best = [store.open_run(paths.runs_folder(), run.run_id).history.selected for run in made]
    accuracies = [entry.accuracy for entry in best if entry]
    split = next(entry.split for entry in best if entry)
    spread = spread_in_words(Spread.of(accuracies))
    print(f"Finished: {split} accuracy {spread}; ± is the standard deviation in points.")
    return 0


def given_config(options: argparse.Namespace) -> TrainConfig:
    """The settings that the options of `add_settings` ask for.

    Raises
    ------
    ConfigError
        If no model can be trained with them.
    """
    fields = [field.name for field in dataclasses.fields(TrainConfig)]
    given = {name: getattr(options, name) for name in fields if hasattr(options, name)}
    if "corrections" in given:
        given["corrections"] = _kept_corrections(given["corrections"])
    return TrainConfig(**{**recipe(options.recipe, given.get("model")), **given})


def _run_of_id(root: Path, run_id: str | None, config: TrainConfig) -> Run | None:
    """The run of an id, if there is one; it must have these settings."""
    if run_id is None or run_id not in store.run_ids(root):
        return None
    run = store.open_run(root, run_id)
    if run.training is not None and run.training != config:
        raise RunError(
            f"The run {run_id} has other settings; choose another --run-id, or continue it as it "
            f"is with --resume {run_id}."
        )
    return run


def _leave_finished(run: Run) -> int:
    """Say that there is nothing to do, to the other processes, too."""
    if "WORLD_SIZE" in os.environ:
        from fmnist.training.group import joined

        with joined() as group:
            group.send(b"")
    print(f"The run {run.run_id} is finished already.")
    return 0


def _follow() -> int:
    """Train as one of several processes, whose first one has the run and prints how it goes."""
    from fmnist.training.errors import failure_message
    from fmnist.training.follower import follow
    from fmnist.training.group import joined

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the first process pauses the run for all
    try:
        with joined() as group:
            follow(group, datasets.load_named)
    except RuntimeError as error:
        print(failure_message(error), file=sys.stderr)
        return 1
    return 0


def _kept_corrections(given: str | None) -> str | None:
    """The checksum of corrections; those of a file are kept for the run first."""
    if given is None or CHECKSUM.fullmatch(given):
        return given
    found = corrections.read(paths.expand(given))
    corrections.keep(found)
    return found.checksum


def _train_run(run: Run, dataset: Dataset) -> "Outcome | None":
    """Train a run with a progress bar; None if it failed."""
    from tqdm import tqdm

    from fmnist.training.group import joined
    from fmnist.training.loop import Signal, TrainingError, train

    assert run.training is not None
    epochs = run.training.epochs
    interrupted, is_told = threading.Event(), False

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        interrupted.set()

    def control() -> Signal:
        return "pause" if interrupted.is_set() else "continue"

    previous = {s: signal.signal(s, interrupt) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        with (
            store.owning(run),
            tqdm(unit=" steps", desc=run.run_id) as bar,
            joined() as group,
        ):

            def show(progress: Progress) -> None:
                nonlocal is_told
                if progress.step and not is_told:  # by then the network is compiled, or is not
                    environment = store.open_run(run.folder.parent, run.run_id).environment
                    tqdm.write(trained_on(environment, is_active=True))
                    is_told = True
                bar.total = progress.steps
                bar.set_postfix_str(
                    f"epoch {progress.epoch}/{epochs}, {progress.images_per_second:,.0f} images/s"
                )
                bar.update(progress.step - bar.n)

            outcome = train(run, dataset, control=control, on_progress=show, group=group)
    except TrainingError as error:
        print(f"The run {run.run_id} failed. {error}", file=sys.stderr)
        return None
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if outcome == "paused":
        print(f"Paused. Continue with: python -m fmnist train --resume {run.run_id}")
    return outcome


def _ensemble(options: argparse.Namespace) -> int:
    from fmnist.training.ensemble import combine

    members = [store.find_run(name) for name in options.runs]
    run = combine(members, paths.runs_folder(), name=options.name)
    best = run.history.selected
    assert best is not None
    print(f"Ensemble: {best.split} accuracy {percent(best.accuracy)}. Saved in {run.folder}")
    return 0


def _bench(options: argparse.Namespace) -> int:
    rows = [row for row in bench.TABLES[options.table] if options.only in (None, row.key)]
    if not rows:
        known = ", ".join(row.key for row in bench.TABLES[options.table])
        raise RunError(f"The table has no row {options.only!r}; it has {known}.")
    wanted = [] if options.read else [(row, seed) for row in rows for seed in range(row.seeds)]
    is_complete = all(_bench_run(row, seed) for row, seed in wanted)  # stops at the first failure
    for row in rows:
        bench.save_runs(row, store.list_all_runs())
    counted = sizes.count({model for row in bench.TABLES[options.table] for model in row.models})
    path = bench.write(options.table, store.list_all_runs(), counted, options.folder)
    print(f"Written: {path}")
    return 0 if is_complete else 1


def _bench_run(row: bench.Row, seed: int) -> bool:
    """Train a run of a table unless there is one; False if the training did not finish."""
    config = row.with_seed(seed)
    alike = [run for run in store.list_all_runs() if bench.matches(run, config)]
    if any(run.state == "finished" for run in alike):
        return True
    if not isinstance(config, TrainConfig):
        from fmnist.training.ensemble import combine

        members = bench.resolve_members(row, store.list_all_runs())
        combine(members, paths.runs_folder(), name=row.title)
        return True
    begun = [run for run in alike if run.state in RESUMABLE_STATES]
    dataset = datasets.load_named(config.dataset)
    if begun:
        print(f"{row.title}, seed {seed}: continuing {begun[0].run_id}")
        return _train_run(begun[0], dataset) == "finished"
    name = f"{row.title}, seed {seed}"
    print(name)
    run = store.create_run(paths.runs_folder(), config, name=name)
    return _train_run(run, dataset) == "finished"
