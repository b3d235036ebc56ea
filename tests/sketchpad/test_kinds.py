"""What a picture is: drawings and icons, scans of drawings, photographs."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fmnist.sketchpad.kinds import is_photograph
from fmnist.sketchpad.preprocessing import Preparation, to_model_input
from tests.sketchpad.drawn import T_SHIRT, TROUSERS, canvas, noise, photograph, scan


def as_jpeg(rgba: NDArray[np.uint8], quality: int = 85) -> NDArray[np.uint8]:
    """As after a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(rgba).convert("RGB").save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGBA"))


def icon() -> NDArray[np.uint8]:
    """A filled icon with an outline, on a colored ground."""
    image = Image.new("RGBA", (400, 400), "#dde8f0")
    draw = ImageDraw.Draw(image)
    draw.polygon(T_SHIRT, fill="#e33b2e", outline="black", width=6)
    draw.rectangle((170, 180, 230, 240), fill="#ffd23f")
    return np.asarray(image)


@pytest.mark.parametrize("paper", [150, 215, 250])
@pytest.mark.parametrize("pen", [3, 8, 16])
def test_a_scan_is_a_drawing(paper: int, pen: int) -> None:
    assert not is_photograph(as_jpeg(scan(TROUSERS, pen=pen, paper=paper)))


def test_a_scan_is_redrawn_as_the_drawing() -> None:
    drawn = to_model_input(canvas(TROUSERS)).astype(float)
    scanned = to_model_input(as_jpeg(scan(TROUSERS, shadow=0.1))).astype(float)
    assert np.abs(drawn - scanned).sum() < 0.3 * drawn.sum()


@pytest.mark.parametrize("quality", [85, 95])
def test_icons_are_drawings(quality: int) -> None:
    assert not is_photograph(as_jpeg(icon(), quality))
    assert not is_photograph(canvas(TROUSERS, filled=True))
    assert not is_photograph(canvas(TROUSERS, ground=None))


@pytest.mark.parametrize("seed", range(4))
def test_a_garment_on_a_floor_is_a_photograph(seed: int) -> None:
    assert is_photograph(as_jpeg(photograph(seed=seed)))
    assert is_photograph(photograph(seed=seed, color=(200, 200, 195), ground=(120, 120, 125)))


def test_a_garment_on_white_is_a_photograph() -> None:
    mask = canvas(T_SHIRT, pen=1, filled=True)[..., 0] < 128
    picture = np.full((400, 400, 4), 255, np.uint8)
    picture[mask, :3] = np.clip(120 + 30 * noise(0, 8)[mask], 0, 250).astype(np.uint8)[:, None]
    assert is_photograph(picture)


def test_a_photograph_is_not_redrawn() -> None:
    picture = photograph()
    seen = to_model_input(picture)
    for line_width in (1.0, 4.0, None):
        assert (to_model_input(picture, Preparation(line_width=line_width)) == seen).all()
    assert len(np.unique(seen[seen > 0])) > 40  # tones, not lines


def test_the_kind_can_be_told() -> None:
    picture = photograph()
    as_drawing = to_model_input(picture, Preparation(kind="drawing"))
    as_photograph = to_model_input(picture, Preparation(kind="photograph"))
    assert (to_model_input(picture) == as_photograph).all()
    assert (as_drawing != as_photograph).any()


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (300, 2), (3, 3)])
def test_small_pictures(size: tuple[int, int]) -> None:
    values = np.random.default_rng(0).integers(0, 256, (*size, 4), dtype=np.uint8)
    for kind in ("auto", "drawing", "photograph"):
        image = to_model_input(values, Preparation(kind=kind))
        assert image.shape == (28, 28)
