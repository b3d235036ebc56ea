"""Requests drawn from the API's own OpenAPI document, right ones and wrong ones."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

FORM = "multipart/form-data"
OPERATIONS = [
    ("/predict", "POST"), ("/model", "GET"), ("/health", "GET"), ("/metrics", "GET"),
    ("/example.png", "GET"),
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def no_garbage_collection() -> Iterator[None]:
    """Python 3.11 fails where a collection comes within `ast.parse` (CPython issue 106905).

    schemathesis imports its modules late, and pytest parses those of each package with a plugin.
    """
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(scope="module")
def document(app: FastAPI) -> Any:
    return schemathesis.openapi.from_asgi("/openapi.json", app, headers={"host": "testserver"})


def test_all_operations_are_tried(document: Any) -> None:
    found = {(one.ok().path, one.ok().method.upper()) for one in document.get_all_operations()}
    assert found == set(OPERATIONS)


@pytest.mark.parametrize(
    ("path", "method", "mode"),
    [
        *((*operation, GenerationMode.POSITIVE) for operation in OPERATIONS),
        *(
            (*operation, GenerationMode.NEGATIVE) for operation in OPERATIONS[:2]
        ),  # others ask nothing
    ],
)
def test_every_answer_is_as_documented(
    document: Any, path: str, method: str, mode: GenerationMode
) -> None:
    tried = settings(
        max_examples=25 if path == "/predict" else 8, deadline=None, derandomize=True,
        database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip

    @tried
    @given(case=document[path][method].as_strategy(generation_mode=mode))
    def try_it(case: Any) -> None:
        # no schema says that a file is a picture with something on it
        excluded = [positive_data_acceptance] if case.media_type == FORM else []
        case.call_and_validate(headers={"host": "testserver"}, excluded_checks=excluded)

    try_it()
