"""Uploaded pictures, decoded within limits; `preprocessing` makes the model input of them."""

import io
import struct
import warnings
import zlib
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, JpegImagePlugin, UnidentifiedImageError

from fmnist.errors import ToldError

FORMATS: Final = ("PNG", "JPEG", "WEBP")
MAX_BYTES: Final = 20 * 2**20
MAX_PIXELS: Final = 40_000_000
MAX_MEMORY: Final = 185_000_000  # bytes for the file and its decoding; making it small takes more
READ_SIZE: Final = 1024  # longest side that is kept
_TILE: Final = 1024  # pixels; of a square that is made small at once
_PIXEL_BYTES: Final = {"1": 1, "L": 1, "P": 1, "I;16": 2}  # of Pillow's modes; of others 4
_START_OF_SCAN: Final = b"\xff\xda"  # in a JPEG; a thumbnail within it may have one, too
_HEIC: Final = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
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
        if content[4:8] == b"ftyp" and content[8:12] in _HEIC:
            raise PictureError(
                "The file is a HEIC photo, as iPhones take them; export it as a JPEG."
            ) from error
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
        needed = len(content) + _decoding_bytes(picture, content)
        if needed > MAX_MEMORY:
            raise PictureError(
                f"The picture would take {needed / 1e6:.0f} MB of memory; the limit is "
                f"{MAX_MEMORY / 1e6:.0f} MB. Save a smaller one, or a JPEG."
            )
        picture.load()
        small = _shrunk(picture)
        small.getexif().update(picture.getexif())
    upright = ImageOps.exif_transpose(small)
    upright.thumbnail((READ_SIZE, READ_SIZE))
    return np.asarray(upright)


def _decoding_bytes(picture: Image.Image, content: bytes) -> int:
    """Memory that decoding takes, from the head of the file; a JPEG is then decoded smaller."""
    pixels = picture.width * picture.height
    rows = 8 * picture.height  # Pillow keeps a pointer to each
    if isinstance(picture, JpegImagePlugin.JpegImageFile):
        picture.draft("RGB", (READ_SIZE, READ_SIZE))
        decoded = 4 * picture.width * picture.height
        if content.count(_START_OF_SCAN) < 2:
            return decoded
        # libjpeg keeps all coefficients of a picture that comes in several scans, 2 bytes each
        blocks = [horizontal * vertical for _, horizontal, vertical, _ in picture.layer]
        return decoded + 2 * pixels * sum(blocks) // max(blocks)
    if picture.format == "WEBP":
        return (
            rows + 16 * pixels
        )  # RGBA four times: this frame, the one before, a copy, the picture
    return rows + pixels * _PIXEL_BYTES.get(picture.mode, 4)


def _shrunk(picture: Image.Image) -> Image.Image:
    """RGBA, a whole number of times smaller; tile by tile, since every step of it copies."""
    factor = max(1, max(picture.size) // READ_SIZE)
    side = factor * max(1, _TILE // factor)
    is_deep = picture.mode.startswith("I") or picture.mode == "F"  # 16 bits a pixel and more
    highest = 65535.0 if is_deep and picture.getextrema()[1] > 255 else 255.0  # type: ignore[operator]
    small = Image.new("RGBA", (-(-picture.width // factor), -(-picture.height // factor)))
    for top in range(0, picture.height, side):
        for left in range(0, picture.width, side):
            box = (left, top, min(left + side, picture.width), min(top + side, picture.height))
            tile = picture.crop(box)
            if is_deep:
                values = np.asarray(tile, dtype=np.float32) * (255 / highest)
                tile = Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
            small.paste(tile.convert("RGBA").reduce(factor), (left // factor, top // factor))
    return small
