"""Corrections: what they do to a split, that they are read as written, and what is refused."""

import numpy as np
import pytest

from fmnist.data.corrections import Corrections, CorrectionsError
from tools.small import small_dataset

NAME = "synthetic-garments"


def test_labels_change_and_images_go_and_the_split_stays() -> None:
    split = small_dataset().split("train")
    first, second, third = (int(index) for index in split.indices[:3])
    held_out = int(small_dataset().split("validation").indices[0])
    before = split.labels.copy()
    other = (int(split.labels[1]) + 1) % 10
    found = Corrections.of(NAME, relabeled={second: other}, excluded=[first, held_out]).apply(split)
    assert found.indices.tolist() == split.indices[1:].tolist()
    assert found.labels.tolist() == [other, *split.labels[2:].tolist()]
    assert np.array_equal(found.images, split.images[1:])
    assert np.array_equal(split.labels, before)
    assert third in found.indices


def test_the_same_corrections_have_the_same_checksum() -> None:
    one = Corrections.of(NAME, relabeled={5: 1, 2: 3}, excluded=[9, 7])
    two = Corrections.of(NAME, relabeled={2: 3, 5: 1}, excluded=[7, 9, 9])
    assert one == two and one.checksum == two.checksum
    assert Corrections.from_bytes(one.to_bytes()) == one
    assert (one.title, len(one)) == ("2 excluded, 2 relabeled", 4)
    assert Corrections.of(NAME, excluded=[1]).checksum != Corrections.of(NAME).checksum


def test_chosen_images_alone_are_trained_on() -> None:
    split = small_dataset().split("train")
    chosen = split.indices[[9, 3, 5]].tolist()
    held_out = int(small_dataset().split("validation").indices[0])
    made = Corrections.of(NAME, chosen=[*chosen, held_out], chosen_by="margin")
    assert made.apply(split).indices.tolist() == split.indices[[3, 5, 9]].tolist()
    assert (made.title, len(made)) == ("4 chosen by margin", 4)
    assert Corrections.from_bytes(made.to_bytes()) == made
    assert Corrections.of(NAME, chosen=chosen, chosen_by="entropy").checksum != made.checksum
    # as earlier versions wrote them
    assert Corrections.of(NAME).to_bytes() == (
        b'{"dataset":"synthetic-garments","relabeled":[],"excluded":[]}\n'
    )
    for of, by in (([1], None), ([1], "chance"), ([], "margin")):
        with pytest.raises(CorrectionsError, match="how the images were chosen"):
            Corrections.of(NAME, chosen=of, chosen_by=by)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"rubbish", b"[" * 200_000, b"[]", b"{}",
        b'{"dataset":"x","relabeled":[],"excluded":[]}\n',
        b'{"dataset":"synthetic-garments","relabeled":[[1]],"excluded":[]}\n',
        b'{"dataset":"synthetic-garments","relabeled":[[1,10]],"excluded":[]}\n',
        b'{"dataset":"synthetic-garments","relabeled":[[1,"2"]],"excluded":[]}\n',
        b'{"dataset":"synthetic-garments","relabeled":[],"excluded":[10000]}\n',
        b'{"dataset":"synthetic-garments","relabeled":[],"excluded":[-1]}\n',
        b'{"dataset":"synthetic-garments","relabeled":[],"excluded":[2,1]}\n',
        b'{"dataset":"synthetic-garments","relabeled":[[1,2]],"excluded":[1]}\n',
        b'{"dataset":"synthetic-garments","relabeled":[],"excluded":[1.0]}\n',
        b'{"dataset":"synthetic-garments","relabeled":[],"excluded":[true]}\n',
        b'{"dataset":"synthetic-garments","relabeled":[],"excluded":[1] }\n',
        b'{"dataset":"synthetic-garments","relabeled":[],"excluded":[],"chosen":[2,1],'
        b'"chosen_by":"margin"}\n',
        b'{"dataset":"synthetic-garments","relabeled":[],"excluded":[],"chosen":[1,1],'
        b'"chosen_by":"margin"}\n',
        b'{"dataset":["a"],"relabeled":[],"excluded":[]}\n',
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused_in_a_sentence(content: bytes) -> None:
    with pytest.raises(CorrectionsError, match=r"corrections .*\.$"):
        Corrections.from_bytes(content)
