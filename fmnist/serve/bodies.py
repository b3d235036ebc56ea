"""From the body of a request to model inputs: pictures, drawings, or images as they are."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import Executor
from typing import Final, NamedTuple

import numpy as np
import orjson
from fastapi import HTTPException
from numpy.typing import NDArray
from pydantic import ValidationError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from fmnist.data.labels import IMAGE_SIZE
from fmnist.serve import limits
from fmnist.serve.documents import BODY, Images, Strokes, describe
from fmnist.sketchpad import canvas
from fmnist.sketchpad.preprocessing import DRAWING, to_model_input
from fmnist.sketchpad.uploads import PictureError, read_picture
from fmnist.text import quoted

FIELD: Final = "pictures"
"""Name of the form's field."""
_SMALL: Final = 2**16  # bytes of JSON that are read faster than another thread could begin to
_TAKEN: Final = "Send pictures as multipart/form-data, or images or strokes as application/json."


class Inputs(NamedTuple):
    """What a request asks about.

    Attributes
    ----------
    images : uint8 (N, 28, 28)
    are_drawn : bool
        Whether they were made of drawings or pictures, which need not show garments.
    """

    images: NDArray[np.uint8]
    are_drawn: bool


async def read(request: Request, executor: Executor) -> Inputs:
    """Read the images of a request; what takes time runs in the executor.

    Raises
    ------
    HTTPException
        If the body is no such thing, or too large.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == "application/json":
            return await _read_json(request, executor)
        if kind == "multipart/form-data":
            return await _read_form(request, executor)
    except ClientDisconnect as error:
        raise HTTPException(400, "The body ended too early.") from error
    raise HTTPException(415, _TAKEN)


# --- JSON ---------------------------------------------------------------------------------------


async def _read_json(request: Request, executor: Executor) -> Inputs:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limits.MAX_JSON:
            raise HTTPException(
                413, f"A JSON body has at most {limits.MAX_JSON // 2**20} MB; send less at once."
            )
    content = bytes(body)
    images = _images(content) if len(content) < _SMALL else None
    if images is not None:
        return Inputs(images, are_drawn=False)
    return await asyncio.get_running_loop().run_in_executor(executor, _parse, content)


def _images(content: bytes) -> NDArray[np.uint8] | None:
    """Images with nothing to object to; else None, and `_parse`, which takes longer, says what."""
    if content.count(b'"') != 2:  # a text among numbers: an array makes all as long as the longest
        return None
    try:
        body = orjson.loads(content)
        values = np.array(body["images"])
    except (ValueError, TypeError, KeyError):
        return None
    is_sound = (
        len(body) == 1
        and values.dtype == np.int64
        and b"true" not in content  # in an array of numbers it would be 1
        and b"false" not in content
        and values.shape[1:] == (IMAGE_SIZE, IMAGE_SIZE)
        and 1 <= len(values) <= limits.MAX_IMAGES
        and values.min() >= 0
        and values.max() <= 255
    )
    return values.astype(np.uint8) if is_sound else None


def _parse(content: bytes) -> Inputs:
    try:
        parsed = BODY.validate_json(content)
    except ValidationError as error:
        is_json = error.errors(include_url=False)[0]["type"] != "json_invalid"
        raise HTTPException(422 if is_json else 400, describe(error)) from error
    if isinstance(parsed, Images):
        return Inputs(np.array(parsed.images, np.uint8), are_drawn=False)
    return Inputs(_draw(parsed)[None], are_drawn=True)


def _draw(strokes: Strokes) -> NDArray[np.uint8]:
    """A drawing as the Draw page shows its examples, uint8 (28, 28)."""
    drawing = [[(x, y) for x, y in stroke] for stroke in strokes.strokes]
    rgba = canvas.pixels(canvas.render_shapes(canvas.from_strokes(drawing)))
    return to_model_input(rgba, DRAWING)


# --- Pictures -----------------------------------------------------------------------------------


async def _read_form(request: Request, executor: Executor) -> Inputs:
    parser = MultiPartParser(
        request.headers, _whole(request), max_files=limits.MAX_PICTURES, max_fields=0
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise HTTPException(400, _form_problem(error.message)) from error
    except ValueError as error:  # a charset that is none of texts
        raise HTTPException(400, _form_problem("")) from error
    try:
        files = [file for name, file in form.multi_items() if name == FIELD]
        pictures = [file for file in files if isinstance(file, UploadFile)]
        if unknown := next((name for name, _ in form.multi_items() if name != FIELD), None):
            raise HTTPException(422, f"There is no field {quoted(unknown)}; it is {FIELD!r}.")
        if not pictures:
            raise HTTPException(422, f"The form has no file in the field {FIELD!r}.")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(executor, _prepare_all, pictures)
    finally:
        await form.close()


async def _whole(request: Request) -> AsyncGenerator[bytes, None]:
    """The parts of a form; the parser would take one that is cut off, and forget to close files."""
    _, options = parse_options_header(request.headers["content-type"])
    end = b"--" + options.get(b"boundary", b"") + b"--"
    tail, is_whole = b"", False
    async for chunk in request.stream():
        is_whole = is_whole or end in tail + chunk
        tail = (tail + chunk)[-len(end) :]
        yield chunk
    if not is_whole:
        raise HTTPException(400, "The form is cut off.")


def _form_problem(problem: str) -> str:
    if "files" in problem:
        return f"A request has at most {limits.MAX_PICTURES} pictures."
    if "fields" in problem:
        return f"The form takes files only, in the field {FIELD!r}."
    return f"The form cannot be read; send pictures as files in the field {FIELD!r}."


def _prepare_all(pictures: Sequence[UploadFile]) -> Inputs:
    images = [_prepare(number, file) for number, file in enumerate(pictures, 1)]
    return Inputs(np.stack(images), are_drawn=True)


def _prepare(number: int, file: UploadFile) -> NDArray[np.uint8]:
    """A picture as the Draw page prepares it, uint8 (28, 28)."""
    try:
        image = to_model_input(read_picture(file.file.read()))
    except PictureError as error:
        raise HTTPException(422, f"Picture {number}: {error}") from error
    if not image.any():
        raise HTTPException(
            422,
            f"Picture {number}: no garment was found; it must stand out from the background.",
        )
    return image
