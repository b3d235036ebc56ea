"""From a canvas or a picture to the 28×28 image that a classifier sees."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from fmnist.data.labels import IMAGE_SIZE
from fmnist.data.synthetic.strokes import LINE_WIDTH, Center, letterbox

if TYPE_CHECKING:
    pass

Ink = Literal["auto", "dark", "light"]

WORKING_SIZE: Final = 448  # longest side that is worked on: 16 pixels to an image pixel
_MASK_LEVEL: Final = 0.35  # of full ink: half of it would lose thin lines' soft edges
_WIDEST_LINE: Final = 0.14  # of the drawing's longest side; what is wider is an area, not a line
_LEAST_INK: Final = 0.04  # contrast to the background, of 1; below it, it is the paper's own noise


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """What happens between canvas and classifier.

    Attributes
    ----------
    crop : bool
        Scale what is drawn until its longest side fills the image, as in Fashion-MNIST; otherwise
        the whole canvas is shrunk.
    center : {"box", "mass"}
        What comes to lie in the middle: the bounding box's, as in Fashion-MNIST, or the center of
        mass, as in MNIST (as far as nothing is cut off). Only with `crop`.
    line_width : float or None
        Lines are brought to this width, in image pixels; None leaves them. Areas and photographs
        are left alone.
    ink : {"auto", "dark", "light"}
        Whether the garment is darker or lighter than what lies around it; "auto" takes what
        differs from the border.
    fill : float
        Tone of areas that lines enclose, 0 (left empty) to 1.

    Raises
    ------
    ValueError
        If a value is impossible.
    """

    crop: bool = True
    center: Center = "box"
    line_width: float | None = LINE_WIDTH
    ink: Ink = "auto"
    fill: float = 0.0

    def __post_init__(self) -> None:
        if self.center not in get_args(Center):
            raise ValueError(f"center must be box or mass, not {self.center!r}.")
        if self.ink not in get_args(Ink):
            raise ValueError(f"ink must be auto, dark or light, not {self.ink!r}.")
        if self.line_width is not None and not 0.5 <= self.line_width <= 8:
            raise ValueError(f"line_width must be between 0.5 and 8, not {self.line_width!r}.")
        if not 0 <= self.fill <= 1:
            raise ValueError(f"fill must be between 0 and 1, not {self.fill!r}.")


DEFAULT_PREPARATION: Final = Preparation()
"""As Fashion-MNIST was made: cropped, centered, light on black."""


def to_model_input(
    rgba: NDArray[np.uint8], preparation: Preparation = DEFAULT_PREPARATION
) -> NDArray[np.uint8]:
    """What a classifier sees of a canvas or a picture.

    Parameters
    ----------
    rgba : uint8 (H, W, 4)
        Dark on light or light on dark, opaque or on a transparent ground; row 0 is the top.
    preparation : Preparation

    Returns
    -------
    uint8 (28, 28)
        White garment on black; all 0 where nothing is drawn.

    Raises
    ------
    ValueError
        If the array has another shape or type.
    """
    if rgba.ndim != 3 or rgba.shape[2] != 4 or 0 in rgba.shape or rgba.dtype != np.uint8:
        raise ValueError(f"rgba must be uint8 (H, W, 4), not {rgba.dtype} {rgba.shape}.")
    ink = _ink(_shrunk(rgba), preparation.ink)
    mask = ink > _MASK_LEVEL
    if not mask.any():
        return np.zeros((IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    if preparation.crop:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        ink, mask = ink[box], mask[box]
    size = max(mask.shape)
    width = _mean_width(mask)
    if width <= max(_WIDEST_LINE * size, 2.0):
        ink = _redrawn(mask, width, preparation, size)
    elif preparation.fill > 0:
        holes = ndimage.binary_fill_holes(mask) & ~mask
        ink = np.where(holes, np.float32(preparation.fill), ink)
    pixels = np.round(ink * 255).astype(np.uint8)
    return letterbox(pixels, center=preparation.center if preparation.crop else "box")


def _shrunk(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    longest = max(rgba.shape[:2])
    if longest <= WORKING_SIZE:
        return rgba
    height, width = (max(1, round(n * WORKING_SIZE / longest)) for n in rgba.shape[:2])
    # Pillow weighs colors by their alpha where the mode is RGBa, with a small a
    picture = Image.fromarray(rgba).convert("RGBa").resize((width, height), Image.Resampling.BOX)
    return np.asarray(picture.convert("RGBA"))


def _ink(rgba: NDArray[np.uint8], ink: Ink) -> NDArray[np.float32]:
    """How much each pixel differs from the ground, float32 (H, W) in [0, 1]."""
    values = rgba.astype(np.float32) / 255
    colors, alpha = values[..., :3], values[..., 3:]
    weights = np.array([0.299, 0.587, 0.114], np.float32)  # of luminance, ITU-R BT.601
    if ink == "auto" and (alpha < 0.5).mean() > 0.02:  # on glass: laid on what it stands out from
        luminance = float((colors @ weights * alpha[..., 0]).sum() / max(alpha.sum(), 1e-6))
        ink = "dark" if luminance < 0.5 else "light"
    if ink != "auto":
        ground = np.float32(1.0 if ink == "dark" else 0.0)
        tone = (colors * alpha + ground * (1 - alpha)) @ weights
        difference = 1 - tone if ink == "dark" else tone
    else:
        edge = max(1, round(0.02 * min(rgba.shape[:2])))
        frame = np.ones(rgba.shape[:2], bool)
        frame[edge:-edge, edge:-edge] = False
        paper = colors * alpha + (1 - alpha)
        ground_color = np.median(paper[frame], axis=0)
        difference = np.abs(paper - ground_color).max(axis=2)
        # what the border itself varies by is no ink, unless the garment runs over the border
        difference = difference - min(float(np.quantile(difference[frame], 0.9)), 0.3)
    strongest = float(np.quantile(difference, 0.999))
    if strongest < _LEAST_INK:
        strongest = float(difference.max())
    if strongest < _LEAST_INK:
        return np.zeros(rgba.shape[:2], np.float32)
    return np.clip(difference / strongest, 0, 1).astype(np.float32)


def _mean_width(mask: NDArray[np.bool_]) -> float:
    """Width of the lines in a mask, in its pixels: twice the area by the length of the edge."""
    padded = np.pad(mask, 1)
    # pixels beside a pixel of the ground; a diagonal edge has √½ of them to its length, and the
    # mean over directions is near 1
    edge = padded & ~ndimage.binary_erosion(padded)
    # an edge pixel reaches half a pixel beyond its middle
    return float(2 * mask.sum() / max(int(edge.sum()), 1)) if edge.any() else 0.0


def _redrawn(
    mask: NDArray[np.bool_], width: float, preparation: Preparation, size: int
) -> NDArray[np.float32]:
    """A line drawing with lines of the wished width, and filled if wished."""
    inside = ndimage.binary_fill_holes(mask) if preparation.fill > 0 else mask
    drawn = mask
    if preparation.line_width is not None:
        # widened lines make the drawing larger, which shrinks it again in the frame
        wished = preparation.line_width * size / max(IMAGE_SIZE - preparation.line_width, 1)
        grow = 0.5 * (wished - width)
        if grow > 0:
            margin = int(np.ceil(grow)) if preparation.crop else 0
            drawn, inside = np.pad(drawn, margin), np.pad(inside, margin)
            drawn = ndimage.distance_transform_edt(~drawn) <= grow
        else:
            # the middle of every line stays, however uneven the pen
            distance = ndimage.distance_transform_edt(drawn)
            drawn = (distance > min(-grow, 0.45 * width)) | (
                drawn & (distance >= ndimage.maximum_filter(distance, 3))
            )
    tones: NDArray[np.float32] = np.where(inside, np.float32(preparation.fill), np.float32(0))
    tones[drawn] = 1
    return tones
