"""The selection that all pages share, and its form in the address bar."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, get_args

from fmnist.data.labels import CLASS_NAMES, MAX_OWN_CLASSES, NUM_CLASSES, class_name
from fmnist.data.splits import SPLITS, SplitName
from fmnist.evaluation.filters import MEASURES, SORTS, CorrectnessFilter, Filters, Range, Sort
from fmnist.evaluation.image_sets import ImageSet
from fmnist.evaluation.leaderboard import Axis, Curve
from fmnist.evaluation.misclassifications import ERROR_TYPES
from fmnist.evaluation.significance import GROUPS
from fmnist.evaluation.verdicts import VERDICT_TITLES
from fmnist.reports.text import counted, short_percent
from fmnist.text import plain, quoted

SubjectKind = Literal["image", "drawing", "average"]
AttributionMethod = Literal["grad-cam", "occlusion", "integrated-gradients"]
"""Those of `fmnist.explain.attributions`, which takes a while to import."""
ClassChoice = int | str
"""A class of an image: its label, or "predicted" or "true"."""

MAX_COMPARED: Final = 10
"""Runs that can be shown side by side: there are as many colors."""

CORRECTNESS_TITLES: Final[Mapping[CorrectnessFilter, str]] = {
    "wrong": "Misclassified",
    "correct": "Correct",
    "all": "All",
}

GROUP_TITLES: Final[Mapping[str, str]] = {
    "both-right": "Both correct",
    "only-a": "Only this run correct",
    "only-b": "Only the compared run correct",
    "both-wrong": "Both wrong",
}

VERDICT_FILTERS: Final[Mapping[str, str]] = {
    "none": "No verdict yet",
    "any": "Any verdict",
    **{verdict: f"Verdict: {title}" for verdict, title in VERDICT_TITLES.items()},
}

FILTERS: Final = tuple(field.name for field in fields(Filters))
"""The fields of a selection that choose images."""

SUBJECT_TITLES: Final[Mapping[SubjectKind, str]] = {
    "image": "Image",
    "drawing": "Your drawing",
    "average": "Average",
}
"""What the Explain page can explain."""

VIEW_ONLY_FIELDS: Final = (
    "image", "subject", "method", "why", "against", "panel", "curve", "axis", "sweep",
)  # fmt: skip
"""The fields that Undo skips: they change what is seen of a selection, not the selection."""

SLIDING_FIELDS: Final = (*MEASURES, "epoch")
"""The fields that a slider changes, in many steps."""


@dataclass(frozen=True)
class Selection:
    """What the person looks at; immutable.

    The filters (`true` to `images`) are those of `fmnist.evaluation.filters.Filters`. They default
    to all misclassified images.

    Attributes
    ----------
    run, compared : str or None
        Ids of own runs or names of shipped models; `compared` is the second of two.
    split : {"train", "validation", "test"} or None
        None for test if the run was evaluated on it, else validation.
    epoch : int or None
        None for the run's saved weights, or the newest ones while it trains.
    sort : {"confidence", "margin", "loss", "entropy", "index"}
    order : {"down", "up"}
    image : int or None
        Open image, by `Split.indices`.
    runs : tuple of str
        Ids of the runs that the Compare page shows side by side; empty for the page's default.
    subject : {"image", "drawing", "average"}
        What the Explain page explains.
    method : str or None
        How; None for the first method that applies to the model.
    why : int, "predicted" or "true"
        The class that it explains.
    against : int, "predicted", "true" or None
        The class that it is contrasted with.
    panel : str or None
        Title of the open panel of the Compare page or the Explain page; None for the first.
    curve : {"accuracy", "loss"}
        The y axis of the Compare page's curves.
    axis : {"epoch", "step", "minutes"}
        The x axis of the Compare page's curves.
    sweep : str or None
        Id of the sweep on the Sweeps page; None for the newest.
    """

    run: str | None = None
    compared: str | None = None
    split: SplitName | None = None
    epoch: int | None = None
    true: tuple[int, ...] = ()
    predicted: tuple[int, ...] = ()
    correctness: CorrectnessFilter = "wrong"
    confidence: Range | None = None
    margin: Range | None = None
    entropy: Range | None = None
    error_type: str | None = None
    verdict: str | None = None
    group: str | None = None
    images: ImageSet | None = None
    sort: Sort = "confidence"
    order: Literal["down", "up"] = "down"
    image: int | None = None
    runs: tuple[str, ...] = ()
    subject: SubjectKind = "image"
    method: AttributionMethod | None = None
    why: ClassChoice = "predicted"
    against: ClassChoice | None = None
    panel: str | None = None
    curve: Curve = "accuracy"
    axis: Axis = "epoch"
    sweep: str | None = None

    def filters(self, *, without: tuple[str, ...] = ()) -> Filters:
        """The filters, but for the fields named in `without`."""
        return Filters(**{name: getattr(self, name) for name in FILTERS if name not in without})

    def active_filters(self) -> dict[str, Any]:
        """Filters that exclude images, by field."""
        defaults, chosen = Filters(), self.filters()
        values = {name: getattr(chosen, name) for name in FILTERS}
        return {name: value for name, value in values.items() if value != getattr(defaults, name)}

    def to_address(self) -> dict[str, str]:
        """Query parameters that `from_address` reads; defaults are omitted."""
        values = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        return {
            name: _to_text(value) for name, (value, default) in values.items() if value != default
        }


def from_address(parameters: Mapping[str, str]) -> tuple[Selection, list[str]]:
    """Read a selection from query parameters.

    Returns
    -------
    Selection
        With the default for each parameter whose value is unknown.
    list of str
        The ignored parameters, for people.
    """
    parameters = {_FORMER_NAMES.get(name, name): text for name, text in parameters.items()}
    values: dict[str, Any] = {}
    ignored = []
    for name, read in _READERS.items():
        text = parameters.get(name)
        if text is None:
            continue
        try:
            values[name] = read(text)
        except ValueError:
            ignored.append(f"{name} {quoted(text)}")
    return Selection(**values), ignored


def in_words(name: str, value: Any, class_names: Sequence[str] = CLASS_NAMES) -> str:
    """Text of a filter's chip, in Markdown."""
    match name:
        case "true" | "predicted":
            classes = (plain(class_name(label, class_names)) for label in value)
            return f"{name.capitalize()}: {', '.join(classes)}"
        case "correctness":
            return CORRECTNESS_TITLES[value]
        case "entropy":
            return f"Entropy {value[0]:.2f} to {value[1]:.2f}"
        case "confidence" | "margin":
            return f"{name.capitalize()} {short_percent(value[0])} to {short_percent(value[1])}"
        case "verdict":
            return VERDICT_FILTERS[value]
        case "group":
            return GROUP_TITLES[value]
        case "images":
            return f"{counted(len(value), 'image')} selected"
        case "error_type":
            return f"{value.capitalize()} errors"
    return f"{name.capitalize()} {value}"


def _to_text(value: object) -> str:
    if not isinstance(value, tuple):
        return str(value)
    # hyphens separate classes; "~" separates floats, and run ids, which contain hyphens
    return ("-" if isinstance(value[0], int) else "~").join(map(str, value))


def _read_classes(text: str, classes: int = NUM_CLASSES) -> tuple[int, ...]:
    labels = sorted({int(part) for part in text.split("-")})
    if not all(0 <= label < classes for label in labels):
        raise ValueError(text)
    return tuple(labels)


def _read_predicted(text: str) -> tuple[int, ...]:
    """Classes that a model may predict: own ones, too."""
    return _read_classes(text, NUM_CLASSES + MAX_OWN_CLASSES)


def _read_class_choice(text: str) -> ClassChoice:
    if text in ("predicted", "true"):
        return text
    (label,) = _read_predicted(text)
    return label


def _read_runs(text: str) -> tuple[str, ...]:
    ids = tuple(dict.fromkeys(text.split("~")))
    if not all(ids):
        raise ValueError(text)
    return ids[:MAX_COMPARED]


def _read_range(highest: float) -> Callable[[str], Range]:
    def read(text: str) -> Range:
        low, high = map(float, text.split("~"))
        if not 0 <= low < high <= highest:
            raise ValueError(text)
        return low, high

    return read


def _read_one_of(*allowed: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(text)
        return text

    return read


def _read_count(text: str) -> int:
    number = int(text)
    if number < 0 or len(text) > 6:
        raise ValueError(text)
    return number


_FORMER_NAMES: Final = {"kind": "error_type"}
"""Parameters of older links, and their names today."""

_READERS: Final[Mapping[str, Callable[[str], object]]] = {
    "run": str,
    "compared": str,
    "split": _read_one_of(*SPLITS),
    "epoch": _read_count,
    "true": _read_classes,
    "predicted": _read_predicted,
    "correctness": _read_one_of(*CORRECTNESS_TITLES),
    **{name: _read_range(highest) for name, highest in MEASURES.items()},
    "error_type": _read_one_of(*ERROR_TYPES),
    "verdict": _read_one_of(*VERDICT_FILTERS),
    "group": _read_one_of(*GROUPS),
    "images": ImageSet.from_text,
    "sort": _read_one_of(*SORTS),
    "order": _read_one_of("down", "up"),
    "image": _read_count,
    "runs": _read_runs,
    "subject": _read_one_of(*SUBJECT_TITLES),
    "method": _read_one_of(*get_args(AttributionMethod)),
    "why": _read_class_choice,
    "against": _read_class_choice,
    "panel": str,
    "curve": _read_one_of(*get_args(Curve)),
    "axis": _read_one_of(*get_args(Axis)),
    "sweep": str,
}
