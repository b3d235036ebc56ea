"""A new sweep: which settings, which values, how long."""

from collections.abc import Mapping
from typing import Any, Final, cast

import streamlit as st

from fmnist.dashboard import failures, notices, run_catalog, session
from fmnist.dashboard.sweeps.gathering import workers
from fmnist.dashboard.train import settings
from fmnist.dashboard.train.launch import PRESETS
from fmnist.models.registry import describe
from fmnist.notices.notice import key_of_sweep
from fmnist.reports.text import counted, duration
from fmnist.runs.config import ConfigError, TrainConfig
from fmnist.runs.setting import Setting, format_value
from fmnist.sweeps.space import Options, Range, Search, searchable, sets_of
from fmnist.sweeps.sweep import PRUNERS, SAMPLERS, Plan, PrunerName, SamplerName, make_sweep
from fmnist.training.estimate import estimate_seconds

ERROR: Final = "sweep-error"
_DEFAULT: Final = ("learning_rate",)
_RUNS: Final = 10
_MINUTES: Final = 10.0
_BUDGETS: Final = ("Runs", "Minutes")


def show() -> None:
    """The form, and the button that starts the sweep."""
    try:
        base = _base()
    except ConfigError as error:
        failures.tell(f"The settings of the Train page go together with no model: {error}")
        st.page_link("pages/train.py", label="Change them", icon=":material/model_training:")
        return
    optimizer = TrainConfig.settings()["optimizer"].in_words(base.optimizer)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(
            f"All other settings are those of the Train page: **{describe(base.model).title}**, "
            f"{counted(base.epochs, 'epoch')}, optimizer {optimizer}.",
            width="content",
        )
        st.page_link("pages/train.py", label="Change them", icon=":material/model_training:")
    known = searchable()
    names: list[str] = st.multiselect(
        "Settings to try",
        list(known),
        default=_DEFAULT,
        key="sweep-settings",
        format_func=lambda name: known[name].title,
        placeholder="Choose settings",
        persist_state="session",
    )
    space = {name: _search(name, known[name], getattr(base, name)) for name in names}
    plan = _plan(base, space)
    _show_time(plan)
    st.button(
        "Start sweep", key="sweep-start", type="primary", icon=":material/play_arrow:",
        on_click=_start, args=(plan,), disabled=not names,
    )  # fmt: skip
    problem = st.session_state.pop(ERROR, None)
    if problem:
        failures.tell(problem)


def _base() -> TrainConfig:
    if "setting-model" not in st.session_state:
        settings.fill_in(PRESETS["Quick run"])
    return settings.read()


def _search(name: str, setting: Setting, current: Any) -> Search:
    """The values of one setting, as the person chooses."""
    if setting.kind not in ("integer", "number"):
        return _options(name, setting, current)
    low, high = _default_range(setting, current)
    about: dict[str, Any] = {"persist_state": "session"}
    if setting.kind == "integer":
        ends: tuple[float, float] = (int(setting.low or 0), int(setting.high or 0))
    else:
        ends = (1e-6 if setting.excludes_low else float(setting.low or 0), float(setting.high or 0))
        about |= {"format": "%.6g", "step": setting.step}
    first, second, third = st.columns([2, 2, 1], vertical_alignment="bottom")
    lowest = first.number_input(
        f"{setting.title}, from", *ends, low, key=f"sweep-low-{name}", help=setting.help, **about
    )
    highest = second.number_input("to", *ends, high, key=f"sweep-high-{name}", **about)
    is_log = third.toggle(
        "Log", low > 0 and high >= 10 * low, key=f"sweep-log-{name}", persist_state="session",
        help="Equal shares of each power of ten, for settings that range over several.",
    )  # fmt: skip
    return Range(lowest, highest, is_log)


def _default_range(setting: Setting, current: float | None) -> tuple[float, float]:
    """A range around the value of now."""
    assert setting.low is not None and setting.high is not None
    whole = setting.kind == "integer"
    if not current:
        low = max(setting.low, 1e-6 if setting.excludes_low else setting.low)
        high = low + (setting.high - low) / 10
    else:
        factor = 2 if whole else 10
        low = max(current / factor, setting.low + (1e-6 if setting.excludes_low else 0))
        high = min(current * factor, setting.high - (1e-4 if setting.excludes_high else 0))
    if whole:
        low = max(int(low), int(setting.low))
        return low, max(low + 1, int(high))
    return float(low), float(high)


def _options(name: str, setting: Setting, current: Any) -> Options:
    values = sets_of(setting, current) if setting.kind == "choices" else list(setting.titles)
    by_word = {format_value(value): value for value in values}
    start = [format_value(value) for value in values[:2]]
    chosen = st.multiselect(
        setting.title, list(by_word), default=start, key=f"sweep-values-{name}",
        format_func=lambda word: setting.in_words(by_word[word]), help=setting.help,
        placeholder="Choose at least two", persist_state="session",
    )  # fmt: skip
    return Options(tuple(by_word[word] for word in chosen))


def _plan(base: TrainConfig, space: Mapping[str, Search]) -> Plan:
    """Budget, sampler and pruner, as the person chooses."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="sweep-controls"):
        unit = st.segmented_control(
            "Budget", _BUDGETS, default=_BUDGETS[0], key="sweep-budget", required=True,
            width="content", persist_state="session",
            help="Minutes: no further run starts once the runs have trained for so long together.",
        )  # fmt: skip
        runs: int | None = None
        minutes: float | None = None
        if unit == "Runs":
            runs = st.number_input(
                "Runs", 1, 10_000, _RUNS, key="sweep-runs", width=130, persist_state="session"
            )
        else:
            minutes = st.number_input(
                "Minutes", 1.0, 1e5, _MINUTES, key="sweep-minutes", width=130,
                persist_state="session",
            )  # fmt: skip
        sampler = st.selectbox(
            "Sampler", list(SAMPLERS), key="sweep-sampler", format_func=SAMPLERS.__getitem__,
            width=300, persist_state="session",
            help="How the next values are chosen. TPE: a tree-structured Parzen estimator models "
            "which values were good (Bergstra et al. 2011).",
        )  # fmt: skip
        pruner = st.selectbox(
            "Pruning", list(PRUNERS), key="sweep-pruner",
            format_func=PRUNERS.__getitem__, width=300, persist_state="session",
            help="Ends a run early by its validation accuracy. Median: of the finished runs at the "
            "same epoch, from the second on, once three have finished. Successive halving: Li et "
            "al. 2020.",
        )  # fmt: skip
        st.text_input("Name (optional)", key="sweep-name", max_chars=80, width=180)
    return Plan(
        base, dict(space), cast(SamplerName, sampler), cast(PrunerName, pruner), runs, minutes
    )


def _show_time(plan: Plan) -> None:
    """How long the runs take, if earlier ones tell."""
    seconds = estimate_seconds(plan.base, run_catalog.own_runs())
    if plan.runs is not None and seconds is not None:
        st.caption(
            f"About {duration(seconds * plan.runs)} on this computer, estimated from your earlier "
            "runs; less with pruning. One run after the other, in the background."
        )
    else:
        st.caption("One run after the other, in the background: you can leave this page.")


def _start(plan: Plan) -> None:
    """Make the sweep and begin with it; a double click makes one."""
    with failures.kept(ERROR), session.once("sweep", repr(plan)) as is_first:
        if not is_first:
            return
        notices.hand_over()  # fails early: before there is a sweep
        sweep = make_sweep(plan, name=st.session_state.get("sweep-name", ""))
        notices.hand_over(key_of_sweep(sweep.sweep_id))
        workers().start(sweep)
        st.session_state["sweep-name"] = ""
        st.session_state["sweep-new"] = False
        session.change(sweep=sweep.sweep_id)
