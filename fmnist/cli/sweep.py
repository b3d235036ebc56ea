"""The command that trains many runs: sweep."""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Final

from fmnist import paths
from fmnist.cli import notify
from fmnist.cli.tables import aligned
from fmnist.cli.train import add_settings, given_config
from fmnist.data import fashion_mnist as datasets
from fmnist.notices.notice import ended_sweep
from fmnist.notices.webhook import Webhook
from fmnist.reports.text import UNKNOWN, percent
from fmnist.runs import store
from fmnist.runs.setting import NONE
from fmnist.sweeps import sweep as sweeps
from fmnist.sweeps.space import SweepError, parse_search
from fmnist.sweeps.sweep import PRUNERS, SAMPLERS, Plan, Sweep

if TYPE_CHECKING:
    from fmnist.sweeps.trials import Trial, Trials

_WAIT_SECONDS: Final = 0.5
_CLOSE_SECONDS: Final = 60.0
_RUNS: Final = 20
_MORE: Final = 10


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command of this module."""
    parser = commands.add_parser(
        "sweep",
        help="train many runs with other settings, and find the best",
        description="Train many runs, whose settings are chosen by what came of those before. The "
        "validation images decide; no run looks at the test images until --measure. Ctrl-C stops; "
        "--resume goes on, and started in a second terminal or on a second host, it adds a worker; "
        "--runs or --minutes beside it are another budget, by which an ended sweep goes on.",
    )
    parser.add_argument(
        "--try", dest="tried", action="append", metavar="NAME=VALUES", default=[],
        help="a setting to try: NAME=LOW..HIGH, with :log for equal shares of each power of ten, "
        "or NAME=VALUE,VALUE. Give it several times: --try learning_rate=0.0001..0.1:log "
        "--try optimizer=adam,adamw",
    )  # fmt: skip
    parser.add_argument(
        "--runs", type=int, metavar="N", help=f"budget: so many runs in all (default: {_RUNS})"
    )
    parser.add_argument(
        "--minutes", type=float, metavar="M",
        help="budget: no run begins once the runs have trained for so long together",
    )  # fmt: skip
    parser.add_argument(
        "--sampler", choices=list(SAMPLERS), default="tpe", help=_choices_help(SAMPLERS)
    )
    parser.add_argument(
        "--pruner", choices=list(PRUNERS), default="median",
        help="when a run ends early. " + _choices_help(PRUNERS),
    )  # fmt: skip
    parser.add_argument(
        "--sampler-seed", type=int, default=0, metavar="N", help="the same one tries the same"
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="train so many runs at once"
    )
    parser.add_argument("--name", default="", help="name of the sweep")
    parser.add_argument("--resume", metavar="SWEEP_ID", help="go on with this sweep instead")
    parser.add_argument("--list", action="store_true", help="list the sweeps")
    parser.add_argument("--show", metavar="SWEEP_ID", help="list the runs of a sweep")
    parser.add_argument(
        "--measure", metavar="SWEEP_ID",
        help="measure the chosen run, by default the best on validation, on the test images: once",
    )  # fmt: skip
    parser.add_argument("--run", metavar="RUN_ID", help="the run to measure")
    notify.add_option(parser)
    add_settings(parser)
    parser.set_defaults(command=_sweep)


def _choices_help(titles: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {title}" for name, title in titles.items())


def _sweep(options: argparse.Namespace) -> int:
    if options.list:
        return _list()
    if options.show:
        return _show(sweeps.open_sweep(options.show))
    if options.measure:
        return _measure(sweeps.open_sweep(options.measure), options.run)
    if options.workers < 1:
        raise SweepError("--workers must be at least 1.")
    from fmnist.sweeps.trials import check_installed

    webhook = notify.given(options)
    if options.resume:
        sweep = _resumed(options)
    else:
        space = dict(map(parse_search, options.tried))
        runs = _RUNS if options.runs is None and options.minutes is None else options.runs
        if options.sampler == "grid":
            runs = options.runs
        plan = Plan(
            given_config(options), space, options.sampler, options.pruner, runs, options.minutes,
            options.sampler_seed,
        )  # fmt: skip
        plan.check()
        check_installed()
        datasets.load_named(plan.base.dataset)  # before there is a sweep
        sweep = sweeps.make_sweep(plan, name=options.name)
    return _work(sweep, options.workers, webhook)


def _resumed(options: argparse.Namespace) -> Sweep:
    """The sweep to go on with, by the budget that is given, if one is."""
    from fmnist.sweeps.budget import set_budget

    if options.tried:
        raise SweepError("--resume tries what the sweep tries; leave --try out.")
    sweep = sweeps.open_sweep(options.resume)
    # on a host that lacks something, all runs would fail, those that another has begun, too
    sweep.planned.check()
    datasets.load_named(sweep.planned.base.dataset)
    if options.runs is None and options.minutes is None:
        return sweep
    return set_budget(sweep, runs=options.runs, minutes=options.minutes)


def _work(sweep: Sweep, count: int, webhook: Webhook | None) -> int:
    """Work on a sweep until it is done or Ctrl-C is pressed."""
    from fmnist.sweeps.trials import Trials
    from fmnist.sweeps.worker import SweepWorker
    from fmnist.training.worker import Trainer

    trials = Trials(sweep)
    sweep.go_on()
    if count > 1:  # each would take all cores
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // count)))
    again = f"python -m fmnist sweep --resume {sweep.sweep_id}"
    print(f"Sweep {sweep.sweep_id}. One more worker, here or on another host: {again}")

    def tell(trial: "Trial") -> None:
        print(" ".join(_row(trial)), flush=True)

    trainers = [Trainer() for _ in range(count)]
    workers = [SweepWorker(sweep, trainer, on_end=tell) for trainer in trainers]
    with _interruptible() as interrupted:
        for worker in workers:
            worker.start()
        while any(worker.state().running for worker in workers) and not interrupted.is_set():
            interrupted.wait(_WAIT_SECONDS)
        for worker in workers:
            worker.leave()
        for trainer in trainers:
            trainer.close(_CLOSE_SECONDS)
    errors = [error for worker in workers if (error := worker.wait(_CLOSE_SECONDS).error)]
    status = _end(trials, errors, again=again)

    read = partial(ended_sweep, sweep, next(iter(errors), None))
    notify.tell(webhook, read, in_a_hurry=interrupted.is_set())
    return status


def _end(trials: "Trials", errors: list[str], *, again: str) -> int:
    from fmnist.sweeps.budget import is_done
    from fmnist.sweeps.trials import best_trial

    for error in dict.fromkeys(errors):
        print(error, file=sys.stderr)
    found = trials.all()
    best = best_trial(found)
    if best is not None:
        print(f"Best so far: {' '.join(_row(best))}")
    if not is_done(trials):
        print(f"Not done. Continue with: {again}")
        return 1
    measure = f"python -m fmnist sweep --measure {trials.sweep.sweep_id}"
    print(f"Done. Measure the best on the test images: {measure}")
    most = replace(trials.plan, runs=None).limit()
    if most is None or sum(trial.state != "failed" for trial in found) < most:
        print(f"Or train more: {again} --runs {len(found) + _MORE}")
    return 1 if errors else 0


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """An event that Ctrl-C and service managers set."""
    interrupted = threading.Event()

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        interrupted.set()

    previous = {s: signal.signal(s, interrupt) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupted
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _list() -> int:
    found = sweeps.list_sweeps()
    rows = [("sweep", "name", "tries", "budget", "workers")]
    for sweep in found:
        plan = sweep.plan
        tried = ", ".join(plan.space) if plan else UNKNOWN
        rows.append(
            (sweep.sweep_id, sweep.name, tried, budget(plan) if plan else UNKNOWN,
             str(sweep.workers()))
        )  # fmt: skip
    for line in aligned(rows) if found else ["There are no sweeps yet."]:
        print(line)
    return 0


def budget(plan: Plan) -> str:
    """The end of a sweep in words."""
    parts = [f"{plan.runs} runs"] if plan.runs is not None else []
    parts += [f"{plan.minutes:g} minutes"] if plan.minutes is not None else []
    return " or ".join(parts) or "all combinations"


def _show(sweep: Sweep) -> int:
    from fmnist.sweeps.trials import Trials

    found = Trials(sweep).all()
    titles = ("run", "state", "validation", "run id", "settings")
    for line in aligned([titles, *map(_row, found)]) if found else ["No run has begun."]:
        print(line)
    return 0


def _row(trial: "Trial") -> tuple[str, ...]:
    value = trial.value if trial.value is not None else max(trial.accuracies.values(), default=None)
    params = " ".join(
        f"{name}={chosen:.4g}" if isinstance(chosen, float) else f"{name}={chosen}"
        for name, chosen in trial.params.items()
    )
    return (
        str(trial.number + 1), trial.state, UNKNOWN if value is None else percent(value),
        trial.run_id or NONE, params,
    )  # fmt: skip


def _measure(sweep: Sweep, run_id: str | None) -> int:
    from fmnist.sweeps.measuring import choose_run
    from fmnist.training.measuring import measure_run

    run = choose_run(sweep, run_id)
    assert run.training is not None
    dataset = datasets.load_named(run.training.dataset)
    accuracy = measure_run(store.open_run(paths.runs_folder(), run.run_id), dataset)
    print(f"{run.name}: test accuracy {percent(accuracy)}, measured once.")
    return 0
