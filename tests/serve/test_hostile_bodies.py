"""A hundred bodies that no client of good will sends: each is refused in one sentence."""

import io
import json
import struct
import tracemalloc
import zlib
from collections.abc import Iterator
from typing import Final

import pytest
from PIL import Image
from starlette.testclient import TestClient

from fmnist.serve import bodies as bodies_module
from fmnist.serve import limits
from fmnist.sketchpad import canvas
from fmnist.sketchpad.examples import examples

JSON: Final = "application/json"
FORM: Final = "multipart/form-data; boundary=x"
PICTURE: Final = canvas.render_shapes(canvas.from_strokes(examples()["Bag"]))
ROW: Final = [0] * 28
IMAGE: Final = [ROW] * 28

Body = tuple[str, bytes]


def image(pixel: object) -> bytes:
    """An image, one of whose pixels is something else."""
    rows = [list(row) for row in IMAGE]
    rows[13][7] = pixel  # type: ignore[call-overload]
    return json.dumps({"images": [rows]}).encode()


def stroke(point: object) -> bytes:
    return json.dumps({"strokes": [[[0, 0], point, [9, 9]]]}).encode()


def json_bodies() -> Iterator[bytes]:
    yield from (
        b"", b" ", b"{", b"}", b"[", b"]", b"null", b"true", b"0", b'""', b"[]", b"{}", b"\x00",
        b"\xff\xfe", b"\xef\xbb\xbf{}", b'{"images"}', b'{"images":}', b"{'images': []}",
        b'{"images": [', b'"images"', b"[" * 100_000, b'{"images":' * 10_000, b'{"a":' * 300,
        b"NaN", b"-", b"1e999", b"\x1f\x8b\x08\x00", b"<images/>", b"images=1",
        b'{"images": [[[0]]]}, 1',
    )  # fmt: skip
    values: list[object] = [
        None, True, 0, "", "images", {}, [], [[]], [[[]]], [IMAGE, []], [IMAGE, None], [[ROW] * 27],
        [[ROW] * 29], [[[0] * 27] * 28], [[[0] * 29] * 28], [ROW], IMAGE, [[[[0]] * 28] * 28],
        [{"0": ROW}], ["0" * 784], [IMAGE] * (limits.MAX_IMAGES + 1),
    ]  # fmt: skip
    yield from (json.dumps({"images": value}).encode() for value in values)
    pixels = [-1, 256, 0.5, 1e300, "0", None, True, [0], {}, float("nan"), float("inf"), 10**400]
    yield from map(image, pixels)
    yield json.dumps({"images": [IMAGE], "temperature": 2}).encode()
    yield json.dumps({"images": [IMAGE], "strokes": [[[0, 0]]]}).encode()
    yield json.dumps({"Images": [IMAGE]}).encode()
    points: list[object] = [
        None, 0, [], [0], [0, 0, 0], ["0", "0"], [True, 0], {"x": 0, "y": 0}, [None, 0], [1e7, 0],
        [float("nan"), 0], [0, float("-inf")], [10**400, 0],
    ]  # fmt: skip
    yield from map(stroke, points)
    strokes: list[object] = [
        None, [], [[]], {}, "M 0 0", [[[0, 0]]] * (limits.MAX_STROKES + 1),
        [[[0, 0]] * limits.MAX_POINTS] * 2,
    ]  # fmt: skip
    yield from (json.dumps({"strokes": value}).encode() for value in strokes)
    yield b" " * (limits.MAX_JSON + 1)


def part(content: bytes, name: str = "pictures", filename: str | None = "a.png") -> bytes:
    file = f'; filename="{filename}"' if filename is not None else ""
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def chunk(kind: bytes, content: bytes) -> bytes:
    sum_ = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + sum_


def bomb(width: int, height: int) -> bytes:
    """A small PNG that says it is a large picture."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(10_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def encoded(form: str, color: int = 255) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (40, 40), color).save(buffer, form)
    return buffer.getvalue()


def forms() -> Iterator[bytes]:
    end = b"--x--\r\n"
    pictures = [
        b"", b"GIF89a", PICTURE[:50], PICTURE[: len(PICTURE) // 2], PICTURE[:-30],
        b"\x89PNG\r\n\x1a\n",
        PICTURE[8:], bytes(1000), encoded("GIF"), encoded("BMP"), encoded("TIFF"), encoded("PNG"),
        encoded("JPEG")[:200], encoded("WEBP")[:30], bomb(30_000, 30_000), bomb(2**31 - 1, 1),
        bomb(0, 5), bomb(9_000, 4_000), b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7",
    ]  # fmt: skip
    yield from (part(picture) + end for picture in pictures)
    yield part(PICTURE) + part(PICTURE[:99]) + end
    yield part(PICTURE, name="picture") + end
    yield part(PICTURE) + part(b"1", name="temperature", filename=None) + end
    yield part(PICTURE, filename=None) + end
    yield part(PICTURE) * (limits.MAX_PICTURES + 1) + end
    yield part(PICTURE)  # no end
    yield part(PICTURE)[:40]
    yield from (b"", end, b"--y--\r\n", b"--x\r\n\r\n\r\n--x--\r\n", b"--x", b"{}")
    yield b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--\r\n"
    yield b"--x\r\n" + b"A" * 100_000 + b": 1\r\n\r\n1\r\n--x--\r\n"


def bodies() -> Iterator[Body]:
    yield from ((JSON, body) for body in json_bodies())
    yield from ((FORM, body) for body in forms())
    whole = part(PICTURE) + b"--x--\r\n"
    good = json.dumps({"images": [IMAGE]}).encode()
    for kind in ("", "text/plain", "application/jsonp", "image/png", "*/*", "text/html", "\xe9"):
        yield kind, good
    yield "application/x-www-form-urlencoded", b"images=1"
    yield "multipart/form-data", whole
    yield "multipart/form-data; boundary=", whole
    yield "multipart/form-data; boundary=" + "x" * 10_000, whole
    yield "multipart/form-data; boundary=y", whole
    yield "multipart/mixed; boundary=x", whole
    for charset in ("idna", "punycode", "base64", "utf-7"):
        yield f"{FORM}; charset={charset}", part(b"", name="\xad\xff--xn--") + b"--x--\r\n"


BODIES: Final = list(bodies())


def test_there_are_a_hundred() -> None:
    assert len(set(BODIES)) >= 100


@pytest.mark.parametrize("number", range(len(BODIES)))
def test_a_hostile_body_is_refused_in_one_sentence(client: TestClient, number: int) -> None:
    kind, body = BODIES[number]
    headers = {b"content-type": kind.encode("latin-1")}
    response = client.post("/predict", content=body, headers=headers)
    told = f"{kind} {body[:80]!r}: {response.status_code} {response.text[:200]}"
    assert response.status_code in (400, 413, 415, 422), told
    assert response.headers["content-type"] == "application/problem+json", told
    details = response.json()
    assert details.keys() == {"title", "status", "detail"}
    assert details["status"] == response.status_code
    sentence = details["detail"]
    assert sentence.endswith(".") and "\n" not in sentence and len(sentence) <= 500, told
    assert not any(word in sentence for word in ("Error", "Traceback", "pydantic", "/work")), told


def test_a_long_text_among_short_ones_takes_no_memory() -> None:
    """An array of texts would take the longest length for each: 300 MB for this body."""
    body = json.dumps({"images": ["a" * 16_000] + [""] * 5_000}).encode()
    tracemalloc.start()
    try:
        assert bodies_module._images(body) is None
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


def test_the_server_answers_as_before(client: TestClient) -> None:
    response = client.post("/predict", files={"pictures": ("bag", PICTURE)})
    assert response.status_code == 200
