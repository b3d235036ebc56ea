"""Measure the coverage of prediction sets on the test split, for the shipped models.

    python -m benchmarks.prediction_sets --write

Reads the predictions that come with the models; needs neither weights nor data.
"""

import argparse
from datetime import date
from typing import Final

from fmnist import paths
from fmnist.evaluation.prediction_sets import PredictionSets, calibrate, coverage_band
from fmnist.evaluation.predictions import stored_evaluation
from fmnist.reports.text import markdown_table, percent
from fmnist.runs import store

TABLE: Final = paths.BENCHMARK_TABLES / "prediction_sets.md"
COVERAGES: Final = (0.8, 0.9, 0.95, 0.99)


def page() -> str:
    """The table as Markdown."""
    runs = [
        run
        for run in store.list_runs(paths.pretrained_folder())
        if run.config and run.config.protocol == "held-out"
    ]
    rows = []
    for run in runs:
        validation, test = stored_evaluation(run, "validation"), stored_evaluation(run, "test")
        for by_class in (False, True):
            cells = []
            for coverage in COVERAGES:
                thresholds = calibrate(
                    validation.probabilities, validation.labels, coverage, by_class=by_class
                )
                sets = PredictionSets.of(test.probabilities, test.labels, thresholds)
                low, high = coverage_band(len(validation.labels), len(test.labels), coverage)
                mark = "" if low <= sets.coverage <= high else " ✗"
                cells.append(f"{percent(sets.coverage)}{mark} ({sets.mean_size:.2f})")
            rows.append([run.name, "each class" if by_class else "all", *cells])
    bands = [coverage_band(5000, 10_000, coverage) for coverage in COVERAGES]
    band = ["*band*", "", *(f"*{percent(low)} to {percent(high)}*" for low, high in bands)]
    return "\n".join(
        [
            "# Prediction sets",
            "",
            f"`python -m benchmarks.prediction_sets --write`, {date.today()}. Coverage on the "
            "10,000 test images of sets that were calibrated on the 5,000 validation images, and "
            "in brackets the mean number of classes in a set. Calibrated for all images, or for "
            "the images of each class. The band holds the coverage 19 times out of 20 if "
            "validation and test images are alike; ✗ marks what lies outside.",
            "",
            markdown_table(
                ["Model", "Calibrated for", *(percent(each, 0) for each in COVERAGES)],
                [band, *rows],
                "ll" + "r" * len(COVERAGES),
            ),
            "",
            "Models are a little less accurate on the test images than on the validation images, "
            "by which their epoch was chosen, so the coverage tends to lie below the one asked "
            "for.",
            "",
        ]
    )


def main() -> None:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    arguments = parser.parse_args()
    text = page()
    print(text)
    if arguments.write:
        TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
