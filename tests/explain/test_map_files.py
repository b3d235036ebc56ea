"""The files that keep maps: strictly read, and made anew where they are of something else."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fmnist import paths
from fmnist.errors import DamagedFileError
from fmnist.evaluation.predictions import EpochEvaluations
from fmnist.explain import map_sources
from fmnist.explain.embeddings import Agreement
from fmnist.explain.map_files import EpochLayouts, Features, Layout
from fmnist.files import load_arrays
from fmnist.runs.run import Run
from tools.made_up_run import made_up_evaluation, made_up_run
from tools.small import small_dataset

IMAGES = 40


def made_features() -> Features:
    rng = np.random.default_rng(0)
    return Features.of("a", rng.normal(size=(IMAGES, 7)))


def made_layout() -> Layout:
    positions = np.random.default_rng(1).uniform(-1, 1, (IMAGES, 2)).astype(np.float32)
    medoids = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, -1], dtype=np.int32)
    return Layout("a", positions, Agreement(0.9, 0.8, 0.95), medoids)


def made_epochs() -> EpochLayouts:
    return EpochLayouts("a", np.zeros((3, IMAGES, 2), dtype=np.float16))


KEPT = [made_features(), made_layout(), made_epochs()]


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: type(kept).__name__)
def test_what_is_kept_comes_back(kept: Any, tmp_path: Path) -> None:
    path = tmp_path / "maps" / "test.npz"
    kept.save(path)
    read = type(kept).load(path, digest="a", images=IMAGES)
    kept.save(tmp_path / "again.npz")
    first, second = load_arrays(path), load_arrays(tmp_path / "again.npz")
    assert read is not None and read.digest == "a"
    assert first.keys() == second.keys()
    read.save(tmp_path / "again.npz")
    again = load_arrays(tmp_path / "again.npz")
    assert all(np.array_equal(first[name], again[name]) for name in first)


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: type(kept).__name__)
def test_what_is_of_something_else_is_none(kept: Any, tmp_path: Path) -> None:
    path = tmp_path / "test.npz"
    kept.save(path)
    assert type(kept).load(path, digest="b", images=IMAGES) is None
    assert type(kept).load(path, digest="a", images=IMAGES + 1) is None


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: type(kept).__name__)
@pytest.mark.parametrize("content", [b"", b"rubbish", b"PK rubbish"])
def test_rubbish_is_refused(kept: Any, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "test.npz"
    path.write_bytes(content)
    with pytest.raises(DamagedFileError):
        type(kept).load(path, digest="a", images=IMAGES)


def changed(kept: Any, path: Path, **arrays: NDArray[Any]) -> None:
    """Write a file with some arrays replaced."""
    kept.save(path)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **(load_arrays(path) | arrays))
    path.write_bytes(buffer.getvalue())


@pytest.mark.parametrize(
    ("kept", "name", "value"),
    [
        (made_features(), "values", np.full((IMAGES, 7), np.nan, dtype=np.float16)),
        (made_features(), "values", np.zeros((IMAGES, 7), dtype=np.float32)),
        (made_features(), "values", np.zeros((IMAGES, 6), dtype=np.float16)),
        (made_features(), "axes", np.zeros((7, 8), dtype=np.float32)),
        (made_features(), "mean", np.full(7, np.inf, dtype=np.float32)),
        (made_layout(), "positions", np.full((IMAGES, 2), 2, dtype=np.float32)),
        (made_layout(), "positions", np.zeros((IMAGES, 3), dtype=np.float32)),
        (made_layout(), "positions", np.zeros((), dtype=np.float32)),
        (made_layout(), "positions", np.full((IMAGES, 2), np.nan, dtype=np.float32)),
        (made_layout(), "agreement", np.array([0.5, 0.5, 1.5])),
        (made_layout(), "agreement", np.array([0.5, np.nan, 0.5])),
        (made_layout(), "medoids", np.full(10, IMAGES, dtype=np.int32)),
        (made_layout(), "medoids", np.zeros(9, dtype=np.int32)),
        (made_epochs(), "positions", np.zeros((IMAGES, 2), dtype=np.float16)),
        (made_epochs(), "positions", np.full((3, IMAGES, 2), 9, dtype=np.float16)),
    ],
)  # fmt: skip
def test_numbers_that_cannot_be_are_refused(
    kept: Any, name: str, value: NDArray[Any], tmp_path: Path
) -> None:
    path = tmp_path / "test.npz"
    changed(kept, path, **{name: value})
    with pytest.raises(DamagedFileError, match="do not fit together"):
        type(kept).load(path, digest="a", images=IMAGES)


def test_a_map_does_not_bring_back_the_folder_of_a_run(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        made_layout().save(tmp_path / "deleted-run" / "maps" / "test.npz")
    assert not (tmp_path / "deleted-run").exists()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path))
    (tmp_path / "runs").mkdir()
    return made_up_run(tmp_path / "runs")


def test_own_runs_keep_their_maps_others_do_not(run: Run, tmp_path: Path) -> None:
    evaluation = made_up_evaluation("test")
    own = map_sources.source(run, evaluation)
    assert own.path("pacmap") == run.folder / "maps" / "test-logits-pacmap.npz"
    shipped = Run(paths.pretrained_folder() / "fashion-cnn", "x", "finished")
    found = map_sources.source(shipped, evaluation, weights="w", checksum="c")
    folder = tmp_path / "cache" / "maps" / "fashion-cnn"
    assert found.path("pca") == folder / "test-features-pca.npz"
    assert found.path("features") == folder / "test-features.npz"


def test_the_source_knows_what_a_map_is_of(run: Run) -> None:
    evaluation = made_up_evaluation("test")
    features = map_sources.source(run, evaluation, weights="w", checksum="c")
    assert features.space == "features"
    others = [
        map_sources.source(run, evaluation, weights="v", checksum="c"),
        map_sources.source(run, evaluation, weights="w", checksum="d"),
        map_sources.source(run, made_up_evaluation("validation"), weights="w", checksum="c"),
        map_sources.source(run, evaluation),
        map_sources.source(run, evaluation, epoch=2, weights="w", checksum="c"),
    ]
    assert features.digest not in {other.digest for other in others[:2]}
    assert [other.space for other in others] == [*["features"] * 3, "logits", "logits"]
    paths_ = {each.path("pacmap").name for each in (features, *others[2:])}
    assert len(paths_) == 4
    epochs = EpochEvaluations.load(run.epochs_path)
    assert map_sources.epochs_source(run, epochs).path("epochs").name == "validation-epochs.npz"


def test_epochs_have_features_where_all_their_weights_are_there(run: Run) -> None:
    epochs = EpochEvaluations.load(run.epochs_path)
    count = len(epochs.logits)
    run.epoch_weights_folder.mkdir()
    for epoch in range(count):  # from 0 on: the last is missing
        run.epoch_weights_path(epoch).write_bytes(bytes([epoch]))
    assert map_sources.epoch_weights_digest(run, count) is None
    run.epoch_weights_path(count).write_bytes(b"last")
    digest = map_sources.epoch_weights_digest(run, count)
    assert digest is not None
    found = map_sources.epochs_source(run, epochs, weights=digest, checksum="c")
    assert found.space == "features"
    run.epoch_weights_path(2).write_bytes(b"others")
    assert map_sources.epoch_weights_digest(run, count) != digest
    assert map_sources.epochs_source(run, epochs, weights=None, checksum="c").space == "logits"


def test_a_data_set_fits_by_its_labels(run: Run) -> None:
    assert not map_sources.fits(small_dataset(), run, made_up_evaluation("test"))
