"""The settings of a training run: validated, immutable, to and from JSON."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Self, cast, get_args

from fmnist.data.splits import DatasetName, Protocol
from fmnist.data.synthetic import Drawings
from fmnist.models.registry import MODELS, RENAMED, is_known

Optimizer = Literal["adam", "adamw", "sgd"]
Schedule = Literal["constant", "warm-up", "cosine", "one-cycle"]
Augmenter = Literal["flip", "shift", "rotate", "rand", "erase", "cutout"]
Mixing = Literal["none", "mixup", "cutmix"]
Keep = Literal["best", "last"]
Precision = Literal["auto", "float32", "bfloat16"]
Views = Literal["one", "flip", "flip-shift"]

PROTOCOL_TITLES: Final[Mapping[str, str]] = {
    "held-out": "Held-out (55,000 train, 5,000 validation; test measured once, at the end)",
    "notebook": "Notebook (60,000 train; test measured after every epoch)",
    "full": "Full (60,000 train, the last epoch kept; test measured once, at the end)",
}


class ConfigError(ValueError):
    """A setting that cannot be trained with; the message is one sentence naming the field.

    Attributes
    ----------
    field : str
        Name of the offending field of `TrainConfig`.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides how a model is trained.

    Attributes
    ----------
    model : str
        Name in `fmnist.models.registry.MODELS`; of an ensemble, its members' names joined with
        "+" (`fmnist.training.ensemble.combine` makes one of trained runs).
    dataset : {"fashion-mnist", "drawn-garments"}
    protocol : {"held-out", "notebook", "full"}
        "held-out" keeps one twelfth of the training images as a validation split, chooses the
        epoch on it and measures the test split once; "notebook" trains on all training images
        and measures the test split after every epoch; "full" trains on all of them too, measures
        some of these after every epoch, keeps the last one and measures the test split once: for
        a recipe that was chosen beforehand, under "held-out".
    epochs : int
        Passes over the training split, 1 to 1000.
    batch_size : int
        Images a step, 1 to 4096.
    learning_rate : float
        Above 0, at most 1; the highest one where the schedule changes it.
    optimizer : {"adam", "adamw", "sgd"}
        Adam (Kingma and Ba 2015), Adam with decoupled weight decay (Loshchilov and Hutter 2019),
        or stochastic gradient descent with Nesterov's momentum of 0.9.
    weight_decay : float
        Of AdamW and SGD, 0 to 1; Adam takes none. Norms and biases do not decay.
    schedule : {"constant", "warm-up", "cosine", "one-cycle"}
        As `fmnist.training.schedules.learning_rate` describes them.
    warmup_epochs : int or None
        Epochs over which the learning rate rises, where the schedule begins with a rise; 1 to
        1000, fewer than `epochs`. None for the schedule's own share of the steps.
    augmentation : str
        What is done to each image anew every time it is shown: "none", or some of the names
        "flip", "shift", "rotate", "rand", "erase" and "cutout" in this order, joined with hyphens;
        `fmnist.training.augmentation.augment` describes them.
    shift_pixels : int
        Pixels by which "shift" moves an image at most, 1 to 14.
    cutout_side : int
        Side of the square that "cutout" takes out of each image, in pixels, 1 to 28.
    low_res_side : int or None
        Train on images scaled down to this side at first, in pixels, 8 to 27: progressive
        resizing, which saves time (Tan and Le 2021, "EfficientNetV2"). The network must take
        images of that size. None to train on whole images throughout.
    low_res_share : float
        Share of the epochs that train on the smaller images, above 0, at most 1; the epoch in
        which it ends is trained on whole images.
    mixing : {"none", "mixup", "cutmix"}
        Whether images of a batch are mixed in pairs (`fmnist.training.augmentation.mix`).
    mixing_share : float
        Share of the batches that are mixed, above 0, at most 1.
    teacher : str
        Id of a finished run whose probabilities are learned from beside the labels (distillation:
        Hinton et al. 2015, "Distilling the Knowledge in a Neural Network"), or "none". It sees
        the same augmented and mixed images (Beyer et al. 2022, "Knowledge distillation: A good
        teacher is patient and consistent"). Of several, their ids joined with "+", and of an
        ensemble's members, one is drawn for every batch.
    teacher_share : float
        Of the loss, how much the teacher's probabilities are the target, above 0, at most 1; the
        labels are for the rest.
    label_smoothing : float
        Share of the target that goes to all classes alike, 0 to 0.9 (Szegedy et al. 2016).
    ema : float
        Decay a step of an exponential moving average of the weights, which is then what is
        measured and kept; 0 for none, below 1. It begins lower, so that it forgets the first steps.
    patience : int or None
        End after this many epochs without a better validation accuracy, 1 to 1000; None to go
        on to the last epoch.
    keep : {"best", "last"}
        The epoch whose weights are kept: the one of the best accuracy on the split that is
        measured after every epoch, or the last, so that no split chooses.
    precision : {"auto", "float32", "bfloat16"}
        What convolutions and products of matrices are computed in; bfloat16 is faster on
        processors that have it, and less exact; "auto" takes it there.
    views : {"one", "flip", "flip-shift"}
        Test-time augmentation: what the finished model's predictions are averaged over, beside
        its figures for the image alone (`fmnist.evaluation.predictions.evaluate`).
    drawings : {"none", "outlines", "sketches", "doodles"}
        What to train on beside the photographs, each with those before it: outlines of the
        photographs; garments as people sketch them; doodles of other things, which the network
        learns to tell from garments (`fmnist.data.synthetic.training_drawings.with_drawings`).
    seed : int
        Of the initial weights, the order of the images, dropout, augmentation and drawings; 0 to
        2**32 - 1.
    subset : int or None
        Train on this many images only (at least 10, evenly over the classes), for a quick look.
    log_every : int
        Steps between two entries of the step loss in the history, 1 to 10000.

    Raises
    ------
    ConfigError
        If a value is impossible.
    """

    model: str = "fashion-cnn"
    dataset: DatasetName = "fashion-mnist"
    protocol: Protocol = "held-out"
    epochs: int = 20
    batch_size: int = 128
    learning_rate: float = 1e-3
    optimizer: Optimizer = "adam"
    weight_decay: float = 0.0
    schedule: Schedule = "constant"
    warmup_epochs: int | None = None
    augmentation: str = "none"
    shift_pixels: int = 2
    cutout_side: int = 14
    low_res_side: int | None = None
    low_res_share: float = 0.6
    mixing: Mixing = "none"
    mixing_share: float = 1.0
    teacher: str = "none"
    teacher_share: float = 0.9
    label_smoothing: float = 0.0
    ema: float = 0.0
    patience: int | None = None
    keep: Keep = "best"
    precision: Precision = "float32"
    views: Views = "one"
    drawings: Drawings = "none"
    seed: int = 0
    subset: int | None = None
    log_every: int = 100

    def __post_init__(self) -> None:
        if not is_known(self.model):
            check_choice("model", self.model, tuple(MODELS))
        check_choice("dataset", self.dataset, get_args(DatasetName))
        check_choice("protocol", self.protocol, get_args(Protocol))
        check_choice("optimizer", self.optimizer, get_args(Optimizer))
        check_choice("schedule", self.schedule, get_args(Schedule))
        check_choice("mixing", self.mixing, get_args(Mixing))
        check_choice("keep", self.keep, get_args(Keep))
        check_choice("precision", self.precision, get_args(Precision))
        check_choice("views", self.views, get_args(Views))
        check_choice("drawings", self.drawings, get_args(Drawings))
        _check_augmentation(self.augmentation)
        _check_integer("epochs", self.epochs, 1, 1000)
        _check_integer("batch_size", self.batch_size, 1, 4096)
        _check_integer("seed", self.seed, 0, 2**32 - 1)
        _check_integer("log_every", self.log_every, 1, 10_000)
        _check_integer("shift_pixels", self.shift_pixels, 1, 14)
        _check_integer("cutout_side", self.cutout_side, 1, 28)
        if self.low_res_side is not None:
            _check_integer("low_res_side", self.low_res_side, 8, 27)
        if self.warmup_epochs is not None:
            _check_integer("warmup_epochs", self.warmup_epochs, 1, 1000)
            if self.warmup_epochs >= self.epochs:
                raise ConfigError(
                    "warmup_epochs",
                    f"must be fewer than the {self.epochs} epochs, not {self.warmup_epochs}.",
                )
        if self.subset is not None:
            _check_integer("subset", self.subset, 10, 60_000)
        for field in ("learning_rate", "mixing_share", "teacher_share", "low_res_share"):
            value = getattr(self, field)
            _check_number(field, value)
            if not 0 < value <= 1:  # nan is not, either
                raise ConfigError(field, f"must be above 0 and at most 1, not {value!r}.")
        if not isinstance(self.teacher, str) or not self.teacher:
            raise ConfigError("teacher", f'must be a run\'s id or "none", not {self.teacher!r}.')
        for field, low, high in (("weight_decay", 0, 1), ("label_smoothing", 0, 0.9)):
            value = getattr(self, field)
            _check_number(field, value)
            if not low <= value <= high:
                raise ConfigError(field, f"must be between {low} and {high}, not {value!r}.")
        _check_number("ema", self.ema)
        if not 0 <= self.ema < 1:
            raise ConfigError("ema", f"must be at least 0 and below 1, not {self.ema!r}.")
        if self.weight_decay and self.optimizer == "adam":
            raise ConfigError(
                "weight_decay", "is for adamw and sgd; the optimizer adam takes none."
            )
        if self.patience is not None:
            _check_integer("patience", self.patience, 1, 1000)
            if self.protocol != "held-out":
                raise ConfigError(
                    "patience",
                    "needs the held-out protocol; otherwise the test split would decide.",
                )
            if self.keep == "last":
                raise ConfigError("patience", "goes by the best epoch; keep that, not the last.")
        if self.protocol == "full" and self.keep != "last":
            raise ConfigError(
                "keep",
                'must be "last" under the full protocol, which has no images to choose by.',
            )

    @property
    def augmenters(self) -> tuple[Augmenter, ...]:
        """The names in `augmentation`."""
        if self.augmentation == "none":
            return ()
        return cast(tuple[Augmenter, ...], tuple(self.augmentation.split("-")))

    @property
    def teachers(self) -> tuple[str, ...]:
        """Ids of the runs in `teacher`."""
        return () if self.teacher == "none" else tuple(self.teacher.split("+"))

    def may_learn_from(self, teacher: "TrainConfig") -> bool:
        """Whether a teacher has seen no images that these settings keep apart.

        One that was trained on the validation images, or chosen by the test images, tells what it
        knows of them: the accuracies there would flatter.
        """
        kept_apart = ("notebook", "full", "held-out")  # the later, the more
        return self.dataset != teacher.dataset or (
            kept_apart.index(self.protocol) <= kept_apart.index(teacher.protocol)
        )

    def to_json(self) -> dict[str, Any]:
        """The settings as a dictionary of JSON values, in the order of the fields."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: object) -> Self:
        """Settings from a dictionary of JSON values; absent fields keep their defaults.

        Raises
        ------
        ConfigError
            If a field is unknown or a value impossible.
        """
        if not isinstance(values, Mapping):
            raise ConfigError("config", f"must be an object of settings, not {values!r}.")
        values = _migrated(values)
        known = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                raise ConfigError(str(name), f"is no setting; known are {', '.join(known)}.")
        return cls(**values)


def _migrated(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as earlier versions wrote them, under today's names."""
    named = {{"optimiser": "optimizer"}.get(name, name): value for name, value in values.items()}
    if isinstance(named.get("model"), str):
        named["model"] = "+".join(RENAMED.get(m, m) for m in named["model"].split("+"))
    return named


def ensemble_of(members: Sequence[TrainConfig]) -> TrainConfig:
    """Settings of an ensemble of runs of these: the first one's, but for what training is.

    Several views are averaged where all members have the same ones.
    """
    views = members[0].views if len({config.views for config in members}) == 1 else "one"
    return dataclasses.replace(
        members[0], model="+".join(config.model for config in members), views=views,
        epochs=1, patience=None, teacher="none", seed=0,
    )  # fmt: skip


def check_choice(field: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(field, f"must be one of {', '.join(choices)}, not {value!r}.")


def _check_augmentation(value: object) -> None:
    known = get_args(Augmenter)
    names = value.split("-") if isinstance(value, str) else []
    if value != "none" and (not names or names != [name for name in known if name in names]):
        raise ConfigError(
            "augmentation",
            f'must be "none" or some of {", ".join(known)}, in this order and joined with '
            f"hyphens, not {value!r}.",
        )


def _check_number(field: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(field, f"must be a number, not {value!r}.")


def _check_integer(field: str, value: object, low: int, high: int) -> None:
    # bool is an int to Python, but True epochs is a slip of the pen
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(field, f"must be a whole number, not {value!r}.")
    if not low <= value <= high:
        raise ConfigError(field, f"must be between {low} and {high}, not {value}.")
