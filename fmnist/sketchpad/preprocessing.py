"""From a drawing or a picture to the 28 × 28 model input."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from fmnist.data.labels import IMAGE_SIZE
from fmnist.data.synthetic.strokes import LINE_WIDTH, Center, letterbox
from fmnist.sketchpad import lines
from fmnist.sketchpad.kinds import Kind, is_photograph
from fmnist.sketchpad.photographs import Picture

Ink = Literal["auto", "dark", "light"]

WORKING_SIZE: Final = 448  # longest side while preprocessing: 16 times the model input
_MASK_LEVEL: Final = 0.35  # share of full ink; at 0.5, thin lines would lose their soft edges
_MIN_CONTRAST: Final = 0.04  # contrast with the background, in [0, 1]; less is noise of the paper


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """How a drawing becomes a model input.

    Attributes
    ----------
    kind : {"auto", "drawing", "photograph"}
        What the picture is; "auto" decides by its tones. Only a drawing is redrawn.
    crop : bool
        Scale the drawing until its longest side fills the image, as in Fashion-MNIST; otherwise
        shrink the whole canvas.
    center : {"box", "mass"}
        What is centered: the bounding box, as in Fashion-MNIST, or the center of mass, as in MNIST
        (as far as nothing is cut off). Used only with `crop`.
    line_width : float or None
        Width that all lines are brought to, in pixels of the model input; None keeps their width.
        Areas and photographs do not change.
    ink : {"auto", "dark", "light"}
        Whether a drawing is darker or lighter than the background; "auto" takes everything that
        differs from the border. Not used for photographs.
    fill : float
        Tone of the areas that lines enclose, 0 (empty) to 1.

    Raises
    ------
    ValueError
        If a value is out of range.
    """

    kind: Kind = "auto"
    crop: bool = True
    center: Center = "box"
    line_width: float | None = LINE_WIDTH
    ink: Ink = "auto"
    fill: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind must be auto, drawing or photograph, not {self.kind!r}.")
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

DRAWING: Final = Preparation(kind="drawing")
"""For what comes from a canvas or from strokes."""


def to_model_input(
    rgba: NDArray[np.uint8],
    preparation: Preparation = DEFAULT_PREPARATION,
    *,
    mask: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint8]:
    """Convert a drawing or a picture to a model input.

    Parameters
    ----------
    rgba : uint8 (H, W, 4)
        Dark on light or light on dark, on an opaque or transparent background; row 0 is the top.
    preparation : Preparation
    mask : bool (H, W), optional
        Where the garment may be. In a photograph, all of this is garment; default: what
        `photographs.Picture` finds. In a drawing, the ink in there is; default: everywhere.

    Returns
    -------
    uint8 (28, 28)
        White garment on black; all 0 if nothing is drawn.

    Raises
    ------
    ValueError
        If the array has another shape or type.
    """
    if rgba.ndim != 3 or rgba.shape[2] != 4 or 0 in rgba.shape or rgba.dtype != np.uint8:
        raise ValueError(f"rgba must be uint8 (H, W, 4), not {rgba.dtype} {rgba.shape}.")
    small = shrink(rgba)
    if mask is not None:
        size = (small.shape[1], small.shape[0])
        mask = np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))
    return prepare(Picture(small), preparation, mask)


def prepare(
    picture: Picture, preparation: Preparation, mask: NDArray[np.bool_] | None
) -> NDArray[np.uint8]:
    """As `to_model_input`, of a picture as `shrink` returns it, with a mask of its size."""
    small = picture.rgba
    is_photo = _is_photo(small, preparation)
    if is_photo:
        mask = picture.find_mask() if mask is None else mask
        ink = picture.tones(mask)
    else:
        ink = _ink(small, preparation.ink) if mask is None else _ink_in(mask, small, preparation)
        mask = ink > _MASK_LEVEL
    if not mask.any():
        return np.zeros((IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    if preparation.crop:
        box = _extent(mask)
        ink, mask = ink[box], mask[box]
    if not is_photo:
        ink = _redrawn(ink, mask, preparation)
    pixels = np.round(ink * 255).astype(np.uint8)
    return letterbox(pixels, center=preparation.center if preparation.crop else "box")


def _is_photo(rgba: NDArray[np.uint8], preparation: Preparation) -> bool:
    if preparation.kind == "auto":
        return is_photograph(rgba)
    return preparation.kind == "photograph"


def _redrawn(
    ink: NDArray[np.float32], mask: NDArray[np.bool_], preparation: Preparation
) -> NDArray[np.float32]:
    """A drawing with lines of one width, and filled areas where they are wished."""
    size, width = max(mask.shape), lines.mean_width(mask)
    if lines.are_lines(width, size):
        return lines.redraw(
            mask,
            width,
            size,
            line_width=preparation.line_width,
            fill=preparation.fill,
            crop=preparation.crop,
        )
    if preparation.fill > 0:
        holes = ndimage.binary_fill_holes(mask) & ~mask
        return np.where(holes, np.float32(preparation.fill), ink)
    return ink


def shrink(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture, uint8 (H, W, 4), as it is preprocessed: at most 448 pixels on its longest side."""
    longest = max(rgba.shape[:2])
    if longest <= WORKING_SIZE:
        return rgba
    height, width = (max(1, round(n * WORKING_SIZE / longest)) for n in rgba.shape[:2])
    # in the mode "RGBa" (small a), Pillow weighs colors by their alpha
    picture = Image.fromarray(rgba).convert("RGBa").resize((width, height), Image.Resampling.BOX)
    return np.asarray(picture.convert("RGBA"))


def _extent(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The rows and columns of a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _ink_in(
    mask: NDArray[np.bool_], rgba: NDArray[np.uint8], preparation: Preparation
) -> NDArray[np.float32]:
    """The ink within a mask, float32 (H, W); the background is that of the mask's extent."""
    ink = np.zeros(mask.shape, np.float32)
    if mask.any():
        box = _extent(mask)
        ink[box] = np.where(mask[box], _ink(rgba[box], preparation.ink), 0)
    return ink


def _ink(rgba: NDArray[np.uint8], ink: Ink) -> NDArray[np.float32]:
    """How much each pixel differs from the background, float32 (H, W) in [0, 1]."""
    values = rgba.astype(np.float32) / 255
    colors, alpha = values[..., :3], values[..., 3:]
    weights = np.array([0.299, 0.587, 0.114], np.float32)  # of luminance, ITU-R BT.601
    if ink == "auto" and (alpha < 0.5).mean() > 0.02:  # transparent: use a contrasting ground
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
        # variation of the border is not ink, unless the garment crosses the border
        difference = difference - min(float(np.quantile(difference[frame], 0.9)), 0.3)
    strongest = float(np.quantile(difference, 0.999))
    if strongest < _MIN_CONTRAST:
        strongest = float(difference.max())
    if strongest < _MIN_CONTRAST:
        return np.zeros(rgba.shape[:2], np.float32)
    return np.clip(difference / strongest, 0, 1).astype(np.float32)
