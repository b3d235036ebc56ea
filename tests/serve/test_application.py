"""The API answers as `Classifier.predict_proba` and the Draw page do, and describes itself."""

import io
import json
import re
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import Dataset
from fmnist.export import kept
from fmnist.models.classifier import Classifier
from fmnist.runs.run import Run
from fmnist.runs.temperature import Temperature, save_temperature, temperature_path
from fmnist.serve.metrics import Metrics
from fmnist.sketchpad import canvas, recognition
from fmnist.sketchpad.examples import examples
from fmnist.sketchpad.recognition import OOD_MODEL
from fmnist.sketchpad.uploads import read_picture

DRAWING = examples()["Ankle boot"]
PICTURE = canvas.render_shapes(canvas.from_strokes(DRAWING))


def probabilities(response: Any) -> np.ndarray:
    """Of a response's predictions, (N, 10), in the order of the classes."""
    assert response.status_code == 200, response.text
    rows = [one["probabilities"] for one in response.json()["predictions"]]
    return np.array([[row[name] for name in CLASS_NAMES] for row in rows])


@pytest.mark.parametrize("count", [1, 7, 130])
def test_images_get_the_probabilities_of_the_run(
    client: TestClient, classifier: Classifier, small: Dataset, run: Run, count: int
) -> None:
    images = small.test_images[:count]
    response = client.post("/predict", json={"images": images.tolist()})
    expected = classifier.predict_proba(images)
    assert probabilities(response) == pytest.approx(expected, abs=1e-5)
    assert response.json()["run"] == run.run_id
    for one, row in zip(response.json()["predictions"], expected, strict=True):
        assert one["label"] == row.argmax()
        assert one["class"] == CLASS_NAMES[row.argmax()]
        assert one["confidence"] == pytest.approx(row.max(), abs=1e-5)
        assert one["in_distribution_score"] is one["is_garment"] is None


def test_a_model_that_knows_other_things_scores_images(
    client: TestClient, detector: Classifier, small: Dataset
) -> None:
    images = small.test_images[:5]
    response = client.post(f"/predict?run={OOD_MODEL}", json={"images": images.tolist()})
    assert probabilities(response) == pytest.approx(detector.predict_proba(images), abs=1e-5)
    scores = [one["in_distribution_score"] for one in response.json()["predictions"]]
    assert scores == pytest.approx(detector.in_distribution_scores(images), abs=1e-5)


def as_file(picture: bytes, form: str) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").save(buffer, form)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_picture_gets_the_answer_of_the_draw_page(
    client: TestClient, classifier: Classifier, detector: Classifier, form: str
) -> None:
    picture = as_file(PICTURE, form)
    response = client.post("/predict", files={"pictures": ("drawing", picture)})
    expected = recognition.classify(read_picture(picture), classifier, ood_model=detector)
    assert_same(response, expected)


def test_a_picture_without_a_garment_is_refused(client: TestClient) -> None:
    file = io.BytesIO()
    Image.new("RGB", (40, 60), "white").save(file, "PNG")
    response = client.post("/predict", files={"pictures": ("blank", file.getvalue())})
    assert response.status_code == 422
    assert "Picture 1: no garment was found" in response.text


def test_strokes_get_the_answer_of_the_draw_page(
    client: TestClient, classifier: Classifier, detector: Classifier
) -> None:
    strokes = [[list(point) for point in stroke] for stroke in DRAWING]
    response = client.post("/predict", json={"strokes": strokes})
    expected = recognition.classify(canvas.pixels(PICTURE), classifier, ood_model=detector)
    assert_same(response, expected)


def assert_same(response: Any, expected: recognition.SketchResult) -> None:
    assert probabilities(response)[0] == pytest.approx(expected.probabilities, abs=1e-5)
    (answer,) = response.json()["predictions"]
    score = pytest.approx(expected.in_distribution_score, abs=1e-5)
    assert answer["in_distribution_score"] == score
    assert answer["is_garment"] == expected.is_garment


def test_several_pictures_are_answered_in_their_order(client: TestClient) -> None:
    other = canvas.render_shapes(canvas.from_strokes(examples()["Trousers"]))
    files = [("pictures", ("a", PICTURE)), ("pictures", ("b", other)), ("pictures", ("c", PICTURE))]
    found = probabilities(client.post("/predict", files=files))
    alone = probabilities(client.post("/predict", files={"pictures": ("b", other)}))
    assert found[0] == pytest.approx(found[2])
    assert found[1] == pytest.approx(alone[0], abs=1e-6)
    assert np.abs(found[0] - found[1]).max() > 1e-3


def test_the_temperature_of_the_run_is_part_of_the_answer(
    client: TestClient, run: Run, small: Dataset, classifier: Classifier
) -> None:
    images = small.test_images[:3]
    before = probabilities(client.post("/predict", json={"images": images.tolist()}))
    selected = run.history.selected
    assert selected is not None
    try:
        save_temperature(run, Temperature(2.5, selected.epoch, 1.0, 0.5))
        kept.make(run, "onnx", small)  # here, in less time than a new process takes
        after = probabilities(client.post("/predict", json={"images": images.tolist()}))
    finally:
        temperature_path(run).unlink()
        kept.make(run, "onnx", small)
    hotter = Classifier(classifier.model, models=classifier.models, temperature=2.5)
    assert after == pytest.approx(hotter.predict_proba(images), abs=1e-5)
    again = probabilities(client.post("/predict", json={"images": images.tolist()}))
    assert again == pytest.approx(before, abs=1e-6)


def test_the_model_is_described(client: TestClient, run: Run) -> None:
    told = client.get("/model").json()
    assert (told["run"], told["name"], told["protocol"]) == (run.run_id, "My run", "held-out")
    assert told["classes"] == list(CLASS_NAMES)
    assert told["card"].startswith("# My run")
    assert 0 <= told["accuracy"]["value"] <= 1 and told["accuracy"]["split"] == "test"
    assert told["others"] == [run.run_id, OOD_MODEL]
    assert client.get(f"/model?run={OOD_MODEL}").json()["knows_other_things"] is True


def test_examples_call_the_address_that_was_called(app: FastAPI) -> None:
    client = TestClient(Starlette(routes=[Mount("/api", app)]))
    document = client.get("/api/openapi.json?x=1").json()
    assert document["servers"] == [{"url": "http://testserver/api"}]
    sample = document["paths"]["/health"]["get"]["x-codeSamples"][0]["source"]
    assert sample == "curl -s http://testserver/api/health"
    assert "http://testserver/api/predict" in client.get("/api/").text
    assert client.get("/api/example.png").status_code == 200
    assert 'path="/example.png",status="200"' in client.get("/api/metrics").text


def test_health_and_metrics(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "ok"}
    client.get("/nothing/here")
    text = client.get("/metrics").text
    assert re.search(r'fmnist_requests_total\{path="/health",status="200"\} [1-9]', text)
    assert re.search(r'fmnist_requests_total\{path="other",status="404"\} [1-9]', text)
    assert "nothing" not in text


def test_batches_are_counted() -> None:
    metrics = Metrics()
    metrics.count_batch(3)
    assert b"fmnist_batch_images_sum 3.0" in metrics.text()


def test_the_documentation_needs_no_other_machine(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "POST /predict" in page.text and "curl" in page.text
    assert set(re.findall(r"https?://[^/\s]+", page.text)) == {"http://testserver"}
    assert "script" not in page.text and "src=" not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    document = json.dumps(client.get("/openapi.json").json())
    assert set(re.findall(r"https?://[^/\s\"\\]+", document)) == {"http://testserver"}
    assert client.get("/docs").status_code == client.get("/redoc").status_code == 404
