"""The OpenAPI document, its examples for a shell, and a page that shows them.

FastAPI's own page takes its scripts from another machine; this one needs none.
"""

import copy
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

import jinja2
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from fmnist.serve import limits
from fmnist.serve.bodies import FIELD
from fmnist.serve.documents import Images, Strokes
from fmnist.serve.problems import MEDIA_TYPE, ProblemDetails

EXAMPLE: Final = "Sneaker"
"""The drawing at /example.png."""

_ADDRESS: Final = "http://localhost:8000"  # in the examples, until a request says what it called
_REFERENCE: Final = "#/components/schemas/{model}"
_BAG: Final = {
    "strokes": [
        [[40, 90], [215, 90], [230, 200], [25, 200], [40, 90]],
        [[85, 90], [95, 45], [160, 45], [170, 90]],
    ]
}
_JSON: Final = "-H 'Content-Type: application/json'"
_PROBLEMS: Final[Mapping[int, str]] = {
    400: "The body cannot be read.",
    404: "There is no such model.",
    408: "The body did not come in time.",
    409: "The model cannot be used.",
    413: "The body is too large.",
    415: "The body is of another type.",
    421: "The server does not answer under this name.",
    422: "The request says what cannot be.",
    503: "Busy, or the model is being exported: try again.",
}
_ALWAYS: Final = (421, 503)
_OF_MODELS: Final = (*_ALWAYS, 404, 409, 422)

DESCRIPTIONS: Final[Mapping[str, str]] = {
    "/predict": "Predicts the class of pictures (PNG, JPEG or WebP), of a drawing, or of images of "
    "28×28 pixels. The parameter run chooses another of the server's models.",
    "/model": "Describes the model that answers: classes, protocol, accuracy and model card; and "
    "lists what else the parameter run takes.",
    "/health": "Says that the server is there.",
    "/metrics": "Requests, their times and the sizes of batches, for Prometheus.",
    "/example.png": "A drawing to try it with.",
}
"""What each address is for."""

SAMPLES: Final[Mapping[str, Mapping[str, str]]] = {
    "/predict": {
        "A picture": f"curl -s {_ADDRESS}/example.png -o example.png\n"
        f"curl -s {_ADDRESS}/predict -F {FIELD}=@example.png",
        "A drawing": f"curl -s {_ADDRESS}/predict {_JSON} \\\n  -d '{json.dumps(_BAG)}'",
        "Images": "python3 -c 'import json; print(json.dumps({\"images\": [[[0] * 28] * 28]}))' |\n"
        f"  curl -s {_ADDRESS}/predict {_JSON} -d @-",
    },
    "/model": {"The model": f"curl -s {_ADDRESS}/model"},
    "/health": {"Health": f"curl -s {_ADDRESS}/health"},
    "/metrics": {"Metrics": f"curl -s {_ADDRESS}/metrics"},
    "/example.png": {"A drawing": f"curl -s {_ADDRESS}/example.png -o example.png"},
}
"""Commands for a shell, by address and title."""

_RUN: Final = {
    "name": "run",
    "in": "query",
    "description": "Id of the run that answers; by default the server's own.",
    "schema": {"type": "string", "minLength": 1},
}
_FORM: Final = {
    "type": "object",
    "properties": {
        FIELD: {
            "type": "array",
            "items": {"type": "string", "format": "binary"},
            "minItems": 1,
            "maxItems": limits.MAX_PICTURES,
            "description": "PNG, JPEG or WebP files, prepared as the Draw page prepares them.",
        }
    },
    "required": [FIELD],
    "additionalProperties": False,
}


def _problems(statuses: Iterable[int]) -> dict[str, Any]:
    schema = {"schema": {"$ref": _REFERENCE.format(model=ProblemDetails.__name__)}}
    return {
        str(status): {"description": _PROBLEMS[status], "content": {MEDIA_TYPE: schema}}
        for status in sorted(statuses)
    }


def _samples(path: str) -> list[dict[str, str]]:
    return [
        {"lang": "Shell", "label": title, "source": command}
        for title, command in SAMPLES[path].items()
    ]


def extra(path: str) -> dict[str, Any]:
    """What the OpenAPI document says of an address beyond what FastAPI sees."""
    takes_run = path in ("/predict", "/model")
    statuses: Iterable[int] = _OF_MODELS if takes_run else _ALWAYS
    said: dict[str, Any] = {"x-codeSamples": _samples(path)}
    if takes_run:
        said["parameters"] = [_RUN]
    if path == "/predict":
        statuses = _PROBLEMS
        either = [{"$ref": _REFERENCE.format(model=m.__name__)} for m in (Images, Strokes)]
        said["requestBody"] = {
            "required": True,
            "content": {
                "application/json": {"schema": {"oneOf": either}, "example": _BAG},
                "multipart/form-data": {"schema": _FORM},
            },
        }
    return said | {"responses": _problems(statuses)}


class Documentation:
    """The OpenAPI document of an application, for the address that a request called."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        templates = jinja2.PackageLoader("fmnist.serve")
        environment = jinja2.Environment(
            loader=templates, autoescape=True, undefined=jinja2.StrictUndefined
        )
        self._page = environment.get_template("page.html.j2")

    def document(self, base: str) -> dict[str, Any]:
        """The document; its examples call `base`, an address without a slash at its end."""
        made = copy.deepcopy(self._made())
        made["servers"] = [{"url": base}]
        for operation in _operations(made).values():
            for sample in operation["x-codeSamples"]:
                sample["source"] = sample["source"].replace(_ADDRESS, base)
        return made

    def page(self, base: str) -> str:
        """The document as a page, HTML."""
        made = self.document(base)
        return self._page.render(info=made["info"], operations=_operations(made))

    def _made(self) -> dict[str, Any]:
        app = self._app
        if not app.openapi_schema:
            made = get_openapi(
                title=app.title, version=app.version, summary=app.summary, routes=app.routes
            )
            kinds = [(model, "validation") for model in (Images, Strokes, ProblemDetails)]
            _, own = models_json_schema(kinds, ref_template=_REFERENCE)  # type: ignore[arg-type]
            made["components"]["schemas"] |= own["$defs"]
            app.openapi_schema = made
        return app.openapi_schema


def _operations(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Operations by method and address."""
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
