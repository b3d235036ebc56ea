"""The settings of a training run: validated, immutable, to and from JSON.

Each setting is defined once, as a field of `TrainConfig`. See `fmnist.runs.setting`.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from fmnist.data.splits import DATASET_TITLES, FOLDS, DatasetName, Protocol
from fmnist.data.synthetic import TrainingDrawings
from fmnist.models.registry import MODELS
from fmnist.runs.fine_tune_config import FineTuneConfig, LearnedPart
from fmnist.runs.migration import migrate_settings
from fmnist.runs.setting import (
    ConfigError,
    Setting,
    checksum,
    choice,
    choices,
    integer,
    number,
    run_ids,
)

Optimizer = Literal["adam", "adamw", "sgd", "muon"]
Schedule = Literal["constant", "warm-up", "cosine", "one-cycle"]
Augmenter = Literal["flip", "shift", "rotate", "rand", "erase", "cutout"]
BatchMix = Literal["mixup", "cutmix"]
Checkpoint = Literal["best", "last"]
Precision = Literal["bfloat16-on-gpu", "auto", "float32", "bfloat16"]
TestTimeAugmentation = Literal["flip", "flip-shift"]
EpochWeights = Literal["float16"]
Compiling = Literal["default"]
EventFiles = Literal["scalars"]
MeasureTest = Literal["end", "later"]

PROTOCOL_TITLES: Final[Mapping[str, str]] = {
    "held-out": "Held-out (55,000 train, 5,000 validation; test measured once, at the end)",
    "notebook": "Notebook (60,000 train; test measured after every epoch)",
    "full": "Full (60,000 train, last epoch; test measured once, at the end)",
}

_MODEL_AND_DATA: Final = "Model and data"
_OPTIMIZATION: Final = "Optimization"
_REGULARIZATION: Final = "Regularization"
_COMPUTATION: Final = "Computation and evaluation"


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides how a model is trained.

    `settings` describes each field: title, help, range or choices, and when it has an effect. The
    same list is in docs/settings.md.

    Raises
    ------
    ConfigError
        If a value is impossible.
    """

    model: str = choice(
        "fashion-cnn", "Model", {name: spec.title for name, spec in MODELS.items()},
        group=_MODEL_AND_DATA,
        help="The network to train.",
    )  # fmt: skip
    dataset: DatasetName = choice(
        "fashion-mnist", "Data set", DATASET_TITLES,
        group=_MODEL_AND_DATA,
        help="Fashion-MNIST, or synthetic garments that the app draws itself.",
    )  # fmt: skip
    protocol: Protocol = choice(
        "held-out", "Protocol", {"held-out": "Held-out", "notebook": "Notebook", "full": "Full"},
        group=_MODEL_AND_DATA,
        help=" ".join(f"{title}." for title in PROTOCOL_TITLES.values()),
    )  # fmt: skip
    epochs: int = integer(
        20, "Epochs", 1, 1000,
        group=_OPTIMIZATION,
        help="Passes over the training images.",
    )  # fmt: skip
    batch_size: int = integer(
        128, "Batch size", 1, 4096,
        group=_OPTIMIZATION,
        help="Images per step. Larger batches make steps steadier, fewer and slower.",
    )  # fmt: skip
    epoch_share: float = number(
        1.0, "Share of images per epoch", 0, 1, excludes_low=True, step=0.05,
        group=_OPTIMIZATION,
        help="After the first epoch, each epoch uses this share of the images: those with the "
        "highest loss, and a weighted sample of the rest (after Qin et al. 2024, InfoBatch). The "
        "training accuracy is then that of harder images.",
        when="without batch mixing and teachers",
        applies=lambda c: c.batch_mix is None and not c.teachers,
    )  # fmt: skip
    learning_rate: float = number(
        1e-3, "Learning rate", 0, 1, excludes_low=True, step=1e-4,
        group=_OPTIMIZATION,
        help="Size of a step; the highest one if a schedule changes it. Adam and AdamW need about "
        "0.001, SGD and Muon about 0.1.",
    )  # fmt: skip
    optimizer: Optimizer = choice(
        "adam", "Optimizer", {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD", "muon": "Muon"},
        group=_OPTIMIZATION,
        help="Adam adapts the step of each weight (Kingma and Ba 2015). AdamW adds weight decay "
        "(Loshchilov and Hutter 2019). SGD is stochastic gradient descent with Nesterov momentum "
        "0.9. Muon takes near-orthogonal steps for convolutions that are batch-normalized (Jordan "
        "et al. 2024), and Adam's for the rest.",
    )  # fmt: skip
    schedule: Schedule = choice(
        "constant", "Schedule",
        {"constant": "Constant", "warm-up": "Warm-up", "cosine": "Cosine",
         "one-cycle": "One cycle"},
        group=_OPTIMIZATION,
        help="How the learning rate changes. Warm-up: it rises over the first 5% of the steps, "
        "then stays. Cosine: the same rise, then it falls along half a cosine. One cycle: it rises "
        "over 20% of the steps, then falls in a straight line.",
    )  # fmt: skip
    warmup_epochs: int | None = integer(
        None, "Warm-up epochs", 1, 1000, absent="By schedule",
        group=_OPTIMIZATION,
        help="Epochs over which the learning rate rises; fewer than all epochs. Without a value, "
        "the schedule's own share of the steps.",
        when="with a schedule that starts with a rise",
        applies=lambda c: c.schedule != "constant",
    )  # fmt: skip
    augmentation: tuple[Augmenter, ...] = choices(
        "Augmentation",
        {"flip": "Flip", "shift": "Shift", "rotate": "Rotate", "rand": "RandAugment",
         "erase": "Erase", "cutout": "Cutout"},
        group=_REGULARIZATION,
        help="Random changes of each training image, new ones each time: horizontal flip; shift by "
        "a few pixels; rotation by up to 15°; RandAugment (shear, stretch, contrast and more); "
        "noise in a random rectangle; cutout (a square set to gray).",
    )  # fmt: skip
    shift_pixels: int = integer(
        2, "Largest shift (pixels)", 1, 14,
        group=_REGULARIZATION,
        help="The most pixels by which Shift moves an image.",
        when="with Shift",
        applies=lambda c: "shift" in c.augmentation,
    )  # fmt: skip
    cutout_side: int = integer(
        14, "Cutout side (pixels)", 1, 28,
        group=_REGULARIZATION,
        help="Side of the square that Cutout removes.",
        when="with Cutout",
        applies=lambda c: "cutout" in c.augmentation,
    )  # fmt: skip
    low_res_side: int | None = integer(
        None, "Reduced image side (pixels)", 8, 27, absent="Full size",
        group=_OPTIMIZATION,
        help="Progressive resizing: the first epochs train on images of this size, which is "
        "faster (Tan and Le 2021, EfficientNetV2). The model must accept images of that size.",
    )  # fmt: skip
    low_res_share: float = number(
        0.6, "Share of epochs at reduced size", 0, 1, excludes_low=True, step=0.05,
        group=_OPTIMIZATION,
        help="The epoch in which this share ends already trains on full-size images.",
        when="with a reduced image side",
        applies=lambda c: c.low_res_side is not None,
    )  # fmt: skip
    batch_mix: BatchMix | None = choice(
        None, "Batch mixing", {None: "None", "mixup": "MixUp", "cutmix": "CutMix"},
        group=_REGULARIZATION,
        help="MixUp blends pairs of images and their labels (Zhang et al. 2018). CutMix pastes a "
        "rectangle of one image into another and mixes the labels by area (Yun et al. 2019).",
    )  # fmt: skip
    mix_probability: float = number(
        1.0, "Mixing probability", 0, 1, excludes_low=True, step=0.05,
        group=_REGULARIZATION,
        help="Probability that a batch is mixed.",
        when="with batch mixing",
        applies=lambda c: c.batch_mix is not None,
    )  # fmt: skip
    weight_decay: float = number(
        0.0, "Weight decay", 0, 1, step=0.01,
        group=_REGULARIZATION,
        help="Pulls weights toward 0, except biases and normalization layers. AdamW needs about "
        "0.05, SGD about 0.0005.",
        when="with the optimizer AdamW or SGD",
        applies=lambda c: c.optimizer in ("adamw", "sgd"),
    )  # fmt: skip
    label_smoothing: float = number(
        0.0, "Label smoothing", 0, 0.9, step=0.05,
        group=_REGULARIZATION,
        help="Share of the target that is spread evenly over all classes, to prevent "
        "overconfidence (Szegedy et al. 2016).",
    )  # fmt: skip
    teachers: tuple[str, ...] = run_ids(
        "Teachers",
        group=_REGULARIZATION,
        help="Distillation: the model also learns from the probabilities of finished runs for the "
        "same augmented images (Hinton et al. 2015; Beyer et al. 2022). Of several teachers, and "
        "of the members of an ensemble, one is sampled per batch. Runs that have seen images that "
        "the protocol holds out are rejected.",
    )  # fmt: skip
    distillation_weight: float = number(
        0.9, "Distillation weight", 0, 1, excludes_low=True, step=0.05,
        group=_REGULARIZATION,
        help="Weight of the teachers' probabilities in the loss; the labels have the rest.",
        when="with teachers",
        applies=lambda c: bool(c.teachers),
    )  # fmt: skip
    ema: float = number(
        0.0, "Weight averaging (EMA decay)", 0, 1, excludes_high=True, step=0.001,
        group=_REGULARIZATION,
        help="Decay per step of an exponential moving average of the weights. The averaged "
        "weights are evaluated and saved. 0.999 averages about the last 1,000 steps; 0 turns it "
        "off.",
    )  # fmt: skip
    patience: int | None = integer(
        None, "Patience (epochs)", 1, 1000, absent="No early stopping",
        group=_OPTIMIZATION,
        help="Early stopping: the run ends after this many epochs without a better validation "
        "accuracy.",
        when="under the held-out protocol, with the best epoch saved",
        applies=lambda c: c.protocol == "held-out" and c.checkpoint == "best",
    )  # fmt: skip
    checkpoint: Checkpoint = choice(
        "best", "Saved weights", {"best": "Best epoch", "last": "Last epoch"},
        group=_COMPUTATION,
        help="Best epoch: the one with the highest accuracy on the split that is evaluated after "
        "every epoch. Last epoch: no split selects; always so under the full protocol.",
        when="under the held-out or notebook protocol",
        applies=lambda c: c.protocol != "full",
    )  # fmt: skip
    precision: Precision = choice(
        "bfloat16-on-gpu", "Precision",
        {"bfloat16-on-gpu": "bfloat16 on GPUs, else float32", "auto": "bfloat16 if supported",
         "float32": "float32", "bfloat16": "bfloat16"},
        group=_COMPUTATION,
        help="Number format of convolutions and matrix products; weights are kept in float32. "
        "bfloat16 is faster where a GPU or a processor supports it, and less exact.",
    )  # fmt: skip
    tta: TestTimeAugmentation | None = choice(
        None, "Test-time augmentation",
        {None: "None", "flip": "+ horizontal flip (2 views)",
         "flip-shift": "+ flip and shifts (10 views)"},
        group=_COMPUTATION,
        help="The finished model's test accuracy is also given for the mean prediction over "
        "several versions of each image.",
    )  # fmt: skip
    measure_test: MeasureTest = choice(
        "end", "Test images", {"end": "Measured at the end", "later": "Measured later, when asked"},
        group=_COMPUTATION,
        help="Later: the run ends without a look at the test images, so that choosing among many "
        "runs cannot use them. The runs of a sweep do so; the chosen one is measured once.",
        when="under the held-out or full protocol",
        applies=lambda c: c.protocol != "notebook",
    )  # fmt: skip
    epoch_weights: EpochWeights | None = choice(
        None, "Weights of each epoch", {None: "Not saved", "float16": "Saved as float16"},
        group=_COMPUTATION,
        help="Saves the weights after every epoch, and the initial ones, so that the Explain page "
        "can play how the model learned. Takes two bytes a parameter and epoch: FashionCNN 3.3 MB "
        "an epoch.",
    )  # fmt: skip
    followed_images: int | None = integer(
        None, "Training images followed", 10, 10_000, absent="None",
        group=_COMPUTATION,
        help="Predicts this many training images, drawn by the seed, after every epoch, without "
        "augmentation. The Data page then shows which are easy, ambiguous or hard to learn, and "
        "when each was learned and forgotten. 5,000 take about as long as validation, and 100 kB "
        "an epoch.",
        when="under the held-out or notebook protocol, without a left-out fold",
        applies=lambda c: c.protocol != "full" and c.left_out_fold is None,
    )  # fmt: skip
    training_drawings: TrainingDrawings | None = choice(
        None, "Training drawings",
        {None: "None", "outlines": "Outlines", "sketches": "Outlines, sketches",
         "non-garments": "Outlines, sketches, non-garments",
         "phone-photos": "Outlines, sketches, non-garments, phone photos"},
        group=_MODEL_AND_DATA,
        help="Drawings to train on in addition to the images: their outlines, sketches of "
        "garments, sketches of other things, which become a class of their own, and imitated "
        "phone photos. Making them takes minutes the first time.",
    )  # fmt: skip
    seed: int = integer(
        0, "Seed", 0, 2**32 - 1,
        group=_COMPUTATION,
        help="The same seed gives the same initial weights, order of images, dropout, augmentation "
        "and drawings.",
    )  # fmt: skip
    subset: int | None = integer(
        None, "Training images", 10, 60_000, absent="All",
        group=_MODEL_AND_DATA,
        help="Train on this many images only, spread evenly over the classes. Without a value, on "
        "all images.",
    )  # fmt: skip
    corrections: str | None = checksum(
        "Corrections", absent="None",
        group=_MODEL_AND_DATA,
        help="Corrected labels: training images that get another label or are left out, by the "
        "checksum of the file; on the command line also the file itself, which python -m fmnist "
        "corrections makes. The Data page makes them from suspect labels and verdicts. They are "
        "kept with the run; validation and test images stay as they are.",
    )  # fmt: skip
    left_out_fold: int | None = integer(
        None, "Left-out fold", 1, FOLDS, absent="None",
        group=_MODEL_AND_DATA,
        help=f"Cross-validation: leaves this of {FOLDS} parts of the training images out, and "
        "predicts it in the end. One run for each part gives predictions for all training images "
        "by models that were not trained on them.",
        when="under the held-out protocol",
        applies=lambda c: c.protocol == "held-out",
    )  # fmt: skip
    log_every: int = integer(
        100, "Steps per log entry", 1, 10_000,
        group=_COMPUTATION,
        help="Steps between two entries of the training loss in the history.",
    )  # fmt: skip
    compile: Compiling | None = choice(
        None, "Compiled (torch.compile)", {None: "Off", "default": "On"}, group=_COMPUTATION,
        help="Compiles the network before the first step, which takes about a minute; steps are "
        "then faster on GPUs. Where it fails, the run goes on without, and its log says why.",
    )  # fmt: skip
    tensorboard: EventFiles | None = choice(
        None, "TensorBoard", {None: "No event files", "scalars": "Event files"}, group=_COMPUTATION,
        help="Writes losses, accuracies and pace into the run's folder, in event files that "
        "TensorBoard reads. Needs tensorboardX.",
    )  # fmt: skip

    def __post_init__(self) -> None:
        for name, setting in self.settings().items():
            setting.check(name, getattr(self, name))
        if self.warmup_epochs is not None and self.warmup_epochs >= self.epochs:
            raise ConfigError(
                "warmup_epochs",
                f"must be fewer than the {self.epochs} epochs, not {self.warmup_epochs}.",
            )
        if self.weight_decay and self.optimizer not in ("adamw", "sgd"):
            raise ConfigError(
                "weight_decay", f"is for adamw and sgd; the optimizer {self.optimizer} takes none."
            )
        if self.epoch_share < 1 and (self.batch_mix or self.teachers):
            raise ConfigError("epoch_share", "must be 1 with batch mixing or teachers.")
        if self.patience is not None:
            if self.protocol != "held-out":
                raise ConfigError(
                    "patience",
                    "needs the held-out protocol; otherwise the test split would decide.",
                )
            if self.checkpoint == "last":
                raise ConfigError("patience", "needs the best epoch saved, not the last.")
        if self.left_out_fold is not None and self.protocol != "held-out":
            raise ConfigError("left_out_fold", "needs the held-out protocol.")
        if self.followed_images is not None:
            if self.protocol == "full":
                raise ConfigError(
                    "followed_images",
                    "must be none under the full protocol, which measures training images anyway.",
                )
            if self.left_out_fold is not None:
                raise ConfigError(
                    "followed_images",
                    "must be none with a left-out fold, which is predicted instead.",
                )
        if self.protocol == "notebook" and self.measure_test == "later":
            raise ConfigError(
                "measure_test",
                'must be "end" under the notebook protocol, which measures test every epoch.',
            )
        if self.protocol == "full" and self.checkpoint != "last":
            raise ConfigError(
                "checkpoint",
                'must be "last" under the full protocol, which has no images to select by.',
            )

    @classmethod
    def settings(cls) -> Mapping[str, Setting]:
        """What there is to know of each field, by its name."""
        return _SETTINGS

    @property
    def models(self) -> tuple[str, ...]:
        """The network, as `EnsembleConfig.models` tells several."""
        return (self.model,)

    @property
    def has_ood_class(self) -> bool:
        """Whether the network learns non-garments as a class of their own."""
        return self.training_drawings in ("non-garments", "phone-photos")

    def may_learn_from(self, teacher: "RunConfig") -> bool:
        """Whether a teacher has seen none of the images that these settings hold out.

        A teacher that was trained on the validation images, or selected on the test images,
        passes on what it knows of them. Accuracies on these images would be optimistic.
        """
        held_out = ("notebook", "full", "held-out")  # the later, the more images
        return self.dataset != teacher.dataset or (
            held_out.index(self.protocol) <= held_out.index(teacher.protocol)
        )

    def is_low_res(self, epoch: int) -> bool:
        """Whether an epoch, from 1, trains on images of the reduced size."""
        # not share * epochs: rounded up or down, that can miss the epoch in which the share ends
        return self.low_res_side is not None and epoch / self.epochs <= self.low_res_share

    @property
    def passes(self) -> float:
        """How often a run shows as many images as there are; epochs by a share count as one."""
        return 1 + (self.epochs - 1) * self.epoch_share

    @property
    def low_res_passes(self) -> float:
        """Those of `passes` that show images of the reduced size."""
        epochs = sum(self.is_low_res(epoch) for epoch in range(1, self.epochs + 1))
        return 1 + (epochs - 1) * self.epoch_share if epochs else 0.0

    def epochs_after(self, step: int, *, steps: int) -> float:
        """Epochs done after a step of a run that has `steps` in all, at least 1.

        Epochs after the first are shorter where they use a share of the images.
        """
        first = max(steps, 1) / self.passes
        return min(step, first) / first + max(step - first, 0) / (first * self.epoch_share)

    def to_json(self) -> dict[str, Any]:
        """The settings as a dictionary of JSON values, in the order of the fields."""
        return _json_of(self)

    @classmethod
    def from_json(cls, values: object) -> Self:
        """Settings from a dictionary of JSON values; absent fields get their defaults.

        Settings as earlier versions wrote them are read too.

        Raises
        ------
        ConfigError
            If a field is unknown or a value impossible.
        """
        if not isinstance(values, Mapping):
            raise ConfigError("config", "must be an object of settings.")
        known = cls.settings()
        values = migrate_settings(values)
        for name, value in values.items():
            if name not in known:
                raise ConfigError(str(name), f"is no setting; known are {', '.join(known)}.")
            if known[name].kind in ("choices", "runs") and isinstance(value, list):
                values[name] = tuple(value)
        return cls(**values)


_SETTINGS: Final[Mapping[str, Setting]] = {
    field.name: field.metadata["setting"] for field in dataclasses.fields(TrainConfig)
}


@dataclass(frozen=True, kw_only=True)
class EnsembleConfig:
    """What an ensemble averages; it is made of trained runs, so it has no settings of training.

    Attributes
    ----------
    models : tuple of str
        The networks of the members, in `fmnist.models.registry.MODELS`.
    dataset, protocol, checkpoint
        Those of all members.
    tta : {"flip", "flip-shift"} or None
        That of all members; None where they differ.
    """

    models: tuple[str, ...]
    dataset: DatasetName
    protocol: Protocol
    checkpoint: Checkpoint = "best"
    tta: TestTimeAugmentation | None = None

    def to_json(self) -> dict[str, Any]:
        """The settings as a dictionary of JSON values, in the order of the fields."""
        return _json_of(self)


RunConfig = TrainConfig | EnsembleConfig | FineTuneConfig


def ensemble_of(members: Sequence[TrainConfig]) -> EnsembleConfig:
    """Settings of an ensemble of runs with the same data set and protocol."""
    first = members[0]
    return EnsembleConfig(
        models=tuple(config.model for config in members),
        dataset=first.dataset,
        protocol=first.protocol,
        checkpoint=first.checkpoint,
        tta=first.tta if len({config.tta for config in members}) == 1 else None,
    )


def _json_of(config: TrainConfig | EnsembleConfig) -> dict[str, Any]:
    values = dataclasses.asdict(config)
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


__all__ = [
    "PROTOCOL_TITLES",
    "Augmenter",
    "BatchMix",
    "Checkpoint",
    "ConfigError",
    "EnsembleConfig",
    "FineTuneConfig",
    "LearnedPart",
    "MeasureTest",
    "Optimizer",
    "Precision",
    "RunConfig",
    "Schedule",
    "TestTimeAugmentation",
    "TrainConfig",
    "ensemble_of",
]
