"""A person's labeled drawings and pictures as training data: from the gallery, in a run's folder,
varied.
"""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fmnist.checksums import verify, write_checked
from fmnist.data.labels import CLASS_NAMES, IMAGE_SIZE, NO_GARMENT
from fmnist.data.synthetic.strokes import LINE_WIDTH
from fmnist.errors import DamagedFileError
from fmnist.files import load_arrays
from fmnist.sketchpad import canvas
from fmnist.sketchpad.gallery import MAX_DRAWINGS, SavedDrawing
from fmnist.sketchpad.preprocessing import DRAWING, to_model_input

VARIANTS: Final = 12
"""Changed copies of a drawing that are trained on beside it."""

_NAMES: Final = ("pictures", "labels", "ids")
_FACTOR: Final = canvas.SIDE // IMAGE_SIZE
_SMALL: Final = canvas.SIDE // 2  # pixels; enough for a model input, and four times as fast
_MARGIN: Final = 16  # pixels of paper around, so that a turn cuts nothing off
_MAX_BYTES: Final = MAX_DRAWINGS * (canvas.SIDE**2 + 400)


@dataclass(frozen=True, eq=False)
class OwnDrawings:
    """Labeled drawings and pictures, oldest first.

    Attributes
    ----------
    pictures : uint8 (N, 336, 336)
        The canvas, dark on light; of an uploaded picture, its model input, inverted and enlarged.
    labels : tuple of str (N)
        Names of classes, or "No garment".
    ids : tuple of str (N)
        Names in the gallery.
    prepared : tuple of bool (N)
        Which are uploaded pictures: a person has prepared them already. By default none.
    damaged : int
        How many more there are in the gallery that cannot be learned (`is_damaged`).
    """

    pictures: NDArray[np.uint8]
    labels: tuple[str, ...]
    ids: tuple[str, ...]
    prepared: tuple[bool, ...] = field(default=(), kw_only=True)
    damaged: int = field(default=0, kw_only=True)

    def __post_init__(self) -> None:
        if not self.prepared:
            object.__setattr__(self, "prepared", (False,) * len(self.labels))

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def of(cls, drawings: Sequence[SavedDrawing]) -> Self:
        """What of a gallery, in any order, has a label and can be seen."""
        pictures, labels, ids, prepared = [], [], [], []
        damaged = 0
        for drawing in sorted(drawings, key=lambda one: (one.time, one.drawing_id)):
            if drawing.label is None:
                continue
            if is_damaged(drawing):
                damaged += 1
                continue
            if drawing.model_input is None:
                picture = _on_paper(canvas.pixels(drawing.picture))
            else:
                picture = 255 - np.kron(drawing.model_input, np.ones((_FACTOR, _FACTOR), np.uint8))
            pictures.append(picture)
            labels.append(drawing.label)
            ids.append(drawing.drawing_id)
            prepared.append(drawing.is_picture)
        shape = (len(pictures), canvas.SIDE, canvas.SIDE)
        return cls(
            np.array(pictures, np.uint8).reshape(shape), tuple(labels), tuple(ids),
            prepared=tuple(prepared), damaged=damaged,
        )  # fmt: skip

    def labeled(self, names: Sequence[str]) -> "OwnDrawings":
        """Those whose label is among the names."""
        chosen = [i for i, label in enumerate(self.labels) if label in names]
        return OwnDrawings(
            self.pictures[chosen],
            tuple(self.labels[i] for i in chosen),
            tuple(self.ids[i] for i in chosen),
            prepared=tuple(self.prepared[i] for i in chosen),
            damaged=self.damaged,
        )

    @property
    def own_classes(self) -> tuple[str, ...]:
        """Labels that are none of the ten classes, in the order of their first drawings."""
        known = (*CLASS_NAMES, NO_GARMENT)
        return tuple(dict.fromkeys(label for label in self.labels if label not in known))

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of pictures, labels and ids, and of which are uploaded."""
        digest = hashlib.sha256(self.pictures.tobytes())
        digest.update("\n".join((*self.labels, *self.ids)).encode())
        if any(self.prepared):
            digest.update(bytes(self.prepared))
        return digest.hexdigest()

    @cached_property
    def model_inputs(self) -> NDArray[np.uint8]:
        """What a model sees of each, uint8 (N, 28, 28)."""
        inputs = [
            255 - picture[::_FACTOR, ::_FACTOR] if done else to_model_input(_rgba(picture), DRAWING)
            for picture, done in zip(self.pictures, self.prepared, strict=True)
        ]
        return np.array(inputs, np.uint8).reshape(-1, IMAGE_SIZE, IMAGE_SIZE)

    def variants(self, index: int, *, seed: int) -> NDArray[np.uint8]:
        """A drawing as a model sees it, then changed copies of it.

        They are turned, sheared, stretched and shifted a little; drawings in lines of other widths,
        pictures in other tones. They depend on the drawing and the seed alone, so that another
        drawing more changes none.

        Parameters
        ----------
        index : int
        seed : int

        Returns
        -------
        uint8 (1 + VARIANTS, 28, 28)
        """
        content = hashlib.sha256(self.pictures[index].tobytes()).digest()[:8]
        # RandomState's stream is frozen for good
        rng = np.random.RandomState([seed, *np.frombuffer(content, np.uint32)])
        if self.prepared[index]:
            copies = [_vary_picture(self.model_inputs[index], rng) for _ in range(VARIANTS)]
        else:
            paper = Image.fromarray(self.pictures[index]).reduce(canvas.SIDE // _SMALL)
            copies = [_vary(paper, rng) for _ in range(VARIANTS)]
        return np.stack([self.model_inputs[index], *copies])

    def save(self, path: Path) -> None:
        """Write to a `.npz` file in the folder of a run, atomically."""
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer, pictures=self.pictures, labels=np.array(self.labels), ids=np.array(self.ids),
            prepared=np.array(self.prepared, bool),
        )  # fmt: skip
        write_checked(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path, *, digest: str) -> Self:
        """Read a file that `save` wrote.

        Raises
        ------
        OSError
            If there is no such file.
        DamagedFileError
            If it is damaged, or holds other drawings than those of this digest.
        """
        verify(path)
        arrays = load_arrays(path, max_bytes=_MAX_BYTES)
        if not arrays.keys() >= set(_NAMES):
            raise DamagedFileError(f"the file {path.name} lacks an array.")
        pictures, labels, ids = (arrays[name] for name in _NAMES)
        # earlier versions knew drawings alone
        prepared = arrays.get("prepared", np.zeros(len(pictures), bool))
        fits = (
            pictures.dtype == np.uint8
            and pictures.shape == (len(pictures), canvas.SIDE, canvas.SIDE)
            and labels.dtype.kind == ids.dtype.kind == "U"
            and prepared.dtype == np.bool_
            and labels.shape == ids.shape == prepared.shape == (len(pictures),)
        )
        if not fits:
            raise DamagedFileError(f"the arrays in {path.name} do not fit together.")
        found = cls(
            pictures, tuple(labels.tolist()), tuple(ids.tolist()), prepared=tuple(prepared.tolist())
        )
        if found.digest != digest:
            raise DamagedFileError(f"the file {path.name} has other drawings than its run.")
        return found


def is_damaged(drawing: SavedDrawing) -> bool:
    """Whether nothing can be learned of a drawing, since its picture is damaged or empty."""
    if drawing.model_input is not None:
        return bool(drawing.model_input.min() == drawing.model_input.max())
    return _is_empty(drawing.picture)


@lru_cache(MAX_DRAWINGS)  # the page asks for all drawings whenever it is drawn
def _is_empty(picture: bytes) -> bool:
    paper = _on_paper(canvas.pixels(picture))
    return bool(paper.min() == paper.max())


def _on_paper(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A canvas, uint8 (H, W, 4), as gray on white, uint8 (H, W)."""
    picture = Image.fromarray(rgba)
    paper = Image.new("RGBA", picture.size, "white")
    return np.asarray(Image.alpha_composite(paper, picture).convert("L"))


def _rgba(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(gray).convert("RGBA"))


def _vary(paper: Image.Image, rng: np.random.RandomState) -> NDArray[np.uint8]:
    """A changed copy of a drawing, gray on white, as a model input."""
    bend = _draw_bend(rng)
    width = LINE_WIDTH * rng.uniform(0.75, 1.35)
    right, down = rng.randint(-1, 2, size=2)
    side = _SMALL + 2 * _MARGIN
    framed = Image.new("L", (side, side), 255)
    framed.paste(paper, (_MARGIN, _MARGIN))
    changed = _bent(framed, bend, ground=255)
    image = to_model_input(_rgba(np.asarray(changed)), replace(DRAWING, line_width=width))
    return _shift(image, int(right), int(down))


def _vary_picture(image: NDArray[np.uint8], rng: np.random.RandomState) -> NDArray[np.uint8]:
    """A changed copy of a model input."""
    bend = _draw_bend(rng)
    bright = np.exp(rng.normal(0, 0.15))
    right, down = rng.randint(-1, 2, size=2)
    changed = np.asarray(_bent(Image.fromarray(image), bend, ground=0), np.float32)
    image = np.clip(np.rint(changed * bright), 0, 255).astype(np.uint8)
    return _shift(image, int(right), int(down))


def _draw_bend(rng: np.random.RandomState) -> tuple[float, float, float]:
    """Angle, shear, and stretch of an affine map, at random."""
    return rng.normal(0, 0.07), rng.normal(0, 0.06), float(np.exp(rng.normal(0, 0.07)))


def _bent(picture: Image.Image, bend: tuple[float, float, float], *, ground: int) -> Image.Image:
    """A square picture, turned, sheared and stretched about its middle."""
    turn, shear, stretch = bend
    cos, sin, middle = np.cos(turn), np.sin(turn), picture.width / 2
    a, b = stretch * cos, stretch * (shear - sin)
    d, e = sin / stretch, cos / stretch
    shift_x, shift_y = middle - a * middle - b * middle, middle - d * middle - e * middle
    return picture.transform(
        picture.size, Image.Transform.AFFINE, (a, b, shift_x, d, e, shift_y),
        Image.Resampling.BILINEAR, fillcolor=ground,
    )  # fmt: skip


def _shift(image: NDArray[np.uint8], right: int, down: int) -> NDArray[np.uint8]:
    """Move an image by at most a pixel each way; what comes in is black."""
    padded = np.pad(image, 1)
    return padded[1 - down : 1 - down + IMAGE_SIZE, 1 - right : 1 - right + IMAGE_SIZE]
