"""Uploaded pictures, decoded within limits; `preprocessing` makes the model input of them."""

import io
import struct
import warnings
import zlib
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from fmnist.errors import ToldError

FORMATS: Final = ("PNG", "JPEG", "WEBP")
MAX_BYTES: Final = 20 * 2**20
MAX_PIXELS: Final = 40_000_000  # 160 MB once decoded; a phone's photograph has 12 to 50 million
READ_SIZE: Final = 1024  # longest side that is kept
_SHRINKABLE: Final = ("L", "RGB", "CMYK", "YCbCr")  # without transparency, 8 bits a channel
# all that Pillow's decoders raise on damaged files
_DECODER_ERRORS: Final = (
    OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, OverflowError,
    ZeroDivisionError, AttributeError, RuntimeError, struct.error, zlib.error,
)  # fmt: skip


class PictureError(ToldError, ValueError):
    """A file is not a usable picture; the message is one sentence that says what to do."""


def read_picture(content: bytes) -> NDArray[np.uint8]:
    """Decode a PNG, JPEG or WebP file.

    Parameters
    ----------
    content : bytes
        The file; of an animation, the first frame is read.

    Returns
    -------
    uint8 (H, W, 4)
        RGBA, upright (by the EXIF orientation), at most 1024 pixels on its longest side.

    Raises
    ------
    PictureError
        If the file is empty, too large, damaged, or not such a picture.
    """
    if not content:
        raise PictureError("The file is empty; choose a PNG, JPEG or WebP picture.")
    if len(content) > MAX_BYTES:
        raise PictureError(
            f"The file has {len(content) / 2**20:.0f} MB; the limit is {MAX_BYTES // 2**20} MB. "
            "Save a smaller picture."
        )
    try:
        with warnings.catch_warnings():
            # the size is checked while decoding; damaged metadata do not matter
            warnings.simplefilter("ignore")
            return _decode(content)
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        raise PictureError(
            "The file is not a PNG, JPEG or WebP picture; save it as one of these."
        ) from error
    except Image.DecompressionBombError as error:
        raise PictureError(
            f"The picture has more than {MAX_PIXELS // 1_000_000} million pixels; save a smaller "
            "one."
        ) from error
    except MemoryError as error:
        raise PictureError("The picture needs too much memory; save a smaller one.") from error
    except _DECODER_ERRORS as error:
        raise PictureError(
            "The picture is damaged or truncated; save it again or choose another."
        ) from error


def _decode(content: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
        width, height = picture.size
        if width * height > MAX_PIXELS:
            raise PictureError(
                f"The picture has {width:,} × {height:,} pixels; the limit is "
                f"{MAX_PIXELS // 1_000_000} million pixels. Save a smaller one."
            )
        picture.draft("RGB", (READ_SIZE, READ_SIZE))  # decodes a JPEG at a smaller size
        picture.load()
        if picture.mode in _SHRINKABLE:  # first, to avoid a large copy
            picture.thumbnail((READ_SIZE, READ_SIZE))
        upright = _as_rgba(ImageOps.exif_transpose(picture))
        upright.thumbnail((READ_SIZE, READ_SIZE))
        return np.asarray(upright)


def _as_rgba(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I") or picture.mode == "F":  # 16 bits a pixel and more
        values = np.asarray(picture, dtype=np.float64)
        highest = 65535.0 if values.max() > 255 else 255.0
        picture = Image.fromarray(np.clip(values * (255 / highest), 0, 255).astype(np.uint8))
    return picture.convert("RGBA")
