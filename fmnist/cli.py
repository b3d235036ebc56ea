"""`python -m fmnist`: train, evaluate and look after runs in a terminal."""

import argparse
import contextlib
import dataclasses
import datetime
import io
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, get_args

import numpy as np
from PIL import Image

from fmnist import paths
from fmnist.data import fashion_mnist as datasets
from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import Dataset, Split, SplitName
from fmnist.evaluation import predictions
from fmnist.evaluation.predictions import Evaluation, evaluate
from fmnist.files import png, write_atomic
from fmnist.models import sizes
from fmnist.reports import benchmarks as bench
from fmnist.reports import model_card
from fmnist.runs import store
from fmnist.runs.config import ConfigError, TrainConfig
from fmnist.runs.history import Progress
from fmnist.runs.publish import publish
from fmnist.runs.recipes import OWN_RECIPE, RECIPES, recipe
from fmnist.runs.run import RESUMABLE_STATES, Run, RunError
from fmnist.runs.setting import NONE, format_value
from fmnist.sketchpad.preprocessing import Ink, Preparation
from fmnist.sketchpad.recognition import OOD_MODEL, classify
from fmnist.sketchpad.uploads import PictureError, read_picture

if TYPE_CHECKING:
    from fmnist.models.classifier import Classifier

_RUNS_SHOWN: Final = 20
_BENCHMARKS: Final = paths.BENCHMARK_TABLES

_ACCURACY_TOLERANCE: Final = 0.0005
_LOSS_TOLERANCE: Final = 0.001


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
    except (ConfigError, datasets.DatasetError, RunError, PictureError, OSError) as error:
        print(f"{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fmnist", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")

    train = commands.add_parser(
        "train", help="train a model; Ctrl-C keeps the run, --resume goes on with it"
    )
    train.add_argument(
        "--recipe",
        choices=[*RECIPES, OWN_RECIPE],
        default="original",
        help="settings that belong together; those given beside it win (default original); "
        '"own" is the recipe of the model',
    )
    _add_settings(train)
    train.add_argument("--name", default="", help="what to call the run")
    train.add_argument("--resume", metavar="RUN_ID", help="go on with a run instead")
    train.set_defaults(command=_train)

    table = commands.add_parser("runs", help="list your runs, newest first, and shipped models")
    table.add_argument(
        "--all", action="store_true", help=f"older runs too, not the latest {_RUNS_SHOWN} only"
    )
    table.set_defaults(command=_runs)

    fetch = commands.add_parser("download", help="download Fashion-MNIST (31 MB), and check it")
    fetch.add_argument("--data", type=Path, metavar="FOLDER", help="where to put it")
    fetch.set_defaults(command=_download)

    evaluate = commands.add_parser(
        "evaluate", help="compute a model's figures again and compare them with the stored ones"
    )
    evaluate.add_argument("run", metavar="NAME_OR_RUN_ID", help="a shipped model or a run")
    evaluate.add_argument("--split", choices=["validation", "test", "both"], default="both")
    evaluate.set_defaults(command=_evaluate)

    publish = commands.add_parser("publish", help="copy a finished run to the shipped models")
    publish.add_argument("run", metavar="RUN_ID")
    publish.add_argument("name", metavar="NAME", help="name of the shipped model's folder")
    publish.add_argument("--title", default="", help="what to call it; by default as the run")
    publish.add_argument(
        "--weights", action=argparse.BooleanOptionalAction, default=True, help="copy the weights"
    )
    publish.add_argument("--force", action="store_true", help="replace one of the same name")
    publish.set_defaults(command=_publish)

    classify = commands.add_parser(
        "classify", help="say which garment a picture shows: a drawing or a photograph"
    )
    classify.add_argument("picture", type=Path, metavar="PICTURE", help="a PNG, JPEG or WebP file")
    classify.add_argument(
        "--model",
        default=OOD_MODEL,
        metavar="NAME_OR_RUN_ID",
        help=f"whom to ask; default {OOD_MODEL}",
    )
    classify.add_argument(
        "--fill", type=float, default=0.0, metavar="TONE",
        help="tone of what lines enclose, 0 (empty, the default) to 1",
    )  # fmt: skip
    classify.add_argument(
        "--ink", choices=get_args(Ink), default="auto",
        help="whether the garment is darker or lighter than what lies around it; default auto",
    )  # fmt: skip
    classify.add_argument(
        "--save", type=Path, metavar="PNG", help="keep the 28×28 image that the model sees"
    )
    classify.set_defaults(command=_classify)

    ensemble = commands.add_parser(
        "ensemble", help="make a run of several, whose probabilities are averaged"
    )
    ensemble.add_argument("runs", nargs="+", metavar="NAME_OR_RUN_ID")
    ensemble.add_argument("--name", default="", help="what to call it")
    ensemble.set_defaults(command=_ensemble)

    table = commands.add_parser(
        "bench",
        help="train what a table of benchmarks/ lacks, and write it; Ctrl-C keeps what there is",
    )
    table.add_argument("table", choices=list(bench.TABLES))
    table.add_argument("--read", action="store_true", help="train nothing, write what there is")
    table.add_argument("--only", metavar="KEY", help="train the runs of this row only")
    table.add_argument(
        "--folder", type=Path, default=_BENCHMARKS, help="where to write; default benchmarks"
    )
    table.set_defaults(command=_bench)

    migrate = commands.add_parser(
        "migrate", help="rewrite config.json of runs of earlier versions in today's form"
    )
    migrate.set_defaults(command=_migrate)

    card = commands.add_parser("card", help="write the model card of a shipped model anew")
    card.add_argument("name", metavar="NAME")
    card.set_defaults(command=_card)
    return parser


def _add_settings(parser: argparse.ArgumentParser) -> None:
    """An option for each setting, in a group for each part of the Train page's form."""
    defaults = TrainConfig()
    groups: dict[str, argparse._ArgumentGroup] = {}
    for name, setting in TrainConfig.settings().items():
        if setting.group not in groups:
            groups[setting.group] = parser.add_argument_group(setting.group)
        when = f" Has an effect {setting.when}." if setting.when else ""
        help = (
            f"{setting.title}: {setting.values} (default: {format_value(getattr(defaults, name))})."
            f" {setting.help}{when}"
        )
        several: dict[str, Any] = {}
        if setting.kind in ("choices", "runs"):
            several = {"nargs": "+", "action": _Words}
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


def _download(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from fmnist.data.download import TOTAL_BYTES, download

    with tqdm(total=TOTAL_BYTES, unit="B", unit_scale=True, desc="Fashion-MNIST") as bar:

        def show(done: int, _total: int) -> None:
            bar.update(done - bar.n)

        # torchvision draws a bar of its own for every file; one for all is enough
        with contextlib.redirect_stderr(io.StringIO()):
            folder = download(options.data, progress=show)
    print(f"Fashion-MNIST is in {folder}")
    return 0


def _train(options: argparse.Namespace) -> int:
    root = paths.runs_folder()
    if options.resume:
        run = store.open_run(root, options.resume)
        config = run.config
        if config is None or run.state not in RESUMABLE_STATES:
            raise RunError(f"The run {run.run_id} is {run.state}; it cannot be resumed.")
    else:
        fields = [field.name for field in dataclasses.fields(TrainConfig)]
        given = {name: getattr(options, name) for name in fields if hasattr(options, name)}
        config = TrainConfig(**{**recipe(options.recipe, given.get("model")), **given})
    dataset = datasets.load_named(config.dataset)  # before a folder is made for the run
    if not options.resume:
        run = store.create_run(root, config, name=options.name)
    if not _train_run(run, dataset):
        return 1
    run = store.open_run(root, run.run_id)
    best = run.history.selected
    if best:
        kept = "kept, the last" if run.history.checkpoint == "last" else "the best"
        print(
            f"Finished: epoch {best.epoch} is {kept}, {best.split} accuracy {best.accuracy:.2%}. "
            f"Kept in {run.folder}"
        )
    return 0


def _train_run(run: Run, dataset: Dataset) -> bool:
    """Train a run with a bar; whether it has finished, rather than failed or been interrupted."""
    from tqdm import tqdm

    from fmnist.training.loop import Signal, TrainingError, train

    assert run.config is not None
    epochs = run.config.epochs
    interrupted = threading.Event()

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        interrupted.set()

    def control() -> Signal:
        return "pause" if interrupted.is_set() else "continue"

    previous = {s: signal.signal(s, interrupt) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        with store.owning(run), tqdm(unit=" steps", desc=run.run_id) as bar:

            def show(progress: Progress) -> None:
                bar.total = progress.steps
                bar.set_postfix_str(
                    f"epoch {progress.epoch}/{epochs}, {progress.images_per_second:,.0f} images/s"
                )
                bar.update(progress.step - bar.n)

            outcome = train(run, dataset, control=control, on_progress=show)
    except TrainingError as error:
        print(f"The run {run.run_id} failed. {error}", file=sys.stderr)
        return False
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if outcome == "paused":
        print(f"Kept. Go on with: python -m fmnist train --resume {run.run_id}")
        return False
    return True


def _ensemble(options: argparse.Namespace) -> int:
    from fmnist.training.ensemble import combine

    members = [store.find_run(name) for name in options.runs]
    run = combine(members, paths.runs_folder(), name=options.name)
    best = run.history.selected
    assert best is not None
    print(f"Made: {best.split} accuracy {best.accuracy:.2%}. Kept in {run.folder}")
    return 0


def _bench(options: argparse.Namespace) -> int:
    rows = [row for row in bench.TABLES[options.table] if options.only in (None, row.key)]
    if not rows:
        known = ", ".join(row.key for row in bench.TABLES[options.table])
        raise RunError(f"The table has no row {options.only!r}; it has {known}.")
    wanted = [] if options.read else [(row, seed) for row in rows for seed in range(row.seeds)]
    is_complete = all(_bench_run(row, seed) for row, seed in wanted)  # the first failure ends it
    for row in rows:
        bench.save_runs(row, store.list_all_runs())
    counted = sizes.count({row.config.model for row in bench.TABLES[options.table]})
    path = bench.write(options.table, store.list_all_runs(), counted, options.folder)
    print(f"Written: {path}")
    return 0 if is_complete else 1


def _bench_run(row: bench.Row, seed: int) -> bool:
    """Train a run of a table, unless there is one; whether there is one now."""
    config = row.with_seed(seed)
    alike = [run for run in store.list_all_runs() if bench.matches(run, config)]
    if any(run.state == "finished" for run in alike):
        return True
    if row.components:
        from fmnist.training.ensemble import combine

        members = bench.resolve_members(row, store.list_all_runs())
        combine(members, paths.runs_folder(), name=row.title)
        return True
    begun = [run for run in alike if run.state in RESUMABLE_STATES]
    dataset = datasets.load_named(config.dataset)
    if begun:
        print(f"{row.title}, seed {seed}: going on with {begun[0].run_id}")
        return _train_run(begun[0], dataset)
    name = f"{row.title}, seed {seed}"
    print(name)
    return _train_run(store.create_run(paths.runs_folder(), config, name=name), dataset)


def _runs(options: argparse.Namespace) -> int:
    own = store.list_runs(paths.runs_folder())
    shipped = store.list_runs(paths.pretrained_folder())
    shown = own if options.all else own[:_RUNS_SHOWN]
    if shown or shipped:
        titles = ("run", "name", "state", "model", "protocol", "epochs", "best accuracy", "begun")
        rows = [titles, *(_run_row(run, is_shipped=False) for run in shown)]
        rows += [_run_row(run, is_shipped=True) for run in shipped]
        reasons = ["", *(run.reason or "" for run in (*shown, *shipped))]
        for line, reason in zip(_aligned(rows), reasons, strict=True):
            print(line)
            if reason:
                print(f"    {reason}")
    if len(shown) < len(own):
        print(f"… and {len(own) - len(shown)} older; python -m fmnist runs --all shows them.")
    if not own:
        print("There are no runs of your own yet; start one with: python -m fmnist train")
    return 0


def _run_row(run: Run, *, is_shipped: bool) -> tuple[str, ...]:
    config, best = run.config, run.history.selected
    begun = datetime.datetime.fromtimestamp(run.created) if run.created else None
    return (
        run.run_id,
        run.name,
        f"{run.state}, shipped" if is_shipped else run.state,
        config.model if config else "–",
        config.protocol if config else "–",
        f"{len(run.history.epochs)}/{config.epochs if config else '?'}",
        f"{best.accuracy:.2%} {best.split}" if best else "–",
        f"{begun:%Y-%m-%d %H:%M}" if begun else "–",
    )


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _publish(options: argparse.Namespace) -> int:
    run = store.open_run(paths.runs_folder(), options.run)
    published = publish(
        run, paths.pretrained_folder(), options.name, card=model_card.card_of,
        title=options.title, weights=options.weights, force=options.force,
    )  # fmt: skip
    print(f"Published as {published.name!r} in {published.folder}")
    return 0


def _migrate(_options: argparse.Namespace) -> int:
    for root in (paths.pretrained_folder(), paths.benchmark_folder(), paths.runs_folder()):
        for run_id in store.migrate_runs(root):
            print(f"Rewritten: {root / run_id / 'config.json'}")
    return 0


def _card(options: argparse.Namespace) -> int:
    path = model_card.write_card(paths.pretrained_folder(), options.name)
    print(f"Written: {path}")
    return 0


def _classify(options: argparse.Namespace) -> int:
    pixels = read_picture(options.picture.read_bytes())
    preparation = Preparation(fill=options.fill, ink=options.ink)

    from fmnist.runs.loading import load_pretrained, load_run

    run = store.find_run(options.model)
    model = load_run(run.run_id, folder=run.folder.parent)
    is_ood_model_shipped = OOD_MODEL in store.run_ids(paths.pretrained_folder())
    ood_model = (
        load_pretrained(OOD_MODEL) if is_ood_model_shipped and not model.has_ood_class else None
    )
    result = classify(pixels, model, preparation=preparation, ood_model=ood_model)
    if options.save:
        write_atomic(options.save, png(Image.fromarray(result.model_input)))
    if not result.model_input.any():
        print("Nothing is drawn there.", file=sys.stderr)
        return 1
    if not result.is_garment:
        score = result.in_distribution_score
        print(f"This does not look like a garment (in-distribution score {score:.2f}).")
    order = np.argsort(-result.probabilities, kind="stable")
    rows = [(CLASS_NAMES[label], f"{result.probabilities[label]:.1%}") for label in order]
    for line in _aligned([("class", "probability"), *rows]):
        print(line)
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    run = store.find_run(options.run)
    if run.config is None:
        raise RunError(run.reason or f"The settings of {run.run_id} cannot be read.")
    splits: list[SplitName] = ["validation", "test"]
    if run.config.protocol != "held-out":
        if options.split == "validation":
            raise RunError(
                f"The {run.config.protocol} protocol has no validation split; use --split test."
            )
        splits = ["test"]
    if options.split != "both":
        splits = [options.split]
    stored = [predictions.stored_evaluation(run, split) for split in splits]
    dataset = datasets.load_named(run.config.dataset)
    if run.dataset.get("checksum", dataset.checksum) != dataset.checksum:
        raise RunError(
            f"{run.name} was trained on other images than those at hand (their checksum differs)."
        )

    from fmnist.models.classifier import Classifier

    try:
        classifier = Classifier.load(run.weights_path)
    except FileNotFoundError as error:
        raise RunError(f"{run.name} has no weights to compute the figures with.") from error
    except ValueError as error:
        raise RunError(f"{run.name} is broken: {error}") from error
    protocol = run.config.protocol
    computed = [_compute(classifier, dataset.split(s, protocol=protocol)) for s in splits]
    comparisons = [_Comparison.of(*pair) for pair in zip(stored, computed, strict=True)]
    titles = ("split", "images", "accuracy: stored", "now", "loss: stored", "now",
              "labels that differ", "largest logit difference")  # fmt: skip
    for line in _aligned([titles, *(comparison.row() for comparison in comparisons)]):
        print(line)
    agrees = all(comparison.agrees for comparison in comparisons)
    print(
        f"The model {'agrees' if agrees else 'differs'}: same images and true classes, accuracy "
        f"within {_ACCURACY_TOLERANCE * 100:g} percentage points and cross-entropy within "
        f"{_LOSS_TOLERANCE:g} count as agreement, since other processors round differently."
    )
    if run.folder.parent == paths.pretrained_folder():
        is_current = model_card.is_card_current(run, paths.pretrained_folder())
        agrees = agrees and is_current
        print(
            "README.md is up to date."
            if is_current
            else f"README.md is out of date; rewrite it: python -m fmnist card {run.run_id}"
        )
    return 0 if agrees else 1


def _compute(classifier: "Classifier", split: Split) -> Evaluation:
    from tqdm import tqdm

    with tqdm(total=len(split), unit=" images", desc=split.name, leave=False) as bar:

        def show(done: int, _total: int) -> None:
            bar.update(done - bar.n)

        return evaluate(classifier, split, progress=show)


@dataclasses.dataclass(frozen=True)
class _Comparison:
    """What an evaluation that was stored and one that was computed now have in common."""

    stored: Evaluation
    computed: Evaluation
    is_same_split: bool  # same images and true classes, in the same order

    @classmethod
    def of(cls, stored: Evaluation, computed: Evaluation) -> "_Comparison":
        same = np.array_equal(stored.indices, computed.indices) and np.array_equal(
            stored.labels, computed.labels
        )
        return cls(stored, computed, same)

    @property
    def agrees(self) -> bool:
        return (
            self.is_same_split
            and abs(self.stored.accuracy - self.computed.accuracy) <= _ACCURACY_TOLERANCE
            and abs(self.stored.loss - self.computed.loss) <= _LOSS_TOLERANCE
        )

    def row(self) -> tuple[str, ...]:
        stored, computed = self.stored, self.computed
        differing, largest = "other images", "–"
        if self.is_same_split:
            differing = f"{np.sum(stored.predicted_labels != computed.predicted_labels):,}"
            difference = stored.logits.astype(np.float32) - computed.logits.astype(np.float32)
            largest = f"{np.abs(difference).max():.4f}"
        return (
            computed.split, f"{len(computed.labels):,}",
            f"{stored.accuracy:.2%}", f"{computed.accuracy:.2%}",
            f"{stored.loss:.4f}", f"{computed.loss:.4f}", differing, largest,
        )  # fmt: skip
