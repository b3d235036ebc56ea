"""Streamlit's caches of data sets, evaluations, classifiers and tables."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fmnist import checksums, paths
from fmnist.dashboard import ending
from fmnist.dashboard.run_catalog import all_runs
from fmnist.data import fashion_mnist as datasets
from fmnist.data.download import DownloadProcess
from fmnist.data.fashion_mnist import Location
from fmnist.data.image_properties import measure_all
from fmnist.data.labels import NUM_CLASSES
from fmnist.data.splits import SPLITS, Dataset, Protocol, Split, SplitName
from fmnist.evaluation.label_verdicts import FILE as LABEL_VERDICTS
from fmnist.evaluation.label_verdicts import LabelVerdict, LabelVerdictStore
from fmnist.evaluation.named_slices import SliceStore
from fmnist.evaluation.neighbors import FeatureIndex
from fmnist.evaluation.predictions import EpochEvaluations, Evaluation
from fmnist.evaluation.significance import Correctness
from fmnist.evaluation.verdicts import Verdict, VerdictStore
from fmnist.models import sizes
from fmnist.models.sizes import Size
from fmnist.runs.config import Augmenter, BatchMix
from fmnist.runs.run import ACTIVE_STATES, Run

if TYPE_CHECKING:
    from fmnist.explain.attributions import Explainer
    from fmnist.models.classifier import Classifier
    from fmnist.reports.benchmarks import RowResult, TableName


@st.cache_resource(show_spinner=False)
def download_process() -> DownloadProcess:
    """The download of this server, shared by all sessions."""
    made = DownloadProcess()
    ending.register(made.cancel)
    return made


@st.cache_resource(show_spinner=False)
def _loaded_datasets() -> dict[Location, Dataset]:
    return {}


def dataset(location: Location, progress: Callable[[int, int], None] | None = None) -> Dataset:
    """The images of a location, kept in memory.

    Parameters
    ----------
    location : Location
    progress : callable, optional
        Called with (images drawn, images in all) while synthetic images are drawn. Not a function
        of `st.cache_resource`, which would record and repeat what the callback shows.

    Raises
    ------
    fmnist.data.splits.DatasetError
        If its files are damaged.
    """
    loaded = _loaded_datasets()
    if location not in loaded:
        made = datasets.load(location, progress)
        loaded.clear()  # a new location replaces the one before
        loaded[location] = made
        return made
    return loaded[location]


@st.cache_resource(show_spinner=False, max_entries=4)
def split(_dataset: Dataset, checksum: str, protocol: Protocol, name: SplitName) -> Split:  # noqa: ARG001
    """One split of a data set; `checksum` names the data set."""
    return _dataset.split(name, protocol=protocol)


@st.cache_data(show_spinner=False, max_entries=8)
def class_counts(_dataset: Dataset, checksum: str, protocol: Protocol) -> dict[str, list[int]]:
    """Images of each class by the title of the split; `checksum` names the data set."""
    names = [s for s in SPLITS if s != "validation" or protocol == "held-out"]
    parts = {name.capitalize(): split(_dataset, checksum, protocol, name) for name in names}
    return {
        title: np.bincount(part.labels, minlength=NUM_CLASSES).tolist()
        for title, part in parts.items()
    }


@st.cache_data(show_spinner=False, max_entries=8)
def mean_images(_split: Split, key: str) -> NDArray[np.float64]:  # noqa: ARG001
    """Mean image of each class, float64 (10, 28, 28) in 0 … 255; `key` names the split."""
    return np.stack(
        [_split.images[_split.labels == label].mean(axis=0) for label in range(NUM_CLASSES)]
    )


@st.cache_data(show_spinner=False, max_entries=8)
def pixel_counts(_split: Split, key: str) -> NDArray[np.int64]:  # noqa: ARG001
    """Pixels of each value 0 … 255 over all images, int64 (256,); `key` names the split."""
    return np.bincount(_split.images.reshape(-1), minlength=256)


@st.cache_resource(show_spinner=False, max_entries=8)
def epochs_file(path: Path, modified: int) -> EpochEvaluations:  # noqa: ARG001 - part of the key
    return EpochEvaluations.load(path)


def epoch_evaluations(run: Run, split: SplitName | None = None) -> EpochEvaluations | None:
    """A run's evaluation after every epoch; None before the first has ended.

    Parameters
    ----------
    run : Run
    split : {"train", "validation", "test"}, optional
        By default the monitored one. The training images that a run follows are another.

    Raises
    ------
    ValueError
        If its file is damaged.
    """
    monitored = _epochs_in(run.epochs_path)
    if split is None or (monitored is not None and monitored.split == split):
        return monitored
    return _epochs_in(run.followed_path) if split == "train" else None


def _epochs_in(path: Path) -> EpochEvaluations | None:
    try:
        return epochs_file(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        return None


@st.cache_data(show_spinner=False, max_entries=256)
def _accuracy(path: Path, modified: int) -> float:  # noqa: ARG001 - part of the key
    return Evaluation.load(path).accuracy


def accuracy(path: Path) -> float | None:
    """Accuracy of a stored evaluation, in [0, 1]; None if it is absent or damaged."""
    try:
        return _accuracy(path, path.stat().st_mtime_ns)
    except (OSError, ValueError):
        return None  # the pages that show its images report the damage


@st.cache_resource(show_spinner=False)
def verdict_store(path: Path) -> VerdictStore:
    """The database of verdicts, shared by all sessions."""
    return VerdictStore(path)


@st.cache_data(show_spinner=False, max_entries=16)
def _verdicts(
    path: Path,
    version: int,  # noqa: ARG001 - part of the key
    dataset: str,
    part: str,
) -> tuple[dict[int, Verdict], str]:
    found, problem = verdict_store(path).read(dataset, part)
    return {key.index: verdict for key, verdict in found.items()}, problem


def _current_verdicts(dataset: str, part: str) -> tuple[dict[int, Verdict], str]:
    path = paths.artifacts_folder() / "verdicts.sqlite"
    found: tuple[dict[int, Verdict], str] = _verdicts(
        path, verdict_store(path).version(), dataset, part
    )
    return found


def verdicts(dataset: str, part: str) -> dict[int, Verdict]:
    """Verdicts on the images of a data set's file, by their index.

    Raises
    ------
    fmnist.evaluation.verdicts.VerdictError
        If the database cannot be read.
    """
    return _current_verdicts(dataset, part)[0]


def verdict_problem(dataset: str, part: str) -> str:
    """How many of the verdicts are damaged, in a sentence; empty if none is.

    Raises
    ------
    fmnist.evaluation.verdicts.VerdictError
        If the database cannot be read.
    """
    return _current_verdicts(dataset, part)[1]


@st.cache_resource(show_spinner=False)
def slice_store(path: Path) -> SliceStore:
    """The database of named slices, shared by all sessions."""
    return SliceStore(path)


def named_slices() -> SliceStore:
    """The named slices of this folder of artifacts."""
    store: SliceStore = slice_store(paths.artifacts_folder() / "slices.sqlite")
    return store


@st.cache_data(show_spinner="Measuring the images…", max_entries=8)
def _image_properties(
    key: tuple[object, ...],  # noqa: ARG001 - names the images
    _source: NDArray[np.uint8],
    _indices: NDArray[np.integer],
) -> dict[str, NDArray[np.float32]]:
    return measure_all(_source[_indices])


def image_properties(
    dataset: str, split: SplitName, indices: NDArray[np.integer], source: NDArray[np.uint8]
) -> dict[str, NDArray[np.float32]]:
    """Properties of images, as `fmnist.data.image_properties.measure_all` returns them.

    Parameters
    ----------
    dataset, split : str
    indices : int (N,)
        As `Split.indices`.
    source : uint8 (M, 28, 28)
        Images that `indices` counts.
    """
    key = (dataset, split, indices.tobytes())
    found: dict[str, NDArray[np.float32]] = _image_properties(key, source, indices)
    return found


@st.cache_resource(show_spinner=False)
def _label_verdict_store(path: Path) -> LabelVerdictStore:
    return LabelVerdictStore(path)


def label_verdict_store() -> LabelVerdictStore:
    """The database of verdicts on training labels, shared by all sessions."""
    store: LabelVerdictStore = _label_verdict_store(paths.artifacts_folder() / LABEL_VERDICTS)
    return store


@st.cache_data(show_spinner=False, max_entries=4)
def _label_verdicts(
    path: Path,
    version: tuple[int, int],  # noqa: ARG001 - part of the key
    dataset: str,
) -> tuple[dict[int, dict[str, LabelVerdict]], str]:
    return _label_verdict_store(path).read(dataset)


def label_verdicts(dataset: str) -> tuple[dict[int, dict[str, LabelVerdict]], str]:
    """Verdicts on training labels by image and reviewer, and a sentence on damaged ones.

    Raises
    ------
    fmnist.evaluation.label_verdicts.LabelVerdictError
        If the database cannot be read.
    """
    path = paths.artifacts_folder() / LABEL_VERDICTS
    found: tuple[dict[int, dict[str, LabelVerdict]], str] = _label_verdicts(
        path, label_verdict_store().version(), dataset
    )
    return found


@st.cache_data(show_spinner=False, max_entries=256)
def _file_digest(path: Path, modified: int) -> str:  # noqa: ARG001 - part of the key
    return checksums.file_digest(path)


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    return _file_digest(path, path.stat().st_mtime_ns)


@st.cache_resource(show_spinner="Loading the model…", max_entries=3)
def _classifier(path: Path, modified: int) -> "Classifier":  # noqa: ARG001 - part of the key
    from fmnist.models.classifier import Classifier

    return Classifier.load(path)


def classifier(run: Run) -> "Classifier":
    """The classifier with a run's saved weights, at temperature 1. Imports torch.

    Raises
    ------
    OSError
        If the run has no weights.
    ValueError
        If they are damaged.
    """
    return _classifier(run.weights_path, run.weights_path.stat().st_mtime_ns)


@st.cache_resource(show_spinner="Looking inside the model…", max_entries=4)
def _explainer(
    path: Path,  # noqa: ARG001 - part of the key
    modified: int,  # noqa: ARG001 - part of the key
    temperature: float,  # noqa: ARG001 - part of the key
    _classifier: "Classifier",
) -> "Explainer":
    from fmnist.explain.attributions import Explainer

    return Explainer(_classifier)


def explainer(run: Run, classifier: "Classifier") -> "Explainer":
    """What explains the predictions of a run's classifier. Imports captum.

    Parameters
    ----------
    run : Run
    classifier : Classifier
        With the run's saved weights, and any temperature.
    """
    path = run.weights_path
    return _explainer(path, path.stat().st_mtime_ns, classifier.temperature, classifier)


@st.cache_data(show_spinner=False, max_entries=500)
def _image_features(
    path: Path,
    modified: int,
    part: str,  # noqa: ARG001 - part of the key
    image: int,  # noqa: ARG001 - part of the key
    _pixels: NDArray[np.uint8],
) -> NDArray[np.float32]:
    features: NDArray[np.float32] = _classifier(path, modified).features(_pixels[None])[0]
    return features


def image_features(
    run: Run, part: str, image: int, pixels: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Features of one image, float32 (F,), from a run's saved weights.

    Parameters
    ----------
    run : Run
    part : {"train", "test"}
        The file the image is in.
    image : int
        Its position there.
    pixels : uint8 (28, 28)

    Raises
    ------
    OSError, ValueError
        As `classifier`.
    """
    modified = run.weights_path.stat().st_mtime_ns
    return _image_features(run.weights_path, modified, part, image, pixels)


@st.cache_resource(show_spinner=False, max_entries=2)
def feature_index(path: Path) -> FeatureIndex:
    """Stored features of all training images.

    Raises
    ------
    OSError, ValueError
        If the file is absent or damaged.
    """
    return FeatureIndex.load(path)


@st.cache_resource(show_spinner=False, max_entries=512)
def _correctness(path: Path, modified: int) -> Correctness:  # noqa: ARG001 - part of the key
    found = Evaluation.load(path)
    return Correctness(found.correct, found.labels, found.indices)


def correctness(run: Run, split: SplitName = "test") -> Correctness | None:
    """Which images of a split a run classifies correctly; None if it was not evaluated on them.

    Raises
    ------
    ValueError
        If its evaluation is damaged.
    """
    if run.state in ACTIVE_STATES:
        return None  # files of an earlier end, if any, are older than what trains now
    path = run.evaluation_path(split)
    try:
        return _correctness(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        return None


@st.cache_resource(show_spinner=False)
def _sizes(path: Path) -> dict[str, Size]:
    return sizes.load_sizes(path)


def _sizes_path() -> Path:
    return paths.artifacts_folder() / "cache" / "sizes.json"


def model_sizes() -> Mapping[str, Size]:
    """Sizes of the models that have been counted; does not import torch."""
    return _sizes(_sizes_path())


@st.cache_data(show_spinner=False, max_entries=8)
def _bench_results(
    table: "TableName",
    key: tuple[tuple[str, int], ...],  # noqa: ARG001
    _present: Sequence[Run],
    sizes: Mapping[str, Size],
) -> list["RowResult"]:
    from fmnist.reports import benchmarks  # here, since importing it takes a while

    return benchmarks.results(table, _present, sizes)


def bench_results(table: "TableName") -> list["RowResult"]:
    """A benchmark table from the runs on this machine; cached until a run changes."""
    finished = [run for run in all_runs() if run.state == "finished"]
    key = []
    for path in (run.evaluation_path("test") for run in finished):
        with suppress(OSError):  # a run without an evaluation that can be read is left out
            key.append((str(path), path.stat().st_mtime_ns))
    return _bench_results(table, tuple(key), finished, dict(model_sizes()))


def count_models(names: Iterable[str]) -> None:
    """Count the sizes of models for `model_sizes`. Imports torch."""
    known = _sizes(_sizes_path())
    known.update(sizes.count(names))
    # if they cannot be written, this server still knows them
    with suppress(OSError):
        sizes.save_sizes(_sizes_path(), dict(known))


@st.cache_data(show_spinner="Counting layers…", max_entries=32)
def architecture(model_name: str) -> list[dict[str, object]]:
    """Name, settings, output shape and size of every layer. Imports torch."""
    from fmnist.models.summary import summarize

    return [vars(row) for row in summarize(model_name)]


@st.cache_data(show_spinner="Augmenting images…", max_entries=32)
def augmented(
    _dataset: Dataset,
    checksum: str,  # noqa: ARG001 - part of the key
    augmentation: tuple[Augmenter, ...],
    batch_mix: BatchMix | None,
    *,
    shift_pixels: int,
    cutout_side: int,
    images: int,
    seed: int,
) -> NDArray[np.uint8]:
    """Training images and their augmented versions. Imports torch.

    Parameters
    ----------
    augmentation : tuple of str
    batch_mix : str or None
    shift_pixels, cutout_side : int
        As in `fmnist.runs.config.TrainConfig`.
    images : int
        Number of images.
    seed : int
        Seed for the choice of images and for the augmentation.

    Returns
    -------
    uint8 (images * (images + 2), 28, 28)
        Row by row: an image, then `images` + 1 augmented versions of it.
    """
    import torch

    from fmnist.training.augmentation import augment, mix

    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    chosen = torch.tensor(_dataset.train_images[rng.choice(len(_dataset.train_images), images)])
    rows = [chosen]
    for _ in range(images + 1):
        changed = augment(
            chosen, augmentation, generator, shift_pixels=shift_pixels, cutout_side=cutout_side
        )[:, None].float()
        mixed, _, _ = mix(changed, batch_mix, 1.0, generator)
        rows.append(mixed[:, 0].byte())
    return torch.stack(rows, dim=1).flatten(0, 1).numpy()
