"""Photographs measured with classifiers."""

from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from benchmarks import photographs
from benchmarks.photographs import Share
from fmnist.data.labels import CLASS_NAMES
from fmnist.models.classifier import Classifier
from tests.sketchpad.drawn import T_SHIRT, TROUSERS, photograph


class Always:
    """Predicts one class of images that are shifted, another of those that are not."""

    has_ood_class = True
    class_names = CLASS_NAMES

    def __init__(self, label: int) -> None:
        self.label = label

    def predict_proba(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        labels = [self.label if number % 5 else 1 for number in range(len(images))]
        return np.eye(10, dtype=np.float32)[labels]

    def in_distribution_scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.repeat(np.array([1.0, 0.0, 0.0], np.float32), 5)[: len(images)]


def test_hits_and_what_is_kept_are_counted_as_the_draw_page_answers(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, points in (("a", T_SHIRT), ("b", TROUSERS), ("c", T_SHIRT)):
        Image.fromarray(photograph(points)).save(folder / f"{name}.png")
    (folder / "labels.csv").write_text(
        "file,class_index,acceptable,source_file,licence\n"
        "a.png,0,0;6,x,CC0\nb.png,1,1,y,CC0\nc.png,-1,,z,CC0\n"
    )
    read = photographs.read(tmp_path)
    assert [p.acceptable for p in read] == [(0, 6), (1,), ()]
    assert all(p.model_input.any() for p in read)
    measured = photographs.measure(read, cast(Classifier, Always(6)))
    assert measured.correct == Share(1, 2)
    assert measured.by_class == {0: Share(1, 1), 1: Share(0, 1)}
    assert measured.kept == Share(1, 2) and measured.rejected == Share(1, 1)
    assert measured.correct.standard_error == pytest.approx((0.25 / 2) ** 0.5)
