"""The widgets of a run's settings, one a field of `TrainConfig`."""

from collections.abc import Callable, Mapping
from typing import Any, Final, get_args

import streamlit as st

from fmnist.dashboard import cache, layout, pictures, run_catalog
from fmnist.data import fashion_mnist as datasets
from fmnist.data.splits import DATASET_TITLES, DatasetName, Protocol
from fmnist.data.synthetic import Drawings
from fmnist.evaluation.leaderboard import unique_names
from fmnist.models.registry import MODELS
from fmnist.runs.config import (
    PROTOCOL_TITLES,
    Augmenter,
    Keep,
    Mixing,
    Optimizer,
    Precision,
    Schedule,
    TrainConfig,
    Views,
)

_SCHEDULES: Final[Mapping[Schedule, str]] = {
    "constant": "Constant",
    "warm-up": "Warm-up",
    "cosine": "Cosine",
    "one-cycle": "One cycle",
}
_OPTIMIZERS: Final[Mapping[Optimizer, str]] = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD"}
_AUGMENTERS: Final[Mapping[Augmenter, str]] = {
    "flip": "Mirror",
    "shift": "Move",
    "rotate": "Turn",
    "rand": "RandAugment",
    "erase": "Erase",
}
_MIXINGS: Final[Mapping[Mixing, str]] = {"none": "None", "mixup": "MixUp", "cutmix": "CutMix"}
_PRECISIONS: Final[Mapping[Precision, str]] = {
    "auto": "16 bits where quicker",
    "float32": "32 bits",
    "bfloat16": "16 bits (bfloat16)",
}
_DRAWINGS: Final[Mapping[Drawings, str]] = {
    "none": "None",
    "outlines": "Outlines",
    "sketches": "Outlines, sketches",
    "doodles": "Outlines, sketches, doodles",
}
_KEEPS: Final[Mapping[Keep, str]] = {"best": "Best epoch", "last": "Last epoch"}
_VIEWS: Final[Mapping[Views, str]] = {
    "one": "The image alone",
    "flip": "And mirrored (2)",
    "flip-shift": "And mirrored, moved (10)",
}
_SAMPLES: Final = 6  # images, each so often and once as it is


def fill_in(values: Mapping[str, Any]) -> None:
    """Put settings into the widgets, before they are drawn; what is left out, as it is by default.

    Parameters
    ----------
    values : mapping
        Of `TrainConfig`, but for the data set: that is the one at hand.
    """
    config = TrainConfig(**{**values, "dataset": datasets.locate().name})
    for name, value in config.to_json().items():
        st.session_state[f"setting-{name}"] = value
    st.session_state["setting-augmentation"] = list(config.augmenters)
    st.session_state["setting-teacher"] = list(config.teachers)
    st.session_state["setting-patience"] = config.patience or 0
    st.session_state["setting-whole"] = config.subset is None
    st.session_state["setting-subset"] = config.subset or 5_000


def read() -> TrainConfig:
    """The settings as the widgets have them.

    Raises
    ------
    ConfigError
        If they cannot be trained with.
    """
    fields = TrainConfig().to_json()
    values = {
        name: st.session_state[f"setting-{name}"]
        for name in fields
        if f"setting-{name}" in st.session_state
    }
    values["augmentation"] = _augmentation()
    values["teacher"] = "+".join(values.get("teacher", [])) or "none"
    values["patience"] = values.get("patience") or None
    for name in ("mixing", "teacher"):
        if values.get(name) == "none":
            del values[f"{name}_share"]
    if st.session_state.get("setting-whole", True):
        values["subset"] = None
    if values.get("protocol") == "full":
        values["keep"] = "last"  # the widget is out of use: there is nothing to choose by
    return TrainConfig.from_json(values)


def _augmentation() -> str:
    """In the order that `TrainConfig` wants, whichever was chosen first."""
    chosen = st.session_state.get("setting-augmentation", [])
    return "-".join(name for name in _AUGMENTERS if name in chosen) or "none"


def form(on_change: Callable[[], None]) -> None:
    """Draw the widgets; `on_change` is called when one is changed by hand."""
    keep: dict[str, Any] = {"on_change": on_change, "persist_state": "session"}
    st.markdown("**What learns from what**")
    _what(keep, on_change)
    st.markdown("**How it learns**")
    _how(keep)
    st.markdown("**Against learning by heart**")
    _against_overfitting(keep)
    st.markdown("**How it is computed and measured**")
    _computing(keep)


def _choice(
    column: Any, label: str, field: str, titles: Mapping[Any, str], help: str, keep: dict[str, Any]
) -> None:
    column.selectbox(
        label,
        list(titles),
        key=f"setting-{field}",
        format_func=titles.__getitem__,
        help=help,
        **keep,
    )


def _what(keep: dict[str, Any], on_change: Callable[[], None]) -> None:
    first, second, third = st.columns(3)
    _choice(
        first,
        "Model",
        "model",
        {name: spec.title for name, spec in MODELS.items()},
        " ".join(f"**{spec.title}**: {spec.summary}" for spec in MODELS.values()),
        keep,
    )
    available = [
        n for n in get_args(DatasetName) if n in ("drawn-garments", datasets.locate().name)
    ]
    titles = {name: DATASET_TITLES[name] for name in available}
    _choice(second, "Data set", "dataset", titles, "", keep)
    protocols = {name: name.capitalize() for name in get_args(Protocol)}
    protocol_help = " ".join(f"{title}." for title in PROTOCOL_TITLES.values())
    _choice(third, "Protocol", "protocol", protocols, protocol_help, keep)

    def take_recipe() -> None:
        model = st.session_state["setting-model"]
        fill_in({**MODELS[model].recipe, "model": model})
        on_change()

    first.button(
        "Use this model's recipe",
        key="own-recipe",
        icon=":material/menu_book:",
        on_click=take_recipe,
        help="Fills in the settings below that suit the model chosen here.",
        width="stretch",
    )
    whole = st.session_state.get("setting-whole", True)
    second.number_input(
        "Images to train on", 10, 60_000, key="setting-subset", disabled=whole, **keep
    )
    second.checkbox("All of them", key="setting-whole", **keep)
    _choice(
        third,
        "Drawings",
        "drawings",
        _DRAWINGS,
        "To train on beside the photographs: their outlines, garments as people sketch them, and "
        "doodles of other things, to be told from garments. Making them takes minutes the first "
        "time.",
        keep,
    )


def _how(keep: dict[str, Any]) -> None:
    first, second, third = st.columns(3)
    first.number_input(
        "Epochs", 1, 1000, key="setting-epochs", help="Passes over the training images.", **keep
    )
    second.number_input(
        "Batch size",
        1,
        4096,
        key="setting-batch_size",
        help="Images a step: more make steadier, fewer and slower steps.",
        **keep,
    )
    third.number_input(
        "Learning rate",
        1e-6,
        1.0,
        key="setting-learning_rate",
        format="%.6g",
        step=1e-4,
        help="How far the optimizer moves the weights in a step. Adam and AdamW want about 0.001, "
        "SGD about 0.1.",
        **keep,
    )
    first, second, third = st.columns(3)
    _choice(
        first,
        "Optimizer",
        "optimizer",
        _OPTIMIZERS,
        "Adam gives every weight a step of its own; AdamW also lets weights decay; SGD follows "
        "the slope itself, with Nesterov's momentum of 0.9.",
        keep,
    )
    _choice(
        second,
        "Schedule",
        "schedule",
        _SCHEDULES,
        "The learning rate stays as it is; or rises to it over the first twentieth of the steps "
        "(warm-up) and then stays, or falls to almost 0 along half a cosine; or rises over a "
        "fifth and falls evenly (one cycle): quick at first, fine at the end.",
        keep,
    )
    third.number_input(
        "Patience, in epochs",
        0,
        1000,
        key="setting-patience",
        help="Early stopping: ends after so many epochs without a better validation accuracy; 0 "
        "goes on to the last epoch. Needs the held-out protocol.",
        **keep,
    )


def _against_overfitting(keep: dict[str, Any]) -> None:
    st.pills(
        "Augmentation",
        list(_AUGMENTERS),
        selection_mode="multi",
        key="setting-augmentation",
        format_func=_AUGMENTERS.__getitem__,
        help="Shows each image a little differently every time: mirrored or not; moved by up to "
        "two pixels; turned by up to 15°; sheared, stretched, brighter, coarser and more "
        "(RandAugment); with noise in a rectangle (erase).",
        **keep,
    )
    first, second, third = st.columns(3)
    _choice(
        first,
        "Mixing",
        "mixing",
        _MIXINGS,
        "MixUp adds two images and their labels, each by a weight; CutMix puts a piece of one "
        "image on another, and the labels go by its size.",
        keep,
    )
    second.number_input(
        "Share of batches mixed",
        0.05,
        1.0,
        key="setting-mixing_share",
        step=0.05,
        disabled=st.session_state.get("setting-mixing", "none") == "none",
        **keep,
    )
    third.number_input(
        "Weight decay",
        0.0,
        1.0,
        key="setting-weight_decay",
        format="%.6g",
        step=0.01,
        help="Of AdamW and SGD: pulls weights towards 0. AdamW wants about 0.05, SGD 0.0005.",
        **keep,
    )
    first, second, third = st.columns(3)
    first.number_input(
        "Label smoothing",
        0.0,
        0.9,
        key="setting-label_smoothing",
        step=0.05,
        help="Share of the target that goes to all classes alike, so that the model need not be "
        "ever more certain.",
        **keep,
    )
    second.number_input(
        "Average of weights (EMA)",
        0.0,
        0.9999,
        key="setting-ema",
        format="%.4f",
        step=0.001,
        help="Decay a step of a running average of the weights, which is then what is measured "
        "and kept: 0.999 averages about the last thousand steps; 0 for none.",
        **keep,
    )
    show_samples()
    first, second = st.columns([2, 1])
    titles = _teachers()
    first.multiselect(
        "Teachers",
        list(titles),
        key="setting-teacher",
        format_func=titles.__getitem__,
        placeholder="None: from the labels alone",
        help="Distillation: learns from the probabilities that a finished run gives to the same "
        "images, too. A small network learns more from a better one than from labels alone. Of "
        "several, and of an ensemble's members, one is asked about each batch. Runs that were "
        "trained or chosen by images that the protocol keeps apart are not offered.",
        **keep,
    )
    second.number_input(
        "Their share of the loss",
        0.05,
        1.0,
        key="setting-teacher_share",
        step=0.05,
        disabled=not st.session_state.get("setting-teacher"),
        **keep,
    )


def _teachers() -> dict[str, str]:
    """Ids and names of the runs that can teach; those chosen stay, though they cannot any more."""
    able = [r for r in run_catalog.all_runs() if r.state == "finished" and r.weights_path.exists()]
    names = dict(zip((run.run_id for run in able), unique_names(able), strict=True))
    student = TrainConfig(
        dataset=st.session_state["setting-dataset"],
        protocol=st.session_state["setting-protocol"],
        keep="last",  # which every protocol allows
    )
    fit = [run for run in able if run.config and student.may_learn_from(run.config)]
    titles = {run.run_id: names[run.run_id] for run in fit}
    for run_id in st.session_state.get("setting-teacher", []):
        if run_id not in titles:
            why = "other protocol" if run_id in names else "gone"
            titles[run_id] = f"{names.get(run_id, run_id)} ({why})"
    return titles


def _computing(keep: dict[str, Any]) -> None:
    first, second, third = st.columns(3)
    _choice(
        first,
        "Precision",
        "precision",
        _PRECISIONS,
        "Of the network's sums: 16 bits are quicker where the processor has them.",
        keep,
    )
    _choice(
        second,
        "Views at the end",
        "views",
        _VIEWS,
        "Test-time augmentation: the finished model's accuracy over several views of each test "
        "image is given beside that of the image alone.",
        keep,
    )
    third.number_input(
        "Seed",
        0,
        2**32 - 1,
        key="setting-seed",
        help="The same seed gives the same initial weights, order of images, dropout, "
        "augmentation and drawings.",
        **keep,
    )
    first, second, third = st.columns(3)
    first.number_input("Log the loss every … steps", 1, 10_000, key="setting-log_every", **keep)
    _choice(
        second,
        "Weights to keep",
        "keep",
        _KEEPS,
        "Of the epoch with the best accuracy on the split measured after every epoch, or of the "
        "last, so that no split chooses; under the full protocol always of the last.",
        {**keep, "disabled": st.session_state.get("setting-protocol") == "full"},
    )


def show_samples() -> None:
    """A wall of training images as the model sees them, a row an image."""
    augmentation, mixing = _augmentation(), st.session_state.get("setting-mixing", "none")
    if augmentation == "none" and mixing == "none":
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        wanted = st.toggle("Show what it does", key="show-samples", persist_state="session")
        if not wanted:
            return
        st.button("Others", key="other-samples", icon=":material/refresh:", on_click=_other_samples)
    dataset = layout.load_dataset()
    if dataset is None:
        return
    seed = st.session_state.get("samples-seed", 0)
    wall = cache.augmented(
        dataset, dataset.checksum, augmentation, mixing, images=_SAMPLES, seed=seed
    )
    st.image(
        pictures.contact_sheet(wall, columns=_SAMPLES + 2),
        caption="Training images, the first of each row as it is.",
        alt="Training images beside what augmentation makes of them",
    )


def _other_samples() -> None:
    st.session_state["samples-seed"] = st.session_state.get("samples-seed", 0) + 1
