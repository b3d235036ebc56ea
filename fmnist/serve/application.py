"""The application: its addresses, and how they answer."""

import logging
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import orjson
from fastapi import FastAPI, HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

import fmnist
from fmnist.data.splits import DATASET_TITLES
from fmnist.export.names import LICENSE
from fmnist.reports.answers import answer_in_words
from fmnist.serve import bodies, documentation, problems
from fmnist.serve.documents import Health, ModelDocument, Predictions
from fmnist.serve.guard import LOCAL, Guard
from fmnist.serve.metrics import CONTENT_TYPE, Metrics
from fmnist.serve.models import (
    Models,
    NotReadyError,
    Served,
    UnknownModelError,
    UnusableModelError,
)
from fmnist.sketchpad import canvas, recognition
from fmnist.sketchpad.examples import examples
from fmnist.sketchpad.recognition import SketchResult

_TEXT: Final = {"type": "string"}
_FILE: Final = {"type": "string", "format": "binary"}
_PREPARING: Final = 2  # threads that decode pictures; each may take 200 MB
_STATUS: Final = {UnknownModelError: 404, UnusableModelError: 409, NotReadyError: 503}


class _Answers:
    """How each address answers."""

    def __init__(self, models: Models, metrics: Metrics) -> None:
        self._models = models
        self._metrics = metrics
        self._preparing = ThreadPoolExecutor(_PREPARING, "prepare")

    async def predict(self, request: Request) -> Response:
        """Predict the class of pictures, of a drawing, or of images."""
        served = await self._model(request)
        inputs = await bodies.read(request, self._preparing)
        # what is drawn is classified as on the Draw page, an image exactly as it is
        images = recognition.shifted(inputs.images) if inputs.are_drawn else inputs.images
        probabilities, scores = await served.engine(images)
        knows_own_classes = scores is not None
        if scores is None and inputs.are_drawn:
            try:
                detector = await self._models.detector()
            except NotReadyError as error:
                raise HTTPException(503, str(error), {"Retry-After": "5"}) from error
            scores = (await detector.engine(images)).scores if detector else None
        if inputs.are_drawn:
            probabilities, scores = recognition.averaged(probabilities, scores)
        if scores is not None and not knows_own_classes:
            scores = recognition.with_own_classes(scores, probabilities)
        results = recognition.results(
            inputs.images, probabilities, scores, class_names=served.engine.class_names
        )
        return _json({
            "run": served.run.run_id,
            "predictions": [_prediction(one, is_scored=scores is not None) for one in results],
        })  # fmt: skip

    async def model(self, request: Request) -> Response:
        """Describe a model."""
        served = await self._model(request)
        config = served.run.config
        assert config is not None
        document = ModelDocument(
            run=served.run.run_id, name=served.run.name, networks=list(config.models),
            dataset=DATASET_TITLES[config.dataset], protocol=config.protocol,
            accuracy=served.accuracy, classes=list(served.engine.class_names),
            knows_other_things=served.engine.has_ood_class, license=LICENSE,
            version=fmnist.__version__, card=served.card, others=list(self._models.names()),
        )  # fmt: skip
        return _json(document.model_dump())

    async def health(self, _request: Request) -> Response:
        """Say that the server answers."""
        return _json({"status": "ok"})

    async def metrics(self, _request: Request) -> Response:
        """Counts for Prometheus."""
        return Response(self._metrics.text(), media_type=CONTENT_TYPE)

    async def example(self, _request: Request) -> Response:
        """A drawing to try `/predict` with."""
        shapes = canvas.from_strokes(examples()[documentation.EXAMPLE])
        return Response(canvas.render_shapes(shapes), media_type="image/png")

    async def _model(self, request: Request) -> Served:
        """The model that a request asks for."""
        asked = request.query_params.multi_items()
        if unknown := next((name for name, _ in asked if name != "run"), None):
            raise HTTPException(422, f"There is no parameter {unknown!r}; there is only 'run'.")
        if len(asked) > 1:
            raise HTTPException(422, "Name one run.")
        try:
            return await self._models.get(asked[0][1] if asked else None)
        except tuple(_STATUS) as error:
            status = _STATUS[type(error)]
            headers = {"Retry-After": "5"} if status == 503 else None
            raise HTTPException(status, str(error), headers) from error


def create_app(
    models: Models, metrics: Metrics, *, allowed_hosts: Collection[str] = LOCAL
) -> FastAPI:
    """Make the application.

    Parameters
    ----------
    models : Models
        Whoever runs the application closes them: a mounted application is not told of its end.
    metrics : Metrics
    allowed_hosts : collection of str
        Names that requests may be for; empty for all.
    """
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns of what is refused
    app = FastAPI(
        title="Fashion-MNIST lab", version=fmnist.__version__, openapi_url=None,
        summary="Predicts the class of a garment: of pictures, drawings or 28×28 images.",
    )  # fmt: skip
    answers = _Answers(models, metrics)
    table: dict[str, tuple[Any, str, dict[str, Any]]] = {
        "/predict": (answers.predict, "POST", {"model": Predictions}),
        "/model": (answers.model, "GET", {"model": ModelDocument}),
        "/health": (answers.health, "GET", {"model": Health}),
        "/metrics": (answers.metrics, "GET", {"content": {"text/plain": {"schema": _TEXT}}}),
        "/example.png": (answers.example, "GET", {"content": {"image/png": {"schema": _FILE}}}),
    }
    for path, (answer, method, success) in table.items():
        response_class = JSONResponse if "model" in success else Response
        app.add_api_route(
            path, answer, methods=[method], response_class=response_class, response_model=None,
            responses={200: {"description": "The answer."} | success},
            description=documentation.DESCRIPTIONS[path],
            openapi_extra=documentation.extra(path),
        )  # fmt: skip
    # Handlers that take the request itself gain nothing by FastAPI's own routes, and lose 0.1 ms:
    # those are there to be documented.
    app.router.routes[:0] = [
        Route(path, answer, methods=[method]) for path, (answer, method, _) in table.items()
    ]
    documented = documentation.Documentation(app)

    async def document(request: Request) -> Response:
        return _json(documented.document(_base(request)))

    async def page(request: Request) -> Response:
        return HTMLResponse(documented.page(_base(request)))

    app.add_route("/openapi.json", document)
    app.add_route("/", page)
    problems.add_handlers(app)
    app.add_middleware(Guard, allowed_hosts=allowed_hosts, metrics=metrics, paths=frozenset(table))
    return app


def _base(request: Request) -> str:
    """What a request called the application, with the path that it is mounted at."""
    return str(request.url.replace(path=request.scope.get("root_path", ""), query=""))


def _prediction(result: SketchResult, *, is_scored: bool) -> dict[str, Any]:
    probabilities = result.probabilities.tolist()
    label = result.predicted_label
    return {
        "label": label,
        "class": result.predicted_class,
        "confidence": probabilities[label],
        "probabilities": dict(zip(result.class_names, probabilities, strict=True)),
        "in_distribution_score": min(result.in_distribution_score, 1.0) if is_scored else None,
        "is_garment": result.is_garment if is_scored else None,
        "answer": str(answer_in_words(result)),
    }


def _json(values: object) -> Response:
    return Response(orjson.dumps(values), media_type="application/json")
