"""The best ensembles of the finished runs, by their accuracy on the validation images.

    python benchmarks/ensembles.py [--at-least 0.945] [--members 4] [--shown 5]

This chose the members of the shipped Ensemble. It reads no test image.
"""

import argparse
import itertools

from fmnist.evaluation.predictions import Evaluation, stored_evaluation
from fmnist.reports.text import percent
from fmnist.runs import store
from fmnist.runs.config import TrainConfig


def candidates(at_least: float) -> dict[str, Evaluation]:
    """Validation logits of the single networks that reach an accuracy in [0, 1], by run."""
    found: dict[str, Evaluation] = {}
    for run in store.list_all_runs():
        if not isinstance(run.config, TrainConfig) or run.config.protocol != "held-out":
            continue
        if run.state != "finished" or not run.evaluation_path("validation").exists():
            continue
        evaluation = stored_evaluation(run, "validation")
        twice = any((evaluation.logits == other.logits).all() for other in found.values())
        if evaluation.accuracy >= at_least and not twice:  # a shipped run may be there twice
            found[run.run_id] = evaluation
    return found


def main() -> None:
    """Print the best ensembles of each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at-least", type=float, default=0.945, help="accuracy of a member")
    parser.add_argument("--members", type=int, default=4, help="at most")
    parser.add_argument("--shown", type=int, default=5, help="ensembles of each size")
    options = parser.parse_args()
    found = candidates(options.at_least)
    for size in range(1, options.members + 1):
        ensembles = [
            (Evaluation.mean([found[name] for name in names]), names)
            for names in itertools.combinations(sorted(found), size)
        ]
        ensembles.sort(key=lambda each: (-each[0].accuracy, each[0].loss))
        for evaluation, names in ensembles[: options.shown]:
            print(percent(evaluation.accuracy), f"{evaluation.loss:.4f}", *names)


if __name__ == "__main__":
    main()
