"""The classifier: images to probabilities, files, runs."""

import json
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fmnist import paths
from fmnist.data.fashion_mnist import load_fashion_mnist
from fmnist.errors import DamagedFileError
from fmnist.evaluation.metrics import softmax
from fmnist.evaluation.predictions import Evaluation
from fmnist.models.classifier import Classifier, Normalization
from fmnist.models.registry import create_model
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.history import EpochEntry
from fmnist.runs.loading import load_pretrained, load_run
from fmnist.runs.run import RunError
from fmnist.runs.temperature import Temperature, save_temperature
from tools.small import small_dataset

IMAGES = small_dataset().test_images


def new_classifier(**settings: Any) -> Classifier:
    model = create_model("fashion-cnn", seed=1)
    return Classifier(model, models=["fashion-cnn"], **settings)


class Spy(nn.Module):
    """Keeps what it is given; its logits are the mean, the minimum and the maximum of pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.inputs: list[Tensor] = []

    def forward(self, input: Tensor) -> Tensor:
        self.inputs.append(input)
        flat = input.flatten(1)
        return torch.stack([flat.mean(1), flat.amin(1), flat.amax(1)], dim=1)


def test_probabilities() -> None:
    probabilities = new_classifier().predict_proba(IMAGES[:50])
    assert probabilities.shape == (50, 10)
    assert probabilities.dtype == np.float32
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert probabilities.min() >= 0
    assert probabilities.max() <= 1
    assert len(np.unique(probabilities.round(6), axis=0)) > 40  # they depend on the image


def test_probabilities_are_the_softmax_of_the_logits() -> None:
    classifier = new_classifier()
    expected = torch.softmax(torch.tensor(classifier.logits(IMAGES[:20])).double(), dim=1)
    assert np.allclose(classifier.predict_proba(IMAGES[:20]), expected.numpy(), atol=1e-6)


def test_temperature_divides_the_logits() -> None:
    plain, hot = new_classifier(), new_classifier(temperature=4.0)
    assert np.array_equal(plain.logits(IMAGES[:20]), hot.logits(IMAGES[:20]))
    expected = torch.softmax(torch.tensor(plain.logits(IMAGES[:20])).double() / 4, dim=1)
    assert np.allclose(hot.predict_proba(IMAGES[:20]), expected.numpy(), atol=1e-6)
    assert hot.predict_proba(IMAGES[:20]).max() < plain.predict_proba(IMAGES[:20]).max()


def test_pixels_reach_the_model_from_minus_one_to_one() -> None:
    images = np.zeros((3, 28, 28), dtype=np.uint8)
    images[1], images[2] = 255, 51
    images[2, 4, 7] = 102
    spy = Spy()
    Classifier(spy, models=["spy"]).logits(images)
    (given,) = spy.inputs
    assert given.shape == (3, 1, 28, 28)
    assert given.dtype == torch.float32
    assert torch.allclose(given[0], torch.tensor(-1.0))
    assert torch.allclose(given[1], torch.tensor(1.0))
    assert given[2, 0, 4, 7].item() == pytest.approx(-0.2)  # row 4, column 7: not transposed
    assert given[2, 0, 7, 4].item() == pytest.approx(-0.6)


def test_normalization_takes_mean_and_std_of_pixels_from_0_to_1() -> None:
    images = torch.tensor(IMAGES[:5])
    expected = (images.unsqueeze(1).float() / 255 - 0.286) / 0.353
    assert torch.allclose(Normalization(0.286, 0.353)(images), expected, atol=1e-6)


def test_the_model_is_evaluated_not_trained() -> None:
    model = create_model("fashion-cnn", seed=1)
    classifier = Classifier(model, models=["fashion-cnn"])
    before = classifier.logits(IMAGES[:20])
    model.train()  # dropout would be on
    assert np.array_equal(classifier.logits(IMAGES[:20]), before)


def test_no_images_have_no_probabilities() -> None:
    probabilities = new_classifier().predict_proba(IMAGES[:0])
    assert probabilities.shape == (0, 10)
    assert probabilities.dtype == np.float32


@pytest.mark.parametrize("shape", [(28, 28), (1, 28, 27), (1, 1, 28, 28), (784,), (2, 784)])
def test_images_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"must have shape \(N, 28, 28\), not \("):
        new_classifier().predict_proba(np.zeros(shape, dtype=np.uint8))


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.bool_])
def test_images_of_another_type_are_refused(dtype: type[np.generic]) -> None:
    images: NDArray[Any] = np.zeros((1, 28, 28), dtype=dtype)
    with pytest.raises(ValueError, match="must be uint8"):
        new_classifier().predict_proba(images)


def test_images_are_neither_changed_nor_need_be_writable() -> None:
    images = IMAGES[:20].copy()
    images.flags.writeable = False
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        logits = new_classifier().logits(images)
    assert [str(warning.message) for warning in caught] == []
    assert np.array_equal(images, IMAGES[:20])
    views = IMAGES[:40][::2]  # not contiguous
    assert np.allclose(new_classifier().logits(views)[:10], logits[:20:2], atol=1e-5)


def test_the_batch_hardly_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = new_classifier()
    whole = classifier.logits(IMAGES)
    monkeypatch.setattr("fmnist.models.classifier._BATCH", 7)
    parts = classifier.logits(IMAGES)
    assert parts.shape == whole.shape == (len(IMAGES), 10)
    assert np.allclose(parts, whole, atol=1e-5)
    assert np.allclose(classifier.logits(IMAGES[30:31]), whole[30:31], atol=1e-5)


def test_features_are_what_the_last_layer_sees() -> None:
    classifier = new_classifier()
    told: list[tuple[int, int]] = []
    features = classifier.features(IMAGES, progress=lambda *x: told.append(x))
    assert features.shape == (len(IMAGES), 128) and features.dtype == np.float32
    assert told[-1] == (len(IMAGES), len(IMAGES))
    with torch.inference_mode():
        again = classifier.model.fc2(torch.tensor(features)).numpy()  # type: ignore[operator]
    assert np.allclose(again, classifier.logits(IMAGES), atol=1e-5)


@pytest.mark.parametrize(
    "names", [["vit-tiny"], ["efficientnet-b0"], ["logistic", "vit-tiny"]], ids="+".join
)
def test_a_head_that_is_not_the_last_module_is_found(tmp_path: Path, names: list[str]) -> None:
    classifier = Classifier(create_model(*names, seed=0), models=names)
    assert classifier.outputs == 10
    path = tmp_path / "weights.safetensors"
    classifier.save(path)
    loaded = Classifier.load(path)
    assert np.array_equal(loaded.logits(IMAGES[:2]), classifier.logits(IMAGES[:2]))
    features = loaded.features(IMAGES[:2])
    assert features.shape == (2, 192 if "vit-tiny" in names else 1280)


def test_features_leave_the_model_as_it_was() -> None:
    classifier = new_classifier()
    before = classifier.logits(IMAGES[:20])
    classifier.features(IMAGES[:20])
    assert np.array_equal(classifier.logits(IMAGES[:20]), before)
    hooks = [m for m in classifier.model.modules() if m._forward_pre_hooks]
    assert hooks == []
    assert classifier.features(IMAGES[:0]).shape == (0, 128)


def test_two_threads_get_features_of_their_own_images() -> None:
    classifier = new_classifier()
    parts = [IMAGES[20 * n : 20 * (n + 1)] for n in range(6)]
    expected = [classifier.features(part) for part in parts]
    with ThreadPoolExecutor(6) as pool:
        for _ in range(5):
            found = list(pool.map(classifier.features, parts))
            for one, other in zip(found, expected, strict=True):
                assert np.allclose(one, other, atol=1e-6)


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    classifier = new_classifier(normalization=Normalization(0.3, 0.4), temperature=1.7)
    classifier.save(path)
    loaded = Classifier.load(path)
    assert loaded.models == ("fashion-cnn",)
    assert loaded.normalization == Normalization(0.3, 0.4)
    assert loaded.temperature == 1.7
    assert not loaded.model.training
    assert np.array_equal(loaded.logits(IMAGES[:50]), classifier.logits(IMAGES[:50]))
    assert np.array_equal(loaded.predict_proba(IMAGES), classifier.predict_proba(IMAGES))
    assert list(tmp_path.iterdir()) == [path]


GOOD = {"model": "fashion-cnn", "mean": 0.5, "std": 0.5, "temperature": 1.0}


def write_weights(
    path: Path, description: object, tensors: dict[str, Tensor] | None = None
) -> None:
    tensors = tensors or create_model("fashion-cnn", seed=1).state_dict()
    path.write_bytes(safetensors.torch.save(tensors, metadata={"fmnist": json.dumps(description)}))


def test_written_like_this_it_can_be_loaded(tmp_path: Path) -> None:
    # so that the tests below fail for their reason alone
    write_weights(tmp_path / "weights", GOOD)
    assert Classifier.load(tmp_path / "weights").temperature == 1


@pytest.mark.parametrize(
    "description",
    [
        {}, [], 3, None,
        GOOD | {"model": "vgg"}, GOOD | {"model": ["fashion-cnn"]}, GOOD | {"model": None},
        GOOD | {"mean": "gray"}, GOOD | {"mean": float("nan")}, GOOD | {"mean": None},
        GOOD | {"std": 0}, GOOD | {"std": -1}, GOOD | {"std": [1]},
        GOOD | {"temperature": 0}, GOOD | {"temperature": -1}, GOOD | {"temperature": {}},
        GOOD | {"temperature": 1e-300}, GOOD | {"temperature": 1e300}, GOOD | {"std": 1e-300},
        GOOD | {"temperature": float("inf")}, GOOD | {"temperature": 10**400},
        *({k: v for k, v in GOOD.items() if k != missing} for missing in GOOD),
    ],
)  # fmt: skip
def test_an_impossible_description_is_refused(tmp_path: Path, description: object) -> None:
    path = tmp_path / "weights"
    write_weights(path, description)
    with pytest.raises(ValueError, match=f"the weights in {path} cannot be read") as caught:
        Classifier.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", ["empty", "short", "foreign", "no metadata", "other tensors"])
def test_a_damaged_or_foreign_file_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "weights"
    new_classifier().save(path)
    content = path.read_bytes()
    if damage == "other tensors":
        write_weights(path, GOOD, {"conv1.weight": torch.zeros(3)})
    else:
        path.write_bytes(
            {
                "empty": b"",
                "short": content[: len(content) // 2],
                "foreign": b"PK\x03\x04 an archive of something else",
                "no metadata": safetensors.torch.save({"a": torch.zeros(3)}),
            }[damage]
        )
    with pytest.raises(ValueError, match=f"the weights in {path} cannot be read") as caught:
        Classifier.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, value: float) -> None:
    tensors = create_model("fashion-cnn", seed=1).state_dict()
    next(reversed(tensors.values()))[3] = value
    write_weights(tmp_path / "weights", GOOD, tensors)
    with pytest.raises(DamagedFileError, match="cannot be read .they are not all finite numbers"):
        Classifier.load(tmp_path / "weights")


def test_outputs_that_are_no_numbers_are_refused() -> None:
    classifier = new_classifier()
    with torch.no_grad():
        next(classifier.model.parameters()).fill_(torch.nan)
    with pytest.raises(DamagedFileError, match="outputs are not finite numbers; choose another"):
        classifier.predict_proba(IMAGES[:2])


def test_an_absent_file_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Classifier.load(tmp_path / "model.safetensors")


@pytest.mark.parametrize("load", [load_run, load_pretrained])
def test_loads_the_weights_of_a_run(tmp_path: Path, load: Any) -> None:
    run = store.create_run(tmp_path, TrainConfig())
    with pytest.raises(RunError, match="has no weights; it has not finished an epoch"):
        load(run.run_id, folder=tmp_path)
    classifier = new_classifier(temperature=2.5)
    classifier.save(run.weights_path)
    loaded = load(run.run_id, folder=tmp_path)
    assert loaded.temperature == 2.5
    assert np.array_equal(loaded.logits(IMAGES[:10]), classifier.logits(IMAGES[:10]))
    run.weights_path.write_bytes(b"damaged")
    with pytest.raises(RunError, match=f"The run {run.run_id} is broken: the file model"):
        load(run.run_id, folder=tmp_path)


@pytest.mark.parametrize(("epoch", "temperature"), [(1, 2.5), (2, 1.0)])
def test_a_temperature_kept_with_the_run_is_used(
    tmp_path: Path, epoch: int, temperature: float
) -> None:
    """It belongs to the epoch it was fitted to: epoch 1, the best one here."""
    run = store.create_run(tmp_path, TrainConfig())
    new_classifier().save(run.weights_path)
    best = EpochEntry(1, 10, 0.5, 0.8, "validation", 0.4, 0.9, 1.0, 1.0)
    run.history_path.write_text(json.dumps(best.to_json()) + "\n")
    save_temperature(run, Temperature(2.5, epoch, 0.3, 0.2))
    assert load_run(run.run_id, folder=tmp_path).temperature == temperature


def test_runs_are_looked_for_among_the_artifacts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path))
    run = store.create_run(tmp_path / "runs", TrainConfig())
    new_classifier(temperature=3.0).save(run.weights_path)
    assert load_run(run.run_id).temperature == 3.0


@pytest.mark.parametrize("load", [load_run, load_pretrained])
@pytest.mark.parametrize("up", ["../", "..", ".", "", "x/../", "/", "\\", "a\n", "..%2f"])
def test_only_names_of_runs_lead_to_a_folder(tmp_path: Path, load: Any, up: str) -> None:
    run = store.create_run(tmp_path / "elsewhere", TrainConfig())
    new_classifier().save(run.weights_path)
    root = tmp_path / "runs"
    (root / "x").mkdir(parents=True)
    for name in (up, f"{up}elsewhere/{run.run_id}", f"../elsewhere/{run.run_id}", str(run.folder)):
        with pytest.raises(RunError, match="^There is no run "):
            load(name, folder=root)


def test_the_eleventh_output_is_what_is_no_garment(tmp_path: Path) -> None:
    model = create_model("fashion-cnn", seed=1, num_classes=11)
    classifier = Classifier(model, models=["fashion-cnn"])
    assert classifier.has_ood_class and not new_classifier().has_ood_class
    images = IMAGES[:20]
    with torch.inference_mode():
        outputs = model(Normalization()(torch.tensor(images)))
    assert np.allclose(classifier.logits(images), outputs[:, :10], atol=1e-5)
    expected = 1 - torch.softmax(outputs, dim=1)[:, 10].numpy()
    assert np.allclose(classifier.in_distribution_scores(images), expected, atol=1e-5)
    assert classifier.predict_proba(images).sum(axis=1) == pytest.approx(np.ones(20), abs=1e-5)
    classifier.save(tmp_path / "weights")
    loaded = Classifier.load(tmp_path / "weights")
    assert np.array_equal(
        loaded.in_distribution_scores(images), classifier.in_distribution_scores(images)
    )


def test_a_network_that_knows_no_other_things_gives_no_garment_score() -> None:
    with pytest.raises(ValueError, match="has not learned what is no garment"):
        new_classifier().in_distribution_scores(IMAGES[:2])


WITH_WEIGHTS = [
    run.run_id for run in store.list_runs(paths.pretrained_folder()) if run.weights_path.exists()
]


@pytest.mark.parametrize("name", WITH_WEIGHTS)
def test_a_shipped_model_says_of_real_images_what_is_stored_with_it(
    name: str, fashion_mnist_folder: Path
) -> None:
    chosen = np.arange(0, 10_000, 50)
    images = load_fashion_mnist(fashion_mnist_folder).test_images[chosen]
    stored = Evaluation.load(paths.pretrained_folder() / name / "evaluation" / "test.npz")
    probabilities = softmax(load_pretrained(name).logits(images))
    # other processors round differently, and what is stored has 16 bits
    assert probabilities == pytest.approx(stored.probabilities[chosen], abs=0.01)


@pytest.mark.parametrize("has_other", [True, False])
def test_own_classes_stand_beside_the_ten(tmp_path: Path, has_other: bool) -> None:
    network = create_model("lenet-5", seed=1, num_classes=12 + has_other)
    made = Classifier(network, models=["lenet-5"], temperature=2, own_classes=["hat", "sock"])
    made.save(tmp_path / "model.safetensors")
    read = Classifier.load(tmp_path / "model.safetensors")
    assert read.class_names[10:] == read.own_classes == ("hat", "sock")
    assert read.has_ood_class == has_other and len(read.output_names) == read.outputs
    images = IMAGES[:5]
    with torch.inference_mode():
        logits = made.model(made.normalization(torch.tensor(images))).double().numpy()
    named = np.delete(logits, 10, axis=1) if has_other else logits
    assert read.predict_proba(images) == pytest.approx(softmax(named, temperature=2), abs=1e-6)
    assert read.logits(images) == pytest.approx(named, abs=1e-5)
    assert [read.output_names[place] for place in read.named_outputs] == list(read.class_names)
    if has_other:  # own classes are no other things
        expected = 1 - softmax(logits)[:, 10]
        assert read.in_distribution_scores(images) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("own", [["Bag"], ["a", "a"], "hat", [3], ["a", "b", "c"], ["x" * 31]])
def test_impossible_own_classes_are_refused(tmp_path: Path, own: object) -> None:
    network = create_model("logistic", seed=1, num_classes=12)
    path = tmp_path / "model.safetensors"
    description = {"models": ["logistic"], "mean": 0.5, "std": 0.5, "temperature": 1}
    description |= {"outputs": 12, "own_classes": own}
    metadata = {"fmnist": json.dumps(description)}
    safetensors.torch.save_file(network.state_dict(), path, metadata=metadata)
    with pytest.raises(DamagedFileError, match="cannot be read"):
        Classifier.load(path)
