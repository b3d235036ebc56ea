"""Recipes: settings that belong together, by name."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Final

from fmnist.models.registry import MODELS
from fmnist.runs.config import TrainConfig

RECIPES: Final[Mapping[str, Mapping[str, Any]]] = {
    "original": {},
    "sketch": {
        "model": "residual",
        "epochs": 16,
        "batch_size": 256,
        "learning_rate": 0.06,
        "optimizer": "muon",
        "schedule": "one-cycle",
        "augmentation": ("flip", "shift"),
        "shift_pixels": 1,
        "ema": 0.99,
        "checkpoint": "last",
        "precision": "auto",
        "training_drawings": "phone-photos",
    },
    "swift": {"model": "swift-muon", **MODELS["swift-muon"].recipe},
}
"""Settings that belong together, by name; what is left out stays at its default."""


OWN_RECIPE: Final = "own"
"""The recipe of the model that is trained, as the registry has it."""


def recipe(name: str, model: str | None = None) -> dict[str, Any]:
    """Settings of a recipe.

    Parameters
    ----------
    name : str
        Of `RECIPES`, or `OWN_RECIPE`.
    model : str, optional
        To train instead of the recipe's own; what "own" refers to.

    Returns
    -------
    dict
        To be given to `TrainConfig`.

    Raises
    ------
    ConfigError
        If there is no such model.
    """
    chosen = {} if model is None else {"model": model}
    if name != OWN_RECIPE:
        return {**RECIPES[name], **chosen}
    model = model or TrainConfig().model
    TrainConfig.settings()["model"].check("model", model)
    return {**MODELS[model].recipe, **chosen}


def effective(values: Mapping[str, Any]) -> TrainConfig:
    """Settings from values for all fields; those without an effect get their defaults.

    Raises
    ------
    ConfigError
        If no model can be trained with them.
    """
    current, defaults = SimpleNamespace(**values), TrainConfig()
    kept = {
        name: values[name] if setting.has_effect(current) else getattr(defaults, name)
        for name, setting in TrainConfig.settings().items()
    }
    if kept["protocol"] == "full":
        kept["checkpoint"] = "last"  # there are no images to select an epoch by
    return TrainConfig(**kept)
