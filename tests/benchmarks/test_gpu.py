"""The GPU benchmark, on a processor: a small network and synthetic garments."""

import gzip
import hashlib
import io
import json
import os
import struct
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks import gpu, gpu_files, gpu_jobs, gpu_table, gpu_training
from benchmarks.gpu_jobs import Pace, fitting_epochs, large_jobs, small_jobs
from benchmarks.gpu_training import Trainer
from fmnist import paths
from fmnist.data import fashion_mnist
from fmnist.data.splits import Dataset
from fmnist.evaluation.predictions import EpochEvaluations, Evaluation, evaluate
from fmnist.files import load_arrays
from fmnist.models.classifier import Classifier
from fmnist.models.registry import create_model
from fmnist.runs.run import Run
from fmnist.runs.store import open_run
from fmnist.training.data import monitored_images
from tools.small import history_without_times, small_dataset

FIRST, TAUGHT, SECOND = "swift-gpu-0", "swift-gpu-taught-0", "swift-gpu-full-0"
CPU = torch.device("cpu")

# stands in for a machine that has only torch and NumPy, and for the original's files
BLOCKED = """
import runpy, sys
from importlib.machinery import PathFinder

find_spec = PathFinder.find_spec

def find_others(name, path=None, target=None):
    return None if name.partition(".")[0] in %(names)r else find_spec(name, path, target)

PathFinder.find_spec = find_others
from fmnist.data import fashion_mnist
for name, (magic, _) in list(fashion_mnist._FILES.items()):
    fashion_mnist._FILES[name] = (magic, %(train)d if name.startswith("train") else %(test)d)
fashion_mnist.FASHION_MNIST_SHA256 = %(checksum)r
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
PACKAGES = (
    "streamlit", "safetensors", "torchvision", "filelock", "tqdm", "scipy", "PIL", "pandas",
    "plotly", "sklearn", "matplotlib", "sqlalchemy", "pydantic", "jinja2",
)  # fmt: skip


def write_idx(root: Path, dataset: Dataset) -> None:
    """The four files of a data set, as torchvision lays them out; two are compressed."""
    raw = root / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for name, images, labels in (
        ("train", dataset.train_images, dataset.train_labels),
        ("t10k", dataset.test_images, dataset.test_labels),
    ):
        header = struct.pack(">4i", 2051, len(images), 28, 28)
        content = gzip.compress(header + images.tobytes())
        (raw / f"{name}-images-idx3-ubyte.gz").write_bytes(content)
        header = struct.pack(">2i", 2049, len(labels))
        (raw / f"{name}-labels-idx1-ubyte").write_bytes(header + labels.tobytes())


def checksum(dataset: Dataset) -> str:
    arrays = (
        dataset.train_images, dataset.train_labels, dataset.test_images, dataset.test_labels,
    )  # fmt: skip
    return fashion_mnist._checksum(arrays)


@pytest.fixture(scope="module")
def small() -> Dataset:
    drawn = small_dataset()
    return replace(drawn, name="fashion-mnist", checksum=checksum(drawn))


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory, small: Dataset) -> tuple[Path, str]:
    """`benchmarks/gpu.sh --small` where only torch and NumPy are: its folder, what it printed."""
    folder = tmp_path_factory.mktemp("gpu")
    write_idx(folder / "data", small)
    values = {
        "names": PACKAGES, "checksum": small.checksum,
        "train": len(small.train_labels), "test": len(small.test_labels),
    }  # fmt: skip
    (folder / "blocked.py").write_text(BLOCKED % values, encoding="utf-8")
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{folder}/blocked.py" "$@"\n')
    python.chmod(0o755)
    result = subprocess.run(
        [str(paths.PROJECT / "benchmarks" / "gpu.sh"), "--small", "--cpu", "--work", str(folder)],
        env={
            **os.environ, "PYTHON": str(python), "OUT": str(folder / "out"),
            "FMNIST_DATA": str(folder / "data"), "OMP_NUM_THREADS": "1",
        },
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return folder, result.stdout


def test_command_plans_resumes_and_trains_a_second_run(command: tuple[Path, str]) -> None:
    printed = command[1]
    assert f"{FIRST}: up to 2 epochs of 11 steps" in printed
    assert "Ended after epoch 1; run the same command again to resume." in printed
    assert f"{FIRST}: resumed after epoch 1" in printed
    assert f"{SECOND}: epoch 2 of 2" in printed
    assert not list((command[0] / "small" / "checkpoints").iterdir())


@pytest.mark.parametrize(("key", "monitored"), [(FIRST, "validation"), (SECOND, "train")])
def test_dashboard_opens_the_run_with_its_evaluations(
    command: tuple[Path, str], small: Dataset, key: str, monitored: Any
) -> None:
    run = open_run(command[0] / "small" / "runs", key)
    assert (run.state, run.training and run.training.epochs) == ("finished", 2)
    assert run.dataset["checksum"] == small.checksum
    assert [entry.epoch for entry in run.history.epochs] == [1, 2]
    assert [entry.step for entry in run.history.steps] == (
        [5, 10, 16, 21] if monitored == "validation" else [5, 10, 17, 22]
    )
    assert run.progress.fraction == 1
    classifier = Classifier.load(run.weights_path)
    assert run.training is not None
    for name in (monitored, "test"):
        stored = Evaluation.load(run.evaluation_path(name))
        split = monitored_images(run.training, small)
        if name == "test":
            split = small.split("test")
        computed = evaluate(classifier, split)
        assert np.array_equal(stored.indices, computed.indices)
        assert stored.accuracy == computed.accuracy
        np.testing.assert_allclose(stored.logits, computed.logits, rtol=2e-3, atol=2e-3)
    assert run.history.selected is not None
    selected = Evaluation.load(run.evaluation_path(monitored))
    epochs = EpochEvaluations.load(run.epochs_path)
    assert np.array_equal(epochs.epoch(2).logits, selected.logits)
    assert run.history.selected.accuracy == selected.accuracy
    assert run.history.selected.split == monitored


def test_results_and_table_of_the_command(command: tuple[Path, str]) -> None:
    out = command[0] / "out"
    results = json.loads((out / "gpu_speed.json").read_text())
    first, taught, second = results["jobs"]
    assert (first["key"], taught["key"], second["key"]) == (FIRST, TAUGHT, SECOND)
    assert second["weights"] == first["weights"]  # fixed by the first
    assert 0 < first["train_seconds"] < 600
    run = open_run(command[0] / "small" / "runs", FIRST)
    assert Evaluation.load(run.evaluation_path("test")).accuracy == first["test"]
    table = (out / "gpu_speed.md").read_text()
    assert f"**{first['test']:.2%}**" in table
    assert f"{max(first['accuracies'].values()):.2%}" in table
    assert f"torch {torch.__version__}" in table
    assert "a trial, no measurement" in table


def test_archive_of_the_command_holds_the_runs(command: tuple[Path, str]) -> None:
    parts = sorted((command[0] / "out").glob("runs.tar.*"))
    with tarfile.open(fileobj=io.BytesIO(b"".join(p.read_bytes() for p in parts))) as archive:
        for key in (FIRST, TAUGHT, SECOND):
            for path in ("config.json", "status.json", "model.safetensors", "evaluation/test.npz"):
                stored = archive.extractfile(f"{key}/{path}")
                assert stored is not None
                assert stored.read() == (command[0] / "small" / "runs" / key / path).read_bytes()


def train(folder: Path, *more: str) -> int:
    return gpu.main(
        ["--small", "--cpu", "--work", str(folder), "--out", str(folder / "out"), *more]
    )


def opened(folder: Path, key: str = FIRST) -> Run:
    return open_run(folder / "small" / "runs", key)


class Killed(BaseException):
    pass


def test_resumed_run_equals_an_undisturbed_one(
    tmp_path: Path, small: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "load", lambda _: small)
    arguments = ("--jobs", FIRST, "--epochs", "3", "--checkpoint-every", "1")
    assert train(tmp_path / "undisturbed", *arguments) == 0
    save = Trainer.save_checkpoint

    def save_and_die(trainer: Trainer, path: Path) -> None:
        save(trainer, path)
        if trainer.state.epoch == 2:
            raise Killed

    with monkeypatch.context() as context:
        context.setattr(Trainer, "save_checkpoint", save_and_die)
        with pytest.raises(Killed):
            train(tmp_path / "killed", *arguments)
    killed = opened(tmp_path / "killed")
    assert killed.state == "interrupted"
    assert Classifier.load(killed.weights_path).models == ("swift",)  # of epoch 1
    archive = (tmp_path / "killed" / "out" / "runs.tar.00").read_bytes()
    assert b"model.safetensors" in archive
    assert train(tmp_path / "killed", *arguments) == 0
    expected, actual = opened(tmp_path / "undisturbed"), opened(tmp_path / "killed")
    assert expected.state == actual.state == "finished"
    assert history_without_times(expected) == history_without_times(actual)
    assert expected.weights_path.read_bytes() == actual.weights_path.read_bytes()
    for name in ("validation", "test", "epochs"):
        left, right = (
            load_arrays(r.folder / "evaluation" / f"{name}.npz") for r in (expected, actual)
        )
        assert all(np.array_equal(left[key], right[key]) for key in left), name
    assert expected.config == actual.config


def test_finished_run_is_left_alone(
    tmp_path: Path, small: Dataset, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(gpu, "load", lambda _: small)
    assert train(tmp_path, "--jobs", FIRST) == 0
    before = opened(tmp_path).weights_path.stat().st_mtime_ns
    assert train(tmp_path, "--jobs", FIRST) == 0
    assert opened(tmp_path).weights_path.stat().st_mtime_ns == before
    assert f"{FIRST}: has finished" in capsys.readouterr().out


def small_trainer(dataset: Dataset, **changes: Any) -> Trainer:
    return Trainer(replace(small_jobs("float32")[0].config, **changes), dataset, CPU)


def dataset_of(images: NDArray[np.uint8]) -> Dataset:
    """A data set of these training images."""
    labels = np.arange(len(images), dtype=np.uint8) % 10
    return Dataset("fashion-mnist", "made", images, labels, images, labels, "")


def shown(trainer: Trainer, epoch: int) -> NDArray[np.uint8]:
    """The pixels of an epoch's images."""
    images = trainer.epoch_images(epoch)[0]  # (N, 1, 28, 28)
    pixels: NDArray[np.uint8] = ((images[:, 0] + 1) * 127.5).round().byte().numpy()
    return pixels


def as_set(images: NDArray[np.uint8]) -> set[bytes]:
    return {image.tobytes() for image in images}


def test_every_image_is_mirrored_in_every_other_epoch(small: Dataset) -> None:
    trainer = small_trainer(small, augmentation=("flip",))
    epochs = [shown(trainer, epoch) for epoch in (1, 2, 3)]
    original = as_set(trainer.images.numpy())
    assert as_set(epochs[0]) == as_set(epochs[1][:, :, ::-1]) == as_set(epochs[2])
    unchanged = len(as_set(epochs[0]) & original) / len(original)
    assert 0.4 < unchanged < 0.6  # about half begin mirrored
    assert not np.array_equal(epochs[0], epochs[2])  # in another order


def test_other_seed_mirrors_other_images(small: Dataset) -> None:
    left, right = (small_trainer(small, seed=seed).first_flips for seed in (0, 1))
    assert not torch.equal(left, right)


def test_labels_stay_with_their_images(small: Dataset) -> None:
    trainer = small_trainer(small, augmentation=())
    labels = {
        i.numpy().tobytes(): int(n) for i, n in zip(trainer.images, trainer.labels, strict=True)
    }
    images = shown(trainer, 1)
    shown_labels = trainer.epoch_images(1)[1].tolist()
    assert [labels[image.tobytes()] for image in images] == shown_labels


def test_images_are_moved_by_up_to_four_pixels() -> None:
    images = np.zeros((2000, 28, 28), dtype=np.uint8)
    images[:, 14, 14] = 255
    trainer = small_trainer(dataset_of(images), augmentation=("shift",), subset=None)
    _, rows, columns = np.nonzero(shown(trainer, 1))
    assert set(rows) == set(columns) == set(range(10, 19))


def test_one_square_of_each_image_is_cut_out() -> None:
    images = np.full((2000, 28, 28), 200, dtype=np.uint8)
    trainer = small_trainer(dataset_of(images), augmentation=("cutout",), subset=None)
    sides: list[int] = []
    corners = 0
    for image in shown(trainer, 1):
        rows, columns = np.nonzero(image != 200)
        height, width = int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
        assert len(rows) == height * width  # a rectangle
        assert set(image[rows, columns]) == {73}
        sides += [height, width]
        corners += height < 14 and width < 14
    assert (min(sides), max(sides)) == (7, 14)  # the edge may leave half of it
    assert corners > 100


def test_weights_decay_and_norms_and_biases_do_not() -> None:
    config = large_jobs("bfloat16")[0].config
    assert config.model == "wide-resnet-16-8"
    trainer = small_trainer(small_dataset(), weight_decay=config.weight_decay)
    decays = {
        id(parameter): group["weight_decay"]
        for group in trainer.optimizer.param_groups
        for parameter in group["params"]
    }
    for name, parameter in trainer.model.named_parameters():
        assert decays[id(parameter)] == (4e-4 if parameter.ndim > 1 else 0), name
    assert all(group["nesterov"] for group in trainer.optimizer.param_groups)


def test_recipe_of_wide_resnet() -> None:
    first, _, _, full, second = large_jobs("bfloat16")[:5]
    wanted = {
        "batch_size": 512, "learning_rate": 0.4, "warmup_epochs": 3, "schedule": "cosine",
        "optimizer": "sgd", "weight_decay": 4e-4, "label_smoothing": 0.1, "ema": 0.999,
        "augmentation": ["flip", "shift", "cutout"], "shift_pixels": 4, "cutout_side": 14,
        "precision": "bfloat16", "checkpoint": "last", "protocol": "held-out",
    }  # fmt: skip
    assert first.config.to_json().items() >= wanted.items()
    assert replace(full.config, protocol="held-out") == first.config
    assert replace(second.config, seed=0) == first.config
    assert full.fixed_by == second.fixed_by == first.key


def test_average_follows_weights_and_what_norms_keep(small: Dataset) -> None:
    trainer = small_trainer(small, ema=0.3)
    images, labels = trainer.epoch_images(1)
    average = trainer.average.module
    expected = {k: v.clone().double() for k, v in average.state_dict().items()}
    trainer.model.train()
    for step in range(4):
        trainer._train_step(images[:20], labels[:20], step)
        decay = min(0.3, (1 + step) / (10 + step))
        for name, value in trainer.model.state_dict().items():
            expected[name] = decay * expected[name] + (1 - decay) * value.double()
    for name, value in average.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value.double(), expected[name], rtol=1e-4, atol=1e-5)
        else:
            assert value == 4  # batches
    assert not torch.equal(_variance(trainer.model), _variance(average))


def _variance(model: torch.nn.Module) -> Tensor:
    return next(b for name, b in model.named_buffers() if name.endswith("running_var"))


def test_timed_steps_leave_no_trace(small: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[dict[str, Any]] = []

    def compile_(model: torch.nn.Module, **options: Any) -> Any:
        compiled.append(options)
        return lambda images: model(images)

    monkeypatch.setattr(torch, "compile", compile_)
    trainer, untouched = small_trainer(small), small_trainer(small)
    pace = trainer.measure_pace(steps=1, try_compile=True)
    assert compiled == [{"dynamic": False}]
    assert pace.compiled_step is not None
    for model, other in (
        (trainer.model, untouched.model), (trainer.average, untouched.average),
    ):  # fmt: skip
        for name, tensor in model.state_dict().items():
            assert torch.equal(tensor, other.state_dict()[name]), name
    assert not trainer.optimizer.state
    assert min(pace.step, pace.epoch, pace.end) > 0


def test_network_that_cannot_be_compiled_trains_uncompiled(
    small: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Tensor) -> Tensor:
        raise RuntimeError("no compiler here\nand much advice")

    monkeypatch.setattr(torch, "compile", lambda *_, **__: refuse)  # it fails at the first step
    trainer = small_trainer(small)
    pace = trainer.measure_pace(steps=1, try_compile=True)
    assert (pace.failure, pace.compiled_step) == ("no compiler here", None)
    assert trainer.forward is trainer.model


def test_diverged_loss_fails_the_run(
    tmp_path: Path, small: Dataset, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(gpu, "load", lambda _: small)

    def diverged(name: str, *, seed: int) -> torch.nn.Module:
        model = create_model(name, seed=seed)
        with torch.no_grad():
            next(model.parameters()).fill_(float("nan"))
        return model

    monkeypatch.setattr(gpu_training, "create_model", diverged)
    assert train(tmp_path, "--jobs", FIRST) == 1
    printed = capsys.readouterr().err
    assert printed == "The loss was no longer a number in epoch 1; try a lower learning rate.\n"
    assert (opened(tmp_path).state, opened(tmp_path).reason) == ("failed", printed.strip())


def test_without_a_gpu_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match="torch sees no GPU; try .* with --small"):
        gpu.main([])


def test_fewer_epochs_than_a_run_needs_are_trained_when_asked_for(
    tmp_path: Path, small: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job, *_) = small_jobs("float32", 2)
    monkeypatch.setattr(gpu, "load", lambda _: small)
    monkeypatch.setattr(gpu, "small_jobs", lambda *_: (replace(job, fewest=10),))
    assert train(tmp_path, "--epochs", "2") == 0
    assert opened(tmp_path).state == "finished"
    assert job.title in (tmp_path / "out" / "gpu_speed.md").read_text()  # wherever results go


@pytest.mark.parametrize("has_it", [True, False])
def test_gpus_without_bfloat16_train_in_float32(
    monkeypatch: pytest.MonkeyPatch, has_it: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *, including_emulation: has_it)
    expected = "bfloat16" if has_it else "float32"
    assert gpu.choose_precision(torch.device("cuda")) == expected
    assert gpu.choose_precision(CPU) == "float32"


def test_no_run_starts_without_time_for_it(
    tmp_path: Path, small: Dataset, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(gpu, "load", lambda _: small)
    assert train(tmp_path, "--minutes", "0.0001") == 0
    assert "too little time" in capsys.readouterr().out
    assert not (tmp_path / "small" / "runs").exists()
    assert json.loads((tmp_path / "out" / "gpu_speed.json").read_text())["jobs"] == []


def test_run_past_the_deadline_is_resumed_later(
    tmp_path: Path, small: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "load", lambda _: small)
    train_epoch = Trainer.train_epoch

    def slow(trainer: Trainer) -> None:
        train_epoch(trainer)
        context.setattr(gpu.Session, "remaining", -1.0)

    with monkeypatch.context() as context:
        context.setattr(Trainer, "train_epoch", slow)
        assert train(tmp_path, "--jobs", FIRST) == 0
    run = opened(tmp_path)
    assert (run.state, run.progress.epoch) == ("interrupted", 1)
    assert train(tmp_path, "--jobs", FIRST) == 0
    assert opened(tmp_path).state == "finished"


@pytest.mark.parametrize(
    ("available", "epochs"), [(1000.0, 100), (221.0, 79), (40.0, 11), (10.0, 0), (0.0, 0)]
)
def test_epochs_that_fit(available: float, epochs: int) -> None:
    pace = Pace(step=0.02, compiled_step=None, epoch=2.5, end=10.0)
    assert fitting_epochs(pace, available, 100) == epochs
    assert epochs * pace.epoch + pace.end * (epochs > 0) <= 0.95 * available


def test_networks_of_torchvision_are_left_out_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = {job.config.model: job for job in large_jobs("bfloat16")}
    assert all(gpu_jobs.can_be_built(job) for job in jobs.values())
    monkeypatch.setitem(sys.modules, "torchvision", None)
    missing = [name for name, job in jobs.items() if not gpu_jobs.can_be_built(job)]
    assert missing == ["resnet18", "efficientnet-b0-stride-1", "vit-tiny"]


def test_weights_are_written_as_the_library_writes_them(tmp_path: Path) -> None:
    model = create_model("preact-resnet", seed=3).to(memory_format=torch.channels_last)
    tensors = gpu_files.to_float16(model.state_dict())
    path = tmp_path / "model.safetensors"
    gpu_files.write_weights(path, "preact-resnet", tensors)
    read = safetensors.torch.load(path.read_bytes())
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[name], tensor) for name, tensor in tensors.items())
    kinds = {tensor.dtype for tensor in read.values()}
    assert kinds == {torch.float16, torch.float32, torch.int64}
    with safetensors.safe_open(path, framework="pt") as archive:
        assert json.loads(archive.metadata()["fmnist"])["models"] == ["preact-resnet"]


def test_classifier_reads_weights_of_float16(tmp_path: Path, small: Dataset) -> None:
    model = create_model("swift", seed=3)
    path = tmp_path / "model.safetensors"
    gpu_files.write_weights(path, "swift", gpu_files.to_float16(model.state_dict()))
    classifier = Classifier.load(path)
    for name, tensor in classifier.model.state_dict().items():
        expected = model.state_dict()[name]
        if expected.ndim > 1:
            expected = expected.half().float()
        assert tensor.dtype == expected.dtype
        assert torch.equal(tensor, expected), name
    exact = Classifier(model, models=["swift"]).logits(small.test_images)
    np.testing.assert_allclose(classifier.logits(small.test_images), exact, rtol=0.01, atol=0.01)


def test_weights_of_wide_resnet_take_22_megabytes() -> None:
    tensors = gpu_files.to_float16(create_model("wide-resnet-16-8", seed=0).state_dict())
    assert 21.9e6 < len(gpu_files.safetensors_bytes(tensors, {})) < 22.1e6


def test_archive_leaves_out_what_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_files, "PART_BYTES", 2**21)
    monkeypatch.setattr(gpu_files, "PARTS", 3)
    for key in ("first", "second"):
        for name, size in (("epochs.npz", 2**21), ("model.safetensors", 2**21), ("config.json", 9)):
            path = tmp_path / key / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(bytes(size))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "runs.tar.09").write_bytes(b"of an earlier archive")
    left_out = gpu_files.pack([tmp_path / "first", tmp_path / "second"], tmp_path / "out")
    assert left_out == ["second/model.safetensors", "second/epochs.npz"]
    parts = sorted((tmp_path / "out").iterdir())
    assert [part.name for part in parts] == ["runs.tar.00", "runs.tar.01", "runs.tar.02"]
    assert all(part.stat().st_size <= 2**21 for part in parts)
    with tarfile.open(fileobj=io.BytesIO(b"".join(p.read_bytes() for p in parts))) as archive:
        assert archive.getnames() == [
            "first/config.json", "second/config.json",
            "first/model.safetensors", "first/epochs.npz",
        ]  # fmt: skip


def test_seconds_until_thresholds() -> None:
    found = gpu_table.seconds_until([10, 20, 30, 40], [0.93, 0.951, 0.949, 0.956])
    assert found == {"94": 20, "95": 20, "95.5": 40, "96": None}


def test_damaged_results_are_an_error_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gpu_speed.json").write_text('{"jobs": [{}]}')
    assert gpu.main(["table", str(tmp_path), "--to", str(tmp_path / "table.md")]) == 1
    assert "is damaged" in capsys.readouterr().err
    assert not (tmp_path / "table.md").exists()


def test_taught_run_learns_from_the_first_and_names_it(command: tuple[Path, str]) -> None:
    runs = command[0] / "small" / "runs"
    first, taught = open_run(runs, FIRST), open_run(runs, TAUGHT)
    assert taught.training is not None
    assert taught.training.teachers == (FIRST,)
    (teacher,) = json.loads(taught.config_path.read_text())["teachers"]
    assert teacher == {
        "run_id": FIRST, "weights": hashlib.sha256(first.weights_path.read_bytes()).hexdigest(),
    }  # fmt: skip
    expected = Classifier.load(first.weights_path)
    found = gpu_training.load_teacher(first, CPU)
    images = torch.rand(3, 1, 28, 28)
    torch.testing.assert_close(found.network(images), expected.model(images))


def test_loss_of_a_taught_step_is_that_of_the_teacher(small: Dataset) -> None:
    config = replace(small_jobs("float32")[1].config, distillation_weight=1.0)
    trainer = Trainer(config, small, CPU)
    images, labels = trainer.epoch_images(1)
    teacher = create_model("swift", seed=5).eval()
    trainer.teacher = gpu_training.Teacher(FIRST, "", teacher)
    trainer.model.train()
    with torch.no_grad():
        logits = create_model("swift", seed=config.seed).train()(images[:50])
        expected = -(teacher(images[:50]).softmax(1) * logits.log_softmax(1)).sum(1).mean()
    found, _ = trainer._train_step(images[:50], labels[:50], 0)
    assert float(found) == pytest.approx(float(expected), rel=1e-5)
