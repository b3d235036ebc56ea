"""Reading `config.json` as earlier versions wrote it."""

from collections.abc import Mapping
from typing import Any, Final

from fmnist.data.splits import DATASET_TITLES, RENAMED_DATASETS
from fmnist.models.registry import RENAMED

_NAMES: Final[Mapping[str, str]] = {
    "optimiser": "optimizer",
    "mixing": "batch_mix",
    "mixing_share": "mix_probability",
    "teacher": "teachers",
    "teacher_share": "distillation_weight",
    "keep": "checkpoint",
    "views": "tta",
    "drawings": "training_drawings",
}
_ABSENT: Final[Mapping[str, str]] = {"batch_mix": "none", "tta": "one", "training_drawings": "none"}
_SEPARATORS: Final[Mapping[str, str]] = {"augmentation": "-", "teachers": "+"}


def migrate_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings under today's names, with lists for lists and None for what is absent.

    Settings of today's form come back unchanged.
    """
    new = {_NAMES.get(name, name): value for name, value in values.items()}
    if len(new) < len(values):  # an old name beside its new one: let it be refused as unknown
        return dict(values)
    for name, word in _ABSENT.items():
        if new.get(name) == word:
            new[name] = None
    for name, separator in _SEPARATORS.items():
        if isinstance(new.get(name), str):
            new[name] = [] if new[name] == "none" else new[name].split(separator)
    if new.get("training_drawings") == "doodles":
        new["training_drawings"] = "non-garments"
    if isinstance(new.get("dataset"), str):
        new["dataset"] = RENAMED_DATASETS.get(new["dataset"], new["dataset"])
    if isinstance(new.get("model"), str):
        new["model"] = RENAMED.get(new["model"], new["model"])
    return new


def _migrate_ensemble(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of an ensemble, which once had those of its first member."""
    values = migrate_settings(values)
    if "+" not in str(values.get("model")):
        return values
    models = [RENAMED.get(name, name) for name in values["model"].split("+")]
    names = ("dataset", "protocol", "checkpoint", "tta")
    return {"models": models} | {name: values[name] for name in names if name in values}


def _with_precision(values: dict[str, Any]) -> dict[str, Any]:
    """Settings of a training; before there was a choice, all computed in float32."""
    is_training = "epochs" in values and "models" not in values
    return {"precision": "float32", **values} if is_training else values


def migrate_document(document: Any) -> Any:
    """The whole of `config.json` in today's form; what is not of a known form stays as it is."""
    if not isinstance(document, Mapping):
        return document
    new = dict(document)
    if isinstance(new.get("config"), Mapping):
        new["config"] = _with_precision(_migrate_ensemble(new["config"]))
    data = new.get("dataset")
    if isinstance(data, Mapping) and data.get("name") in tuple(RENAMED_DATASETS):
        name = RENAMED_DATASETS[data["name"]]
        new["dataset"] = {**data, "name": name, "source": DATASET_TITLES[name]}
    teacher = new.pop("teacher", None)
    if isinstance(teacher, Mapping) and "teachers" not in new:
        pairs = zip(*(str(teacher.get(k)).split("+") for k in ("run_id", "weights")), strict=False)
        new["teachers"] = [{"run_id": run_id, "weights": weights} for run_id, weights in pairs]
    elif teacher is not None:
        new["teacher"] = teacher
    return new
