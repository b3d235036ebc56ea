"""Errors as problem details (RFC 9457): a status and one sentence."""

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI
from fastapi.exceptions import HTTPException, RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import Request
from starlette.responses import Response

from fmnist.text import one_line

MEDIA_TYPE: Final = "application/problem+json"
_SENTENCES: Final[Mapping[int, str]] = {
    404: "There is nothing at this address; the list is at the root.",
    405: "This address does not take that method.",
    500: "The server failed; its log says why.",
}
_log = logging.getLogger(__name__)


class ProblemDetails(BaseModel):
    """What went wrong (RFC 9457)."""

    title: str
    """What the status means."""
    status: int
    detail: str
    """One sentence that says what to do."""


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """A response that says what is wrong with a request."""
    details = ProblemDetails(
        title=HTTPStatus(status).phrase, status=status, detail=one_line(detail)
    )
    content = json.dumps(details.model_dump(), ensure_ascii=False)
    return Response(content, status, dict(headers or {}), media_type=MEDIA_TYPE)


def _of_http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)
    is_own = isinstance(error, HTTPException)  # routing raises those of Starlette, without words
    detail = error.detail if is_own else _SENTENCES.get(error.status_code, error.detail)
    return problem(error.status_code, detail, error.headers)


def _of_parameters(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return problem(422, f"{first['loc'][-1]}: {first['msg']}.")


def _of_mistake(request: Request, error: Exception) -> Response:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(500, _SENTENCES[500])


def add_handlers(app: FastAPI) -> None:
    """Answer every error of an application with problem details."""
    app.add_exception_handler(StarletteHTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_parameters)
    app.add_exception_handler(Exception, _of_mistake)
