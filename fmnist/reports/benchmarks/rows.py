"""Rows of the benchmark tables: models and the settings to train them with."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from fmnist.models.registry import MODELS
from fmnist.runs.config import Precision, RunConfig, TrainConfig, ensemble_of
from fmnist.runs.recipes import recipe
from fmnist.runs.setting import format_value

TableName = Literal["models", "ablation", "precision", "ingredients", "strong"]

_PRECISIONS: Final[tuple[Precision, ...]] = ("float32", "bfloat16")
_ENSEMBLE: Final = "swift"
_MEMBERS: Final = 5


@dataclass(frozen=True)
class Row:
    """A row of a table: a model and its settings, trained with several seeds.

    Attributes
    ----------
    key : str
        Identifies the row within its table.
    title : str
    config : TrainConfig
        Settings with seed 0; of an ensemble of other rows, those of the first.
    reported_accuracy : float or None
        Test accuracy in [0, 1] that the first table of the project gave for this row, if any.
    seeds : int
        Number of runs, with seeds 0, 1, …
    members : int
        Number of runs of these settings that are averaged as an ensemble; 1 for a single model.
    components : tuple of Row
        Rows whose first runs are averaged, in this order; empty unless the row is an ensemble of
        other rows.
    precisions : tuple of str
        Precisions that the runs have in turn, by seed; empty if all have that of the settings.
    """

    key: str
    title: str
    config: TrainConfig
    reported_accuracy: float | None = None
    seeds: int = 1
    members: int = 1
    components: tuple["Row", ...] = ()
    precisions: tuple[Precision, ...] = ()

    def run_name(self, seed: int) -> str:
        """Folder name of a run; those of an ensemble are its members'."""
        key = self.key if self.members == 1 else self.config.model
        precision = f"-{self._precision(seed)}" if self.precisions else ""
        return f"{key}{precision}-{seed}"

    def run_title(self, seed: int = 0) -> str:
        """Name of a run: the model, and the settings that differ from its own recipe."""
        if self.components:
            return self.title
        own = vars(_recipe_of(self.config.model))
        forms = {"epochs": "{} epochs", "precision": "{}"}
        parts = [
            forms.get(name, name.replace("_", " ") + " {}").format(format_value(value))
            for name, value in vars(self.with_seed(seed)).items()
            if value != own[name] and name != "seed"
        ]
        return ", ".join([MODELS[self.config.model].title, *parts])

    @property
    def epochs(self) -> str:
        """Number of epochs; for an ensemble, the epochs of its members."""
        counts = [component.config.epochs for component in self.components]
        counts = counts or [self.config.epochs] * self.members
        if len(counts) == 1:
            return str(counts[0])
        return f"{counts[0]} each" if len(set(counts)) == 1 else ", ".join(map(str, counts))

    @property
    def models(self) -> tuple[str, ...]:
        """The networks of one of its runs."""
        return self.with_seed(0).models

    def with_seed(self, seed: int) -> RunConfig:
        """Settings of one of the runs; an ensemble of other rows has no seed of its own."""
        if self.components:
            return ensemble_of([row.config for row in self.components])
        return replace(self.config, seed=seed, precision=self._precision(seed))

    def _precision(self, seed: int) -> Precision:
        kinds = self.precisions or (self.config.precision,)
        return kinds[seed % len(kinds)]


def _recipe_of(model: str, **changes: Any) -> TrainConfig:
    """The model's own recipe with some changes, on processors: as the runs of the tables were."""
    return TrainConfig(**{"precision": "float32", **recipe("own", model), **changes})


def _own(model: str, reported_accuracy: float | None = None, *, seeds: int = 1) -> Row:
    return Row(model, MODELS[model].title, _recipe_of(model), reported_accuracy, seeds)


def _ablation(key: str, title: str, reported_accuracy: float) -> Row:
    # one run of each, so that the rows can be compared whichever the processor had
    both: tuple[Precision, ...] = ("bfloat16", "float32")
    return Row(key, title, TrainConfig(model=key), reported_accuracy, seeds=2, precisions=both)


def _changed(model: str, key: str, title: str, **changes: Any) -> Row:
    """The model's own recipe with some changes."""
    return Row(key, title, _recipe_of(model, **changes))


def _ingredient(key: str, title: str, **changes: Any) -> Row:
    """A short training of the Compact ResidualNet with one change."""
    model = "residual-compact"
    return _changed(model, f"{model}-10-{key}", title, epochs=10, **changes)


def _ensemble(key: str, title: str, *rows: Row) -> Row:
    """The average of the first run of each of several rows."""
    return Row(key, title, rows[0].config, components=rows)


_LARGE = _changed("residual-large", "residual-large", "Large, own recipe")
_LARGE_CUTMIX = _changed(
    "residual-large", "residual-large-cutmix", "Large, CutMix in half of the batches",
    batch_mix="cutmix", mix_probability=0.5,
)  # fmt: skip
_COMPACT_TAUGHT = _changed(
    "residual-compact", "residual-compact-taught", "Compact, distilled from the Large one",
    teachers=("residual-large-0",),
)  # fmt: skip
_LARGE_TAUGHT = _changed(
    "residual-large", "residual-large-taught", "Large, distilled from the first one",
    teachers=("residual-large-0",),
)  # fmt: skip
_LARGE_SGD = _changed(
    "residual-large", "residual-large-sgd", "Large, SGD instead of AdamW, 20 epochs",
    optimizer="sgd", learning_rate=0.1, weight_decay=5e-4, epochs=20,
)  # fmt: skip
_DEEP_TAUGHT = _changed(
    "residual-deep", "residual-deep-taught", "Deep, distilled from both Large ones",
    teachers=("residual-large-0", "residual-large-taught-0"),
)  # fmt: skip
_DEEP_FULL = _changed(
    "residual-deep", "residual-deep-full", "Deep, distilled from both, full protocol",
    teachers=("residual-large-0", "residual-large-taught-0"), protocol="full", checkpoint="last",
)  # fmt: skip
_COMPACT_LONGER = _changed(
    "residual-compact", "residual-compact-taught-40", "Compact, distilled, 40 epochs",
    teachers=("residual-large-0",), epochs=40,
)  # fmt: skip
# trained by benchmarks/gpu.sh, in batches of 512 and as many epochs as fitted into its time
_ON_A_GPU: Final[Mapping[str, Any]] = {
    **MODELS["wide-resnet-16-8"].recipe, "checkpoint": "last", "precision": "bfloat16",
}  # fmt: skip
_WIDE = Row(
    "wide-resnet-16-8-gpu", "WRN-16-8, SGD with cutout, on a GPU",
    TrainConfig(model="wide-resnet-16-8", **_ON_A_GPU),
)  # fmt: skip
_TAUGHT_ON_A_GPU: Final[Mapping[str, Any]] = {
    **_ON_A_GPU, "teachers": ("wide-resnet-16-8-gpu-0",), "tta": "flip",
}  # fmt: skip
_PREACT_GPU = Row(
    "preact-resnet-gpu-taught", "PreActResNet, distilled from WRN-16-8, on a GPU",
    TrainConfig(**{**_TAUGHT_ON_A_GPU, "model": "preact-resnet", "epochs": 156}),
)  # fmt: skip
_COMPACT_GPU = Row(
    "residual-compact-gpu-taught", "Compact, distilled from WRN-16-8, on a GPU",
    TrainConfig(
        **{**_TAUGHT_ON_A_GPU, "model": "residual-compact", "epochs": 144, "weight_decay": 2e-4}
    ),
)  # fmt: skip
_RESNET18_GPU = Row(
    "resnet18-gpu", "ResNet18, SGD with cutout, on a GPU",
    TrainConfig(**{**_ON_A_GPU, "model": "resnet18", "epochs": 40, "tta": None}),
)  # fmt: skip

TABLES: Final[Mapping[TableName, tuple[Row, ...]]] = {
    "models": (
        _own("logistic", 0.842, seeds=3),
        _own("mlp", 0.875, seeds=3),
        _own("lenet-5", 0.898, seeds=3),
        Row("fashion-cnn", "FashionCNN", _recipe_of("fashion-cnn"), 0.9304),
        _own("swift", seeds=_MEMBERS),
        _own("swift-muon", seeds=3),
        _own("residual-small", seeds=3),
        _own("residual"),
        _own("residual-large"),
        _own("residual-deep"),
        _WIDE,
        _own("deep-cnn", seeds=2),
        _own("resnet18", 0.945),
        _RESNET18_GPU,
        _own("efficientnet-b0", 0.952),
        _own("vit-tiny"),
        Row(
            "ensemble", f"Ensemble of five {MODELS[_ENSEMBLE].title}s",
            _recipe_of(_ENSEMBLE), 0.961, _MEMBERS, _MEMBERS,
        ),
    ),
    "ablation": (
        _ablation("fashion-cnn", "Full", 0.9304),
        _ablation("fashion-cnn-no-dropout", "No dropout", 0.912),
        _ablation("fashion-cnn-one-convolution", "One convolution", 0.897),
        _ablation("fashion-cnn-64", "64 units instead of 128", 0.921),
        _ablation("fashion-cnn-unnormalized", "No normalization", 0.885),
    ),
    "precision": tuple(
        Row(f"fashion-cnn-short-{precision}", f"FashionCNN, {precision}",
            TrainConfig(epochs=3, precision=precision), seeds=3)
        for precision in _PRECISIONS
    ),
    "ingredients": (
        _ingredient("own", "Own recipe in 10 epochs"),
        _ingredient("still", "No flips and no shifts", augmentation=()),
        _ingredient("erase", "Random erasing added", augmentation=("flip", "shift", "erase")),
        _ingredient("smooth", "Label smoothing of 0.1", label_smoothing=0.1),
        _ingredient("unaveraged", "No average of the weights (EMA)", ema=0.0),
        _ingredient(
            "cutmix", "CutMix in half of the batches", batch_mix="cutmix", mix_probability=0.5
        ),
        _ingredient(
            "sgd", "SGD with Nesterov momentum instead of AdamW",
            optimizer="sgd", learning_rate=0.1, weight_decay=5e-4,
        ),
        _ingredient(
            "sgd-faster", "SGD, twice the learning rate",
            optimizer="sgd", learning_rate=0.2, weight_decay=5e-4,
        ),
        _ingredient(
            "sgd-decay", "SGD, twice the weight decay",
            optimizer="sgd", learning_rate=0.1, weight_decay=1e-3,
        ),
        _ingredient("taught", "Distilled from the Large one", teachers=("residual-large-0",)),
    ),
    "strong": (
        _LARGE,
        _LARGE_CUTMIX,
        _LARGE_TAUGHT,
        _LARGE_SGD,
        _DEEP_TAUGHT,
        _DEEP_FULL,
        _COMPACT_TAUGHT,
        _COMPACT_LONGER,
        _WIDE,
        _PREACT_GPU,
        _COMPACT_GPU,
        _ensemble(
            "ensemble-five", "Ensemble of three runs above and two of the models table",
            _LARGE, _LARGE_CUTMIX, _COMPACT_TAUGHT, _own("deep-cnn"), _own("residual-small"),
        ),
        _ensemble(
            "ensemble-best", "Ensemble of the five best on validation",
            _LARGE_TAUGHT, _DEEP_TAUGHT, _LARGE, _LARGE_CUTMIX, _COMPACT_LONGER,
        ),
        _ensemble("ensemble-wide", "Ensemble of WRN-16-8 and PreActResNet", _WIDE, _PREACT_GPU),
    ),
}  # fmt: skip
"""Rows of each table, in order. A row without a finished run is not shown."""
