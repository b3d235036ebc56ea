"""Commands that manage runs: runs, check, publish, card, migrate, settings."""

import argparse
import dataclasses
import datetime
import json
from typing import Any, Final

from fmnist import paths
from fmnist.cli.tables import aligned
from fmnist.reports import model_card
from fmnist.reports.settings import settings_page
from fmnist.reports.text import UNKNOWN, percent
from fmnist.runs import store
from fmnist.runs.check import check_run
from fmnist.runs.publish import publish
from fmnist.runs.run import Run

_RUNS_SHOWN: Final = 20


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands of this module."""
    table = commands.add_parser("runs", help="list your runs, newest first, and shipped models")
    table.add_argument(
        "--all", action="store_true", help=f"list all runs, not only the latest {_RUNS_SHOWN}"
    )
    table.add_argument(
        "--json", action="store_true",
        help="print all runs as JSON, with settings, tags, notes and the values of each epoch",
    )  # fmt: skip
    table.set_defaults(command=_runs)

    check = commands.add_parser("check", help="compare the files of runs with their checksums")
    check.add_argument("runs", nargs="*", metavar="NAME_OR_RUN_ID", help="default: all")
    check.add_argument(
        "--write", action="store_true", help="write the checksums that finished runs lack"
    )
    check.set_defaults(command=_check)

    publish = commands.add_parser("publish", help="copy a finished run to the shipped models")
    publish.add_argument("run", metavar="RUN_ID")
    publish.add_argument("name", metavar="NAME", help="folder of the shipped model")
    publish.add_argument("--title", default="", help="its name (default: the name of the run)")
    publish.add_argument(
        "--weights", action=argparse.BooleanOptionalAction, default=True, help="copy the weights"
    )
    publish.add_argument(
        "--epoch-weights", type=_epochs, default=(), metavar="EPOCH,EPOCH,…",
        help="also copy the weights after these epochs; 0 for the initial ones",
    )  # fmt: skip
    publish.add_argument("--force", action="store_true", help="replace a model of the same name")
    publish.set_defaults(command=_publish)

    card = commands.add_parser("card", help="rewrite the model card of a shipped model")
    card.add_argument("name", metavar="NAME")
    card.set_defaults(command=_card)

    migrate = commands.add_parser(
        "migrate", help="rewrite the config.json of runs of earlier versions in today's form"
    )
    migrate.set_defaults(command=_migrate)

    settings = commands.add_parser("settings", help="print docs/settings.md: all settings")
    settings.set_defaults(command=_settings)


def _epochs(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError("give numbers of epochs, such as 0,1,2,20") from None


def _runs(options: argparse.Namespace) -> int:
    own = store.list_runs(paths.runs_folder())
    shipped = store.list_runs(paths.pretrained_folder())
    if options.json:
        values = [_run_values(run, is_shipped=False) for run in own]
        values += [_run_values(run, is_shipped=True) for run in shipped]
        print(json.dumps(values, indent=2))
        return 0
    shown = own if options.all else own[:_RUNS_SHOWN]
    if shown or shipped:
        titles = ("run", "name", "state", "model", "protocol", "epochs", "accuracy", "created")
        rows = [titles, *(_run_row(run, is_shipped=False) for run in shown)]
        rows += [_run_row(run, is_shipped=True) for run in shipped]
        reasons = ["", *(run.reason or "" for run in (*shown, *shipped))]
        for line, reason in zip(aligned(rows), reasons, strict=True):
            print(line)
            if reason:
                print(f"    {reason}")
    if len(shown) < len(own):
        print(f"… and {len(own) - len(shown)} older; list them with: python -m fmnist runs --all")
    if not own:
        print("You have no runs yet. Start one with: python -m fmnist train")
    return 0


def _run_values(run: Run, *, is_shipped: bool) -> dict[str, Any]:
    """A run for other programs; accuracies are fractions, times are seconds."""
    created = datetime.datetime.fromtimestamp(run.created, datetime.UTC) if run.created else None
    best, last = run.history.best, run.history.at("last")
    selected = run.history.selected
    return {
        "run_id": run.run_id,
        "name": run.name,
        "state": run.state,
        "reason": run.reason,
        "shipped": is_shipped,
        "created": created.isoformat(timespec="seconds") if created else None,
        "seconds": run.progress.seconds,
        **dataclasses.asdict(run.annotations),
        "config": run.config.to_json() if run.config else None,
        "selected_epoch": selected.epoch if selected else None,
        "best_epoch": best.epoch if best else None,
        "last_epoch": last.epoch if last else None,
        "epochs": [dataclasses.asdict(entry) for entry in run.history.epochs],
    }


def _run_row(run: Run, *, is_shipped: bool) -> tuple[str, ...]:
    config, best = run.config, run.history.selected
    created = datetime.datetime.fromtimestamp(run.created) if run.created else None
    return (
        run.run_id,
        run.name,
        f"{run.state}, shipped" if is_shipped else run.state,
        ", ".join(config.models) if config else UNKNOWN,
        config.protocol if config else UNKNOWN,
        f"{len(run.history.epochs)}/{run.training.epochs if run.training else '?'}",
        f"{percent(best.accuracy)} {best.split}" if best else UNKNOWN,
        f"{created:%Y-%m-%d %H:%M}" if created else UNKNOWN,
    )


def _check(options: argparse.Namespace) -> int:
    runs = [store.find_run(name) for name in options.runs] or store.list_all_runs()
    damaged = unchecked = 0
    for run in runs:
        result = check_run(run, write=options.write)
        for problem in result.problems:
            print(f"{run.run_id}: {problem}")
        damaged += bool(result.problems)
        unchecked += bool(result.unchecked)
    print(f"Runs: {len(runs)}. Damaged: {damaged}. Without some checksum: {unchecked}.")
    return 1 if damaged else 0


def _publish(options: argparse.Namespace) -> int:
    run = store.open_run(paths.runs_folder(), options.run)
    published = publish(
        run, paths.pretrained_folder(), options.name, card=model_card.card_of,
        title=options.title, weights=options.weights, epoch_weights=options.epoch_weights,
        force=options.force,
    )  # fmt: skip
    print(f"Published as {published.name!r} in {published.folder}")
    return 0


def _card(options: argparse.Namespace) -> int:
    path = model_card.write_card(paths.pretrained_folder(), options.name)
    print(f"Written: {path}")
    return 0


def _migrate(_options: argparse.Namespace) -> int:
    for root in (paths.pretrained_folder(), paths.benchmark_folder(), paths.runs_folder()):
        for run_id in store.migrate_runs(root):
            print(f"Rewritten: {root / run_id / 'config.json'}")
    return 0


def _settings(_options: argparse.Namespace) -> int:
    print(settings_page(), end="")
    return 0
