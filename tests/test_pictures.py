"""Pictures that people bring along, and a hundred files that are none."""

import io
import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from fmnist import pictures
from fmnist.pictures import PictureError, read_picture


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    """Red at the top left, wider than high."""
    image = Image.new("RGB", (60, 40), "white")
    image.paste((200, 0, 0), (0, 0, 30, 20))
    return image


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_three_formats(picture: Image.Image, kind: str) -> None:
    pixels = read_picture(encoded(picture, kind))
    assert pixels.shape == (40, 60, 4) and pixels.dtype == np.uint8
    assert pixels[5, 5] == pytest.approx([200, 0, 0, 255], abs=30)
    assert pixels[35, 55] == pytest.approx([255, 255, 255, 255], abs=30)


def test_exif_orientation(picture: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    pixels = read_picture(encoded(picture, "JPEG", exif=exif))
    assert pixels.shape == (60, 40, 4)
    assert pixels[5, 35] == pytest.approx([200, 0, 0, 255], abs=30)


def test_transparency_is_kept() -> None:
    glass = Image.new("RGBA", (8, 8), (10, 20, 30, 0))
    assert read_picture(encoded(glass, "PNG"))[..., 3].max() == 0
    indexed = Image.new("P", (8, 8))
    assert read_picture(encoded(indexed, "PNG", transparency=0))[..., 3].max() == 0


def test_unusual_but_good() -> None:
    deep = Image.fromarray(np.full((8, 8), 32768, np.uint16))
    assert read_picture(encoded(deep, "PNG"))[0, 0] == pytest.approx([128, 128, 128, 255], abs=1)
    cmyk = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    red, green, blue, _ = read_picture(encoded(cmyk, "JPEG"))[4, 4].tolist()
    assert red > 200 and green < 60 and blue < 60
    frames = [Image.new("RGB", (8, 8), c) for c in ("red", "blue")]
    moving = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert read_picture(moving)[0, 0].tolist() == [255, 0, 0, 255]
    for mode in ("1", "L", "LA", "P"):
        assert read_picture(encoded(Image.new(mode, (8, 8)), "PNG")).shape == (8, 8, 4)


def test_large_pictures_are_read_smaller() -> None:
    pixels = read_picture(encoded(Image.new("RGB", (4000, 1000), "navy"), "PNG"))
    assert pixels.shape == (256, 1024, 4)


def png_claiming(width: int, height: int) -> bytes:
    """A PNG's head with sizes that its body does not have."""
    body = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [b"\x89PNG\r\n\x1a\n"]
    for name, data in ((b"IHDR", body), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")):
        parts.append(struct.pack(">I", len(data)) + name + data)
        parts.append(struct.pack(">I", zlib.crc32(name + data)))
    return b"".join(parts)


def malformed(picture: Image.Image) -> dict[str, bytes]:
    """A hundred files that people, or their enemies, might upload."""
    rng = random.Random(0)
    files = {
        "nothing": b"",
        "a byte": b"\0",
        "text": b"a garment\n" * 50,
        "markup": b"<svg xmlns='http://www.w3.org/2000/svg'><rect/></svg>",
        "a PDF": b"%PDF-1.7\n" + b"0" * 500,
        "zeros": bytes(4096),
        "noise": rng.randbytes(4096),
        "too many bytes": b"\x89PNG\r\n\x1a\n" + bytes(pictures.MAX_BYTES),
        "an animation of another kind": encoded(picture, "GIF"),
        "a bitmap": encoded(picture, "BMP"),
        "a TIFF": encoded(picture, "TIFF"),
        "an icon": encoded(picture, "ICO"),
        "PNG's signature alone": b"\x89PNG\r\n\x1a\n",
        "JPEG's signature alone": b"\xff\xd8\xff\xe0",
        "WebP's signature alone": b"RIFF\x10\0\0\0WEBP",
    }
    for side in (20_000, 65_535, 1_000_000, 2**31 - 1):
        files[f"PNG bomb of {side}"] = png_claiming(side, side)
    files["a ribbon without end"] = png_claiming(2**31 - 1, 1)
    files["no width"] = png_claiming(0, 10)
    files["no height"] = png_claiming(10, 0)
    files["less than it claims"] = png_claiming(500, 500)
    for kind in ("PNG", "JPEG", "WEBP"):
        content = encoded(picture, kind)
        for share in range(4, 80, 4):
            files[f"{kind} cut at {share} %"] = content[: len(content) * share // 100]
        for number in range(10):  # its head is turned into another
            damaged = bytearray(content)
            for at in rng.sample(range(8, min(len(content), 30)), 8):
                damaged[at] ^= rng.randint(1, 255)
            files[f"{kind} damaged, {number}"] = bytes(damaged)
    return files


def test_a_hundred_malformed_files_get_a_sentence_each(picture: Image.Image) -> None:
    files = malformed(picture)
    assert len(files) >= 100
    answers = {}
    for name, content in files.items():
        try:
            pixels = read_picture(content)
        except PictureError as error:
            answers[name] = str(error)
        else:  # damage that leaves a picture behind is no reason to refuse it
            assert "damaged" in name or "cut" in name, name
            assert pixels.shape[2] == 4 and max(pixels.shape) <= pictures.READ_SIZE
            answers[name] = "read"
    for name, answer in answers.items():
        assert answer == "read" or (answer.endswith(".") and ";" in answer), (name, answer)
        assert "\n" not in answer and len(answer) < 160, (name, answer)
    assert sum(answer == "read" for answer in answers.values()) < 20
