"""A person's drawings as training data: from the gallery, in a file, varied."""

import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fmnist.data.synthetic.sketches import sketch_garment
from fmnist.data.synthetic.strokes import Drawing, jitter_strokes
from fmnist.errors import DamagedFileError
from fmnist.sketchpad import canvas
from fmnist.sketchpad.gallery import SavedDrawing
from fmnist.sketchpad.preprocessing import to_model_input
from fmnist.training.own_drawings import VARIANTS, OwnDrawings

HAT: Drawing = [[(0, 60), (100, 60)], [(20, 60), (22, 20), (78, 20), (80, 60)]]
SPOON: Drawing = [[(50, 0), (35, 15), (50, 35), (65, 15), (50, 0)], [(50, 35), (50, 100)]]
SHAPES: Mapping[str | None, Drawing] = {"hat": HAT, "spoon": SPOON, "No garment": SPOON}


def picture_of(drawing: SavedDrawing, tone: int = 200) -> SavedDrawing:
    """An uploaded picture with the same label: a garment as the model saw it."""
    seen = np.zeros((28, 28), np.uint8)
    seen[4:24, 6:22] = tone
    return replace(drawing, shapes=[], picture=b"", model_input=seen)


def drawings(*labels: str | None) -> list[SavedDrawing]:
    """Drawings with these labels, oldest first: hats, spoons, else shoes."""
    rng = random.Random(1)
    found = []
    for number, label in enumerate(labels, 1):
        drawing = SHAPES.get(label) or sketch_garment(7, rng)
        shapes = canvas.from_strokes(jitter_strokes(drawing, rng, jitter=0.5))
        picture = canvas.render_shapes(shapes)
        one = SavedDrawing(shapes, picture, "Sketch", "Bag", 0.5, label)
        found.append(replace(one, time=float(number), drawing_id=f"19700101-00000{number}-000000"))
    return found


def test_labeled_drawings_that_can_be_seen_are_taken_oldest_first() -> None:
    saved = drawings("Sneaker", None, "hat", "No garment", "Bag", "sock")
    saved[4] = replace(saved[4], picture=b"damaged")
    found = OwnDrawings.of(saved[::-1])
    assert found.labels == ("Sneaker", "hat", "No garment", "sock")
    assert found.damaged == found.labeled(["hat"]).damaged == 1
    assert found.own_classes == ("hat", "sock")
    assert found.ids == tuple(saved[i].drawing_id for i in (0, 2, 3, 5))
    seen = to_model_input(canvas.pixels(saved[2].picture))
    assert np.abs(found.model_inputs[1].astype(int) - seen).max() <= 1
    assert found.labeled(["hat"]).ids == (saved[2].drawing_id,)
    assert len(OwnDrawings.of([])) == 0


def test_variants_depend_on_the_drawing_and_the_seed_alone() -> None:
    saved = drawings("Sneaker", "Sneaker")
    both, second = OwnDrawings.of(saved), OwnDrawings.of(saved[1:])
    made = both.variants(1, seed=3)
    assert made.shape == (1 + VARIANTS, 28, 28) and made.dtype == np.uint8
    np.testing.assert_array_equal(made, second.variants(0, seed=3))
    np.testing.assert_array_equal(made[0], both.model_inputs[1])
    assert (made != both.variants(1, seed=4)).any()
    different = [(one != made[0]).any() for one in made[1:]]
    assert all(different) and made.any(axis=(1, 2)).all()


def test_pictures_are_taken_as_a_person_prepared_them() -> None:
    saved = drawings("Sneaker", "hat", "hat")
    saved[1] = picture_of(saved[1])
    saved[2] = picture_of(saved[2], tone=0)  # nothing to see
    found = OwnDrawings.of(saved)
    assert found.labels == ("Sneaker", "hat") and found.prepared == (False, True)
    np.testing.assert_array_equal(found.model_inputs[1], saved[1].model_input)
    alone = OwnDrawings.of(saved[:1])
    np.testing.assert_array_equal(found.variants(0, seed=3), alone.variants(0, seed=3))
    made = found.variants(1, seed=3)
    np.testing.assert_array_equal(made[0], saved[1].model_input)
    # turned and lit a little: a garment still, of about the same tone
    assert all((one != made[0]).any() for one in made[1:])
    peaks = made.max(axis=(1, 2)).astype(int)
    assert len(set(peaks)) > 5 and (abs(peaks - 200) < 120).all()
    assert found.labeled(["hat"]).prepared == (True,)


def test_files_of_earlier_versions_hold_drawings_alone(tmp_path: Path) -> None:
    found, path = OwnDrawings.of(drawings("Sneaker", "hat")), tmp_path / "drawings.npz"
    np.savez(path, pictures=found.pictures, labels=found.labels, ids=found.ids)
    assert OwnDrawings.load(path, digest=found.digest).prepared == (False, False)


def test_a_file_gives_back_what_was_saved(tmp_path: Path) -> None:
    saved = drawings("Sneaker", "hat")
    found = OwnDrawings.of([saved[0], picture_of(saved[1])])
    assert found.digest != replace(found, prepared=(False, False)).digest
    found.save(tmp_path / "drawings.npz")
    read = OwnDrawings.load(tmp_path / "drawings.npz", digest=found.digest)
    np.testing.assert_array_equal(read.pictures, found.pictures)
    assert (read.labels, read.ids, read.digest) == (found.labels, found.ids, found.digest)
    assert read.prepared == (False, True)


def test_other_drawings_and_damaged_files_are_refused(tmp_path: Path) -> None:
    found, path = OwnDrawings.of(drawings("Sneaker", "hat")), tmp_path / "drawings.npz"
    replace(found, labels=("Sneaker", "sock")).save(path)
    with pytest.raises(DamagedFileError, match="other drawings"):
        OwnDrawings.load(path, digest=found.digest)
    np.savez(path, pictures=found.pictures[:, :10], labels=found.labels, ids=found.ids)
    with pytest.raises(DamagedFileError, match="do not fit"):
        OwnDrawings.load(path, digest=found.digest)
    path.write_bytes(b"damaged")
    with pytest.raises(DamagedFileError):
        OwnDrawings.load(path, digest=found.digest)
