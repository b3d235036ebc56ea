"""Look for duplicates in Fashion-MNIST, and measure what the leaked test images are worth.

    python -m benchmarks.duplicates --write

Takes about three minutes on one core; what was found is kept, and the Data page shows it. Writes
the table, and the pairs as docs/duplicates.png. Needs the real data set, but no weights.
"""

import argparse
import platform
from datetime import date
from typing import Final

import numpy as np
from tqdm import tqdm

from fmnist import paths
from fmnist.data import fashion_mnist
from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import Dataset
from fmnist.evaluation.duplicates import (
    FARTHEST,
    NEAR,
    PATCH,
    Pairs,
    Pool,
    find_pairs,
    groups,
    leak_effect,
)
from fmnist.evaluation.predictions import stored_evaluation
from fmnist.files import write_atomic
from fmnist.reports.images import contact_sheet
from fmnist.reports.text import markdown_table, percent
from fmnist.runs import store

TABLE: Final = paths.BENCHMARK_TABLES / "duplicates.md"
SHEET: Final = paths.PROJECT / "docs" / "duplicates.png"
DISTANCES: Final = (0, 4, 8, NEAR, 16, 20, FARTHEST)


def found_pairs(dataset: Dataset, pool: Pool) -> Pairs:
    """The pairs that are kept, else looked for and kept."""
    kept = Pairs.load(dataset)
    if kept is not None:
        return kept
    with tqdm(desc="Comparing all images", total=100, unit="%", leave=False) as bar:

        def report(share: float) -> None:
            bar.update(round(100 * share) - bar.n)

        found = find_pairs(pool.images, progress=report)
    found.save(dataset)
    return found


def counts(pairs: Pairs, pool: Pool) -> list[list[str]]:
    """A row a distance: what is found up to there."""
    rows = []
    for distance in DISTANCES:
        near = pairs.within(distance)
        joined = groups(near, pool)
        rows.append(
            [
                f"**{distance}**" if distance == NEAR else str(distance),
                str(len(near)),
                str(int(near.mirrored.sum())),
                str(len(joined)),
                str(sum(len(group.positions) for group in joined)),
                str(sum(group.labels_differ for group in joined)),
                str(sum(len(group.splits) > 1 for group in joined)),
                str(len(near.leaks(pool))),
            ]
        )
    return rows


def accuracies(pairs: Pairs, dataset: Dataset) -> list[list[str]]:
    """A row a shipped model and distance: test accuracy with and without leaks."""
    rows = []
    for run in store.list_runs(paths.pretrained_folder()):
        if run.config is None or not run.evaluation_path("test").exists():
            continue
        test, pool = stored_evaluation(run, "test"), Pool.of(dataset, run.config.protocol)
        for distance in (NEAR, FARTHEST):
            leaked = pool.indices[pairs.within(distance).leaks(pool)]
            effect = leak_effect(test.correct, test.indices, leaked)
            rows.append(
                [
                    run.name,
                    run.config.protocol,
                    str(distance),
                    f"{effect.correct_leaks} of {effect.leaks}",
                    percent(effect.accuracy, 3),
                    percent(effect.without, 3),
                    f"{100 * (effect.without - effect.accuracy):+.3f}",
                ]
            )
    return rows


def sheet(pairs: Pairs, pool: Pool) -> bytes:
    """The near pairs side by side, the closest first, as a PNG."""
    near = pairs.within(NEAR)
    order = np.argsort(near.distance, kind="stable")
    images, captions = [], []
    for number in order:
        for position in (int(near.first[number]), int(near.second[number])):
            label, split = CLASS_NAMES[pool.labels[position]], pool.split(position)
            images.append(pool.images[position])
            captions.append(
                f"{label}, {near.distance[number]:.1f}\n{split} #{pool.indices[position]}"
            )
    title = f"Fashion-MNIST: all {len(near)} pairs of images up to a difference of {NEAR}"
    return contact_sheet(np.stack(images), captions, title=title)


def page(pairs: Pairs, dataset: Dataset, pool: Pool) -> str:
    """The tables as Markdown."""
    exact = len(pairs.equal(pool.images))
    nearest = pairs.distance[pairs.mirrored].min(initial=np.inf)
    mirrored = f"the closest differs by {nearest:.1f}" if np.isfinite(nearest) else "there is none"
    return "\n".join(
        [
            "# Duplicates",
            "",
            f"`python -m benchmarks.duplicates --write`, {date.today()}; NumPy {np.__version__}, "
            f"Python {platform.python_version()}.",
            "",
            f"All {len(pool.images):,} images of Fashion-MNIST, compared by their pixels. Of each, "
            "the eight nearest ones, and the eight nearest to its mirror image, are aligned by a "
            "shift of at most one pixel; the difference is then the mean absolute difference in "
            f"the square of {PATCH}×{PATCH} pixels where the two differ most, in gray levels of "
            "255. Splits are those of the held-out protocol; a leak is a test image that is "
            "paired with a training image.",
            "",
            f"Pairs with equal pixels: **{exact}**. Pairs that are closer when one is mirrored: "
            f"{mirrored}.",
            "",
            markdown_table(
                [
                    "Largest difference", "Pairs", "Mirrored", "Groups", "Images",
                    "Groups with different labels", "Groups across splits", "Leaks",
                ],
                counts(pairs, pool),
            ),
            "",
            f"The [pairs up to {NEAR}](../docs/{SHEET.name}), by eye: one garment each, or one in "
            "two sizes or shades. From about 16 on, plain trousers and shirts of the same cut are "
            "among them, and the count says less.",
            "",
            "## Accuracy without the leaks",
            "",
            "The shipped models on all test images, and without the leaks. What a model learned "
            "from is counted by its own protocol.",
            "",
            markdown_table(
                [
                    "Model", "Protocol", "Largest difference", "Leaks correct", "Test accuracy",
                    "Without leaks", "Points",
                ],
                accuracies(pairs, dataset),
                "lllrrrr",
            ),
            "",
        ]
    )  # fmt: skip


def main() -> None:
    """Print the tables, or write them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name} and {SHEET.name}")
    arguments = parser.parse_args()
    dataset = fashion_mnist.load_named("fashion-mnist")
    pool = Pool.of(dataset)
    pairs = found_pairs(dataset, pool)
    text = page(pairs, dataset, pool)
    print(text)
    if arguments.write:
        write_atomic(SHEET, sheet(pairs, pool))
        TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
