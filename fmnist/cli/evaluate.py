"""The command that recomputes the figures of a model: evaluate."""

import argparse
import dataclasses
from typing import TYPE_CHECKING, Final

import numpy as np

from fmnist import paths
from fmnist.cli.tables import aligned
from fmnist.data import fashion_mnist as datasets
from fmnist.data.splits import Split, SplitName
from fmnist.errors import sentence
from fmnist.evaluation import predictions
from fmnist.evaluation.predictions import Evaluation, evaluate
from fmnist.reports import model_card
from fmnist.reports.text import percent
from fmnist.runs import store
from fmnist.runs.run import RunError

if TYPE_CHECKING:
    from fmnist.models.classifier import Classifier

_ACCURACY_TOLERANCE: Final = 0.0005
_LOSS_TOLERANCE: Final = 0.001


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands of this module."""
    evaluate = commands.add_parser(
        "evaluate", help="recompute the figures of a model and compare them with the stored ones"
    )
    evaluate.add_argument("run", metavar="NAME_OR_RUN_ID", help="a shipped model or a run")
    evaluate.add_argument("--split", choices=["validation", "test", "both"], default="both")
    evaluate.set_defaults(command=_evaluate)


def _evaluate(options: argparse.Namespace) -> int:
    run = store.find_run(options.run)
    if run.config is None or run.state == "broken":
        raise RunError(f"The run {run.run_id} is broken: {run.reason}")
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
            f"{run.name} was trained on other images than the ones here (their checksum differs)."
        )

    from fmnist.models.classifier import Classifier

    try:
        classifier = Classifier.load(run.weights_path)
    except FileNotFoundError as error:
        raise RunError(f"{run.name} has no weights to compute the figures with.") from error
    except (OSError, ValueError) as error:
        raise RunError(sentence(error, f"{run.name} is broken")) from error
    protocol = run.config.protocol
    computed = [_compute(classifier, dataset.split(s, protocol=protocol)) for s in splits]
    comparisons = [_Comparison.of(*pair) for pair in zip(stored, computed, strict=True)]
    titles = ("split", "images", "accuracy: stored", "now", "loss: stored", "now",
              "labels that differ", "largest logit difference")  # fmt: skip
    for line in aligned([titles, *(comparison.row() for comparison in comparisons)]):
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
    """The stored evaluation of a split beside the recomputed one."""

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
            f"{percent(stored.accuracy)}", f"{percent(computed.accuracy)}",
            f"{stored.loss:.4f}", f"{computed.loss:.4f}", differing, largest,
        )  # fmt: skip
