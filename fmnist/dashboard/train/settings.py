"""The form of a run's settings: one widget for each field of `TrainConfig`."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import streamlit as st

from fmnist.dashboard import cache, layout, run_catalog
from fmnist.data import fashion_mnist as datasets
from fmnist.models.registry import MODELS
from fmnist.reports.images import contact_sheet
from fmnist.runs import corrections
from fmnist.runs.config import TrainConfig
from fmnist.runs.names import distinct_labels, distinct_names
from fmnist.runs.recipes import effective
from fmnist.runs.setting import NONE, Setting

_COLUMNS: Final = 3
_WIDTHS: Final[Mapping[str, int]] = {"choices": 3, "runs": 2}  # columns, by kind of setting
_SAMPLES: Final = 6  # images in the wall of samples; each once unchanged and seven times changed
_ALWAYS_AT_HAND: Final = "synthetic-garments"


def fill_in(values: Mapping[str, Any]) -> None:
    """Put settings into the widgets before they are drawn; others get their defaults.

    Parameters
    ----------
    values : mapping
        Fields of `TrainConfig`. The data set is always the one at hand.
    """
    config = TrainConfig(**{**values, "dataset": datasets.locate().name})
    for name, setting in TrainConfig.settings().items():
        st.session_state[_key(name)] = _to_widget(setting, getattr(config, name))


def read() -> TrainConfig:
    """The settings in the widgets; those without an effect have their defaults.

    Raises
    ------
    ConfigError
        If no model can be trained with them.
    """
    return effective(vars(_current()))


def form() -> None:
    """Draw the widgets, group by group."""
    groups: dict[str, dict[str, Setting]] = {}
    for name, setting in TrainConfig.settings().items():
        groups.setdefault(setting.group, {})[name] = setting
    current = _current()
    for group, settings in groups.items():
        st.markdown(f"**{group}**")
        for row in _rows(settings):
            widths = [_width(settings[name]) for name in row]
            widths += [1] * (_COLUMNS - sum(widths))
            for name, column in zip(row, st.columns(widths), strict=False):
                _widget(column, name, settings[name], current)
        if "model" in settings:
            st.button(
                "Use the recipe of this model",
                key="own-recipe",
                icon=":material/menu_book:",
                on_click=_use_recipe_of_model,
                help="Fill in the settings that suit the selected model.",
            )
        if "augmentation" in settings:
            _show_samples(current)


def _rows(settings: Mapping[str, Setting]) -> list[list[str]]:
    """Names of the settings, as many in a row as there is room for."""
    rows: list[list[str]] = [[]]
    for name, setting in settings.items():
        if sum(_width(settings[n]) for n in rows[-1]) + _width(setting) > _COLUMNS:
            rows.append([])
        rows[-1].append(name)
    return rows


def _width(setting: Setting) -> int:
    return _WIDTHS.get(setting.kind, 1)


def _widget(column: Any, name: str, setting: Setting, current: SimpleNamespace) -> None:
    about: dict[str, Any] = {
        "key": _key(name),
        "help": _help(name, setting),
        "disabled": not setting.has_effect(current),
        "persist_state": "session",
    }
    titles = {NONE if value is None else value: title for value, title in setting.titles.items()}
    if name == "dataset":
        titles = {n: t for n, t in titles.items() if n in (_ALWAYS_AT_HAND, datasets.locate().name)}
    if setting.kind == "choices":
        column.pills(
            setting.title, list(titles), selection_mode="multi", format_func=titles.__getitem__,
            wrap=True,
            **about,
        )  # fmt: skip
    elif setting.kind == "choice":
        column.selectbox(setting.title, list(titles), format_func=titles.__getitem__, **about)
    elif setting.kind == "runs":
        runs = _teachers(current)
        column.multiselect(
            setting.title, list(runs), format_func=runs.__getitem__, placeholder="None", **about
        )
    elif setting.kind == "checksum":
        known = _corrections(current)
        column.selectbox(setting.title, list(known), format_func=known.__getitem__, **about)
    else:
        _number_input(column, setting, about)


def _number_input(column: Any, setting: Setting, about: dict[str, Any]) -> None:
    assert setting.low is not None and setting.high is not None
    if setting.kind == "integer":
        low: float = int(setting.low)
        high: float = int(setting.high)
    else:
        low = 1e-6 if setting.excludes_low else float(setting.low)
        high = 0.9999 if setting.excludes_high else float(setting.high)
        about |= {"format": "%.6g", "step": setting.step}
    if setting.optional:
        about |= {"value": None, "placeholder": setting.absent}
    column.number_input(setting.title, low, high, **about)


def _help(name: str, setting: Setting) -> str:
    if name == "model":
        return " ".join(f"**{spec.title}**: {spec.summary}" for spec in MODELS.values())
    return f"{setting.help} Used only {setting.when}." if setting.when else setting.help


def _current() -> SimpleNamespace:
    """The values in the widgets, by the names of the settings; they may not go together."""
    defaults = TrainConfig()
    values = {}
    for name, setting in TrainConfig.settings().items():
        shown = st.session_state.get(_key(name), _to_widget(setting, getattr(defaults, name)))
        values[name] = _from_widget(setting, shown)
    return SimpleNamespace(**values)


def _key(name: str) -> str:
    return f"setting-{name}"


def _to_widget(setting: Setting, value: Any) -> Any:
    if setting.kind in ("choices", "runs"):
        return list(value)
    return NONE if setting.kind in ("choice", "checksum") and value is None else value


def _from_widget(setting: Setting, shown: Any) -> Any:
    if setting.kind == "choices":  # in their order, whichever was selected first
        return tuple(value for value in setting.titles if value in shown)
    if setting.kind == "runs":
        return tuple(shown)
    return None if setting.kind in ("choice", "checksum") and shown == NONE else shown


def _use_recipe_of_model() -> None:
    model = st.session_state[_key("model")]
    fill_in({**MODELS[model].recipe, "model": model})


@st.cache_data(show_spinner=False, max_entries=4)
def _known_corrections(files: tuple[tuple[Path, int], ...]) -> dict[str, tuple[str, str]]:  # noqa: ARG001
    """Data set and title of the kept corrections, read again where their files change."""
    return {checksum: (each.dataset, each.title) for checksum, each in corrections.known().items()}


def _corrections(current: SimpleNamespace) -> dict[str, str]:
    """Checksums and titles of the corrections of the data set; a selected one stays."""
    files = sorted(corrections.folder().glob("*.json"))
    known = _known_corrections(tuple((file, file.stat().st_mtime_ns) for file in files))
    titles = {
        checksum: title
        for checksum, (dataset, title) in known.items()
        if dataset == current.dataset
    }
    if current.corrections is not None:
        why = "of another data set" if current.corrections in known else "gone"
        titles.setdefault(current.corrections, f"{current.corrections[:8]} ({why})")
    return {NONE: "None", **distinct_labels(titles)}


def _teachers(current: SimpleNamespace) -> dict[str, str]:
    """Ids and names of the runs that can teach; selected ones stay even if they cannot any more."""
    able = [r for r in run_catalog.all_runs() if r.state == "finished" and r.weights_path.exists()]
    names = distinct_names(able)
    # every protocol allows the last epoch
    student = TrainConfig(dataset=current.dataset, protocol=current.protocol, checkpoint="last")
    fit = [run for run in able if run.config and student.may_learn_from(run.config)]
    titles = {run.run_id: names[run.run_id] for run in fit}
    for run_id in current.teachers:
        if run_id not in titles:
            why = "other protocol" if run_id in names else "gone"
            titles[run_id] = f"{names.get(run_id, run_id)} ({why})"
    return distinct_labels(titles)


def _show_samples(current: SimpleNamespace) -> None:
    """A wall of training images as the model sees them, one row per image."""
    if not current.augmentation and current.batch_mix is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        wanted = st.toggle("Show examples", key="show-samples", persist_state="session")
        if not wanted:
            return
        st.button(
            "Shuffle", key="other-samples", icon=":material/shuffle:", on_click=_shuffle_samples
        )
    dataset = layout.load_dataset()
    if dataset is None:
        return
    wall = cache.augmented(
        dataset,
        dataset.checksum,
        current.augmentation,
        current.batch_mix,
        shift_pixels=current.shift_pixels,
        cutout_side=current.cutout_side,
        images=_SAMPLES,
        seed=st.session_state.get("samples-seed", 0),
    )
    st.image(
        contact_sheet(wall, columns=_SAMPLES + 2),
        caption="Training images; the first of each row is unchanged.",
        alt="Training images beside the results of augmentation",
    )


def _shuffle_samples() -> None:
    st.session_state["samples-seed"] = st.session_state.get("samples-seed", 0) + 1
