"""Pictures that people bring along, and a hundred files that are none."""

import io
import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fmnist import paths
from fmnist.sketchpad import uploads as pictures
from fmnist.sketchpad.preprocessing import to_model_input
from fmnist.sketchpad.uploads import PictureError, read_picture


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


SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(name: bytes, data: bytes, *, checksum: int = 0) -> bytes:
    """A part of a PNG, by default with the checksum that belongs to it."""
    sum_of_it = (zlib.crc32(name + data) + checksum) & 0xFFFFFFFF
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", sum_of_it)


def png_of(
    width: int,
    height: int,
    body: bytes,
    *,
    depth: int = 8,
    color: int = 2,
    more: bytes = b"",
    checksum: int = 0,
) -> bytes:
    """A PNG made by hand; `color` is 0 for gray, 2 for RGB, 3 for a palette, 6 for RGBA."""
    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return b"".join([
        SIGNATURE, chunk(b"IHDR", head, checksum=checksum), more,
        chunk(b"IDAT", zlib.compress(body, 9)), chunk(b"IEND", b""),
    ])  # fmt: skip


def png_claiming(width: int, height: int) -> bytes:
    """A PNG with sizes that its body does not have."""
    return png_of(width, height, bytes(100))


def jpeg_claiming(picture: Image.Image, width: int, height: int) -> bytes:
    """A JPEG whose head claims other sizes than its body has."""
    content = bytearray(encoded(picture, "JPEG"))
    at = content.index(b"\xff\xc0") + 5  # start of frame: marker, length, precision, then sizes
    content[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(content)


def malformed(picture: Image.Image) -> dict[str, bytes]:
    """Files that people, or their enemies, might upload, and that are no picture."""
    good = {kind: encoded(picture, kind) for kind in ("PNG", "JPEG", "WEBP")}
    files = {
        "nothing": b"",
        "a byte": b"\0",
        "a line": b"\n",
        "text": b"a garment\n" * 50,
        "text in UTF-16": "a garment".encode("utf-16"),
        "JSON": b'{"garment": true}',
        "CSV": b"garment,price\nbag,1\n",
        "markup": b"<svg xmlns='http://www.w3.org/2000/svg'><rect/></svg>",
        "a page": b"<!doctype html><img src=bag.png>",
        "a PDF": b"%PDF-1.7\n" + b"0" * 500,
        "an archive": b"PK\x03\x04" + bytes(500),
        "a compressed file": zlib.compress(bytes(5000)),
        "a program": b"\x7fELF" + bytes(500),
        "a film": b"\0\0\0\x18ftypmp42" + bytes(500),
        "HEIC": b"\0\0\0\x18ftypheic" + bytes(500),
        "AVIF": b"\0\0\0\x18ftypavif" + bytes(500),
        "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(500),
        "Photoshop": b"8BPS\0\x01" + bytes(500),
        "zeros": bytes(4096),
        "ones": b"\xff" * 4096,
        "noise": random.Random(0).randbytes(4096),
        "too many bytes": SIGNATURE + bytes(pictures.MAX_BYTES),
        "a picture in base64": b"data:image/png;base64,iVBORw0KGgo=",
        "PNG's signature alone": SIGNATURE,
        "JPEG's signature alone": b"\xff\xd8\xff\xe0",
        "WebP's signature alone": b"RIFF\x10\0\0\0WEBP",
        "a sound in WebP's dress": b"RIFF\x10\0\0\0WAVEfmt " + bytes(50),
        "PNG with lines ended as in Windows": good["PNG"].replace(b"\n", b"\r\n"),
        "PNG as text": good["PNG"].decode("latin-1").encode("utf-8"),
        "PNG after a byte": b"\0" + good["PNG"],
        "JPEG after a line": b"\n" + good["JPEG"],
        "PNG without its head": SIGNATURE + good["PNG"][33:],
        "PNG of its head alone": good["PNG"][:33],
        "PNG without a body": png_of(60, 40, b"").replace(b"IDAT", b"tEXt"),
        "PNG with a wrong checksum": png_of(8, 8, bytes(200), checksum=1),
        "PNG with a body of noise": good["PNG"][:60] + bytes(range(200)),
        "PNG of an unknown color": png_of(8, 8, bytes(200), color=5),
        "PNG of an unknown depth": png_of(8, 8, bytes(200), depth=7),
        "PNG with a bomb for a comment": png_of(
            8, 8, bytes(200), more=chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(80_000_000), 9))
        ),
        "PNG with a bomb for a profile": png_of(
            8, 8, bytes(200), more=chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(80_000_000), 9))
        ),
        "less than it claims": png_claiming(500, 500),
        "no width": png_claiming(0, 10),
        "no height": png_claiming(10, 0),
        "a ribbon without end": png_claiming(2**31 - 1, 1),
        "a pole without end": png_claiming(1, 2**31 - 1),
        "JPEG without a size": jpeg_claiming(picture, 0, 0),
        "JPEG bomb": jpeg_claiming(picture, 65_535, 65_535),
        "WebP bomb": b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff" * 6 + bytes(8),
        "WebP with a wrong length": good["WEBP"][:4] + b"\xff\xff\xff\x7f" + good["WEBP"][8:],
        "JPEG that ends early": good["JPEG"][:-2],
        "JPEG with PNG's tail": good["JPEG"][:30] + good["PNG"][30:],
    }
    for side in (6_400, 20_000, 65_535, 1_000_000, 2**31 - 1):
        files[f"PNG bomb of {side}"] = png_claiming(side, side)
    for kind in ("GIF", "BMP", "TIFF", "ICO", "PPM", "TGA"):
        files[f"another kind: {kind}"] = encoded(picture, kind)
    frames = [picture, picture.rotate(180)]
    files["an animation of another kind"] = encoded(
        frames[0], "GIF", save_all=True, append_images=frames[1:]
    )
    for kind, content in good.items():
        for share in (3, 9, 12, 15, 20, 25, 30, 35, 40, 50, 60, 70, 80):
            files[f"{kind} cut at {share} %"] = content[: max(len(content) * share // 100, 4)]
    return files


def unusual(picture: Image.Image) -> dict[str, bytes]:
    """Files that look as odd, and are pictures."""
    clear = picture.convert("RGBA")
    clear.putalpha(0)
    indexed = picture.convert("P")
    deep = np.arange(60 * 40, dtype=np.uint16).reshape(40, 60) * 27
    frames = [picture, picture.rotate(180)]
    files = {
        "a pixel": encoded(Image.new("RGB", (1, 1), "red"), "PNG"),
        "a transparent pixel": encoded(Image.new("RGBA", (1, 1)), "PNG"),
        "a ribbon": encoded(Image.new("L", (30_000, 1), 99), "PNG"),
        "a pole": encoded(Image.new("RGB", (2, 30_000), "navy"), "PNG"),
        "a ribbon in JPEG": encoded(Image.new("RGB", (60_000, 3), "navy"), "JPEG"),
        "the largest": encoded(Image.new("L", (8_000, 5_000), 200), "PNG"),
        "the largest in color, in JPEG": encoded(Image.new("RGB", (8_000, 5_000), "tan"), "JPEG"),
        "the largest with transparency": encoded(Image.new("RGBA", (8_000, 5_000)), "PNG"),
        "all transparent": encoded(clear, "PNG"),
        "all transparent in WebP": encoded(clear, "WEBP", lossless=True),
        "gray": encoded(picture.convert("L"), "PNG"),
        "gray with transparency": encoded(picture.convert("LA"), "PNG"),
        "black and white": encoded(picture.convert("1"), "PNG"),
        "a palette": encoded(indexed, "PNG"),
        "a palette of four": encoded(picture.quantize(4), "PNG"),
        "a palette with transparency": encoded(indexed, "PNG", transparency=bytes(range(256))),
        "a palette that is not there": png_of(8, 8, bytes(72), color=3),
        "16 bits": encoded(Image.fromarray(deep), "PNG"),
        "16 bits in color": png_of(8, 8, bytes(8 * 49), depth=16),
        "16 bits with transparency": png_of(8, 8, bytes(8 * 65), depth=16, color=6),
        "2 bits": png_of(8, 8, bytes(24), depth=2, color=0),
        "CMYK": encoded(picture.convert("CMYK"), "JPEG"),
        "gray JPEG": encoded(picture.convert("L"), "JPEG"),
        "progressive": encoded(picture, "JPEG", progressive=True),
        "of the worst quality": encoded(picture, "JPEG", quality=1),
        "moving PNG": encoded(picture, "PNG", save_all=True, append_images=frames),
        "moving WebP": encoded(picture, "WEBP", save_all=True, append_images=frames),
        "with a profile of rubbish": encoded(picture, "JPEG", icc_profile=b"rubbish"),
        "with a comment": encoded(picture, "JPEG", comment=b"<script>alert(1)</script>"),
        "with a tail": encoded(picture, "PNG") + b"PK\x03\x04 and an archive",
        "with EXIF of rubbish": encoded(picture, "JPEG", exif=b"Exif\0\0MM\0*rubbish"),
        "more than it claims": png_of(8, 8, bytes(50_000_000)),
    }
    for orientation in range(10):
        exif = Image.Exif()
        exif[0x0112] = orientation
        files[f"EXIF orientation {orientation}"] = encoded(picture, "JPEG", exif=exif)
    return files


def is_usable(pixels: NDArray[np.uint8]) -> bool:
    return pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 4 and (
        1 <= min(pixels.shape[:2]) <= max(pixels.shape[:2]) <= pictures.READ_SIZE
    )  # fmt: skip


def is_sentence(answer: str) -> bool:
    return answer.endswith(".") and ";" in answer and "\n" not in answer and len(answer) < 160


def test_a_hundred_malformed_files_get_a_sentence_each(picture: Image.Image) -> None:
    files = malformed(picture)
    assert len(files) >= 100 and len(set(files.values())) == len(files)
    for name, content in files.items():
        with pytest.raises(PictureError) as told:
            read_picture(content)
        assert is_sentence(str(told.value)), (name, str(told.value))
        if "bomb of" in name:
            assert "million pixels" in str(told.value), name


@pytest.mark.parametrize("brand", [b"heic", b"mif1"])
def test_a_photo_of_an_iphone_is_named(brand: bytes) -> None:
    with pytest.raises(PictureError, match=r"a HEIC photo, as iPhones take them; export it as"):
        read_picture(b"\0\0\0\x18ftyp" + brand + bytes(500))


def test_unusual_files_are_read(picture: Image.Image) -> None:
    for name, content in unusual(picture).items():
        pixels = read_picture(content)
        assert is_usable(pixels), name
        assert to_model_input(pixels).shape == (28, 28), name


def test_files_damaged_anywhere_are_read_or_told(picture: Image.Image) -> None:
    rng = random.Random(0)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a garment"
    files = [
        *(encoded(picture, kind, exif=exif) for kind in ("PNG", "JPEG", "WEBP")),
        encoded(picture.convert("P"), "PNG", transparency=3),
        encoded(picture, "WEBP", save_all=True, append_images=[picture.rotate(90)]),
    ]
    read = 0
    for _ in range(1500):
        damaged = bytearray(rng.choice(files))
        for at in rng.choices(range(len(damaged)), k=rng.choice([1, 2, 8])):
            damaged[at] = rng.randrange(256)
        try:
            pixels = read_picture(bytes(damaged))
        except PictureError as error:
            assert is_sentence(str(error))
        else:
            assert is_usable(pixels)
            read += 1
    assert read > 100  # damage that leaves a picture behind is no reason to refuse it


def test_metadata_that_cannot_be_turned_are_told(
    picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def turn(_: Image.Image) -> Image.Image:
        raise struct.error("required argument is not an integer")  # as Pillow does, now and then

    monkeypatch.setattr("PIL.ImageOps.exif_transpose", turn)
    with pytest.raises(PictureError, match="damaged"):
        read_picture(encoded(picture, "JPEG"))


MEASURE = """
import resource, sys
from pathlib import Path
from fmnist.sketchpad.uploads import PictureError, read_picture
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
refused = []
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        read_picture(path.read_bytes())
    except PictureError:
        refused.append(path.name)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, *refused)
"""


def read_elsewhere(files: dict[str, bytes], folder: Path) -> tuple[int, list[str]]:
    """Read files in a process of its own: the most memory it took, in KiB, and what it refused."""
    for number, content in enumerate(files.values()):
        (folder / f"{number:03}").write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(folder)],
        cwd=paths.PROJECT,
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    most, *refused = done.stdout.split()
    return int(most), [list(files)[int(number)] for number in refused]


def greedy() -> dict[str, bytes]:
    """Small files that take as much memory as is accepted."""
    wide, square = (8_000, 4_800), (3_300, 3_300)
    frames = [Image.new("RGBA", square, color) for color in ("red", "blue")]
    return {
        "color": encoded(Image.new("RGB", wide), "PNG", compress_level=1),
        "transparency": encoded(Image.new("RGBA", wide), "PNG", compress_level=1),
        "gray with transparency": encoded(Image.new("LA", wide), "PNG", compress_level=1),
        "a palette": encoded(Image.new("P", wide), "PNG", compress_level=1, transparency=0),
        "a pole": encoded(Image.new("L", (1, 19_000_000)), "PNG", compress_level=1),
        "a ribbon": encoded(Image.new("LA", (39_000_000, 1)), "PNG", compress_level=1),
        "JPEG in several scans": encoded(
            Image.new("RGB", (6_000, 4_800)), "JPEG", progressive=True, subsampling=0
        ),
        "CMYK in several scans": encoded(Image.new("CMYK", (5_000, 4_400)), "JPEG", progressive=1),
        "WebP": encoded(frames[0], "WEBP", lossless=True),
        "moving WebP": encoded(
            frames[0], "WEBP", save_all=True, append_images=frames[1:], method=0, lossless=True
        ),
    }


def test_a_deep_picture_takes_no_more_than_200_mb(tmp_path: Path) -> None:
    deep = Image.fromarray(np.full((5_000, 8_000), 32_768, np.uint16))
    most, refused = read_elsewhere({"16 bits": encoded(deep, "PNG")}, tmp_path)
    assert most * 1024 < 200e6
    assert refused == []


@pytest.mark.slow
def test_no_picture_takes_more_than_200_mb(tmp_path: Path) -> None:
    most, refused = read_elsewhere(greedy(), tmp_path)
    assert most * 1024 < 200e6
    assert refused == []


@pytest.mark.parametrize(
    ("kind", "size", "options"),
    [("WEBP", (4_000, 3_000), {"method": 0}), ("JPEG", (8_000, 5_000), {"progressive": True})],
)
def test_a_picture_that_would_take_more_is_refused(
    kind: str, size: tuple[int, int], options: dict[str, object]
) -> None:
    if kind == "JPEG":
        options = options | {"subsampling": 0}
    with pytest.raises(PictureError, match="MB of memory; the limit is 185 MB") as told:
        read_picture(encoded(Image.new("RGB", size), kind, **options))
    assert is_sentence(str(told.value))


def test_damaged_pictures_take_no_more(picture: Image.Image, tmp_path: Path) -> None:
    most, _ = read_elsewhere(malformed(picture), tmp_path)
    assert most * 1024 < 200e6
