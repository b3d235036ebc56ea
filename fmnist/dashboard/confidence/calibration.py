"""Calibration: the reliability diagram, its bins, and temperature scaling."""

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from fmnist.dashboard import failures, session, snapshots
from fmnist.dashboard.confidence.histograms import selected_bars
from fmnist.dashboard.context import PageContext
from fmnist.dashboard.snapshots import Snapshot
from fmnist.errors import sentence
from fmnist.evaluation import calibration, metrics
from fmnist.evaluation.predictions import Evaluation
from fmnist.reports import charts, glossary
from fmnist.runs.run import ACTIVE_STATES
from fmnist.runs.temperature import Temperature, load_temperature, save_temperature


@dataclass(frozen=True)
class Fit:
    """A temperature and the data it was fitted to.

    Attributes
    ----------
    temperature : Temperature
    images : int
        Number of validation images.
    """

    temperature: Temperature
    images: int


@st.cache_data(show_spinner="Fitting the temperature…", max_entries=32)
def _fit(_validation: Evaluation, epoch: int, key: tuple[object, ...]) -> Temperature:  # noqa: ARG001
    value = calibration.fit_temperature(_validation.logits, _validation.labels)
    return Temperature(
        value,
        epoch,
        metrics.cross_entropy(_validation.logits, _validation.labels),
        metrics.cross_entropy(_validation.logits, _validation.labels, temperature=value),
    )


def validation_of(context: PageContext) -> Snapshot | None:
    """What the weights on screen predict for the validation images; None without them."""
    found = snapshots.load_snapshot(context.run, "validation", context.selection.epoch)
    if found is None or found.evaluation.split != "validation" or found.epoch is None:
        return None
    return found if found.epoch == context.snapshot.epoch else None


def fit(context: PageContext) -> Fit | None:
    """Fit the temperature of the weights on screen; None without a validation split."""
    view = validation_of(context)
    if view is None or view.epoch is None:
        return None
    evaluation = view.evaluation
    return Fit(_fit(evaluation, view.epoch, view.key), len(evaluation.labels))


@dataclass(frozen=True)
class Binning:
    """The bins of the reliability diagram.

    Attributes
    ----------
    bins : int
    strategy : {"uniform", "quantile"}
        Bins of equal width, or of equally many images.
    """

    bins: int
    strategy: calibration.Strategy


def _reliability(
    evaluation: Evaluation, temperature: float, binning: Binning
) -> calibration.Reliability:
    probabilities = metrics.softmax(evaluation.logits, temperature=temperature)
    return calibration.reliability(
        probabilities.max(axis=1),
        evaluation.correct,
        bins=binning.bins,
        strategy=binning.strategy,
    )


def _figures(evaluation: Evaluation, temperature: float, binning: Binning) -> list[float]:
    reliability = _reliability(evaluation, temperature, binning)
    probabilities = metrics.softmax(evaluation.logits, temperature=temperature)
    return [
        100 * reliability.ece,
        100 * reliability.mce,
        metrics.cross_entropy(evaluation.logits, evaluation.labels, temperature=temperature),
        calibration.brier_score(probabilities, evaluation.labels),
    ]


def _controls() -> Binning:
    with st.container(horizontal=True, vertical_alignment="bottom", key="calibration-controls"):
        bins = st.slider("Bins", 5, 30, 15, key="bins", width=240, persist_state="session")
        widths = st.segmented_control(
            "Binning",
            ["Equal width", "Equal count"],
            default="Equal width",
            key="bin-strategy",
            required=True,
            width="content",
            persist_state="session",
        )
    return Binning(bins, "uniform" if widths == "Equal width" else "quantile")


def show_calibration(context: PageContext) -> None:
    """Reliability diagram, calibration errors, and the temperature that reduces them."""
    binning = _controls()
    fitted = fit(context)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        show_diagram(context, binning, fitted)
    with right:
        show_errors(context, binning, fitted)


def show_diagram(context: PageContext, binning: Binning, fitted: Fit | None) -> None:
    """The reliability diagram, at the temperature in use and at the other one."""
    evaluation = context.snapshot.evaluation
    names, other = (f"Temperature {evaluation.temperature:.2f}", ""), None
    if fitted is not None:
        temperature = fitted.temperature.value if evaluation.temperature == 1.0 else 1.0
        names = (names[0], f"Temperature {temperature:.2f}")
        other = _reliability(evaluation, temperature, binning)
    key = f"reliability-{binning.bins}-{binning.strategy}-{context.selection.confidence}"
    st.plotly_chart(
        charts.reliability_diagram(
            _reliability(evaluation, evaluation.temperature, binning),
            other,
            names=names,
            chosen=context.selection.confidence,
        ),
        key=key,
        config={"displayModeBar": False},
        on_select=lambda: filter_by_bin(key),
        selection_mode="points",
        alt="Reliability diagram: accuracy against confidence in bins, with images per bin",
    )


def show_errors(context: PageContext, binning: Binning, fitted: Fit | None) -> None:
    """Calibration errors before and after the temperature, and what they mean."""
    evaluation = context.snapshot.evaluation
    columns = {"Temperature 1": _figures(evaluation, 1.0, binning)}
    if fitted is not None:
        value = fitted.temperature.value
        columns[f"Temperature {value:.2f}"] = _figures(evaluation, value, binning)
    index = ["ECE (%)", "MCE (%)", "NLL (nats)", "Brier"]
    st.dataframe(
        pd.DataFrame(columns, index=index).round(4),
        alt="Calibration errors before and after the temperature",
    )
    explain_temperature(context, fitted)
    meanings = "\n".join(
        f"- **{glossary.TERMS[name].title}**: {glossary.short(name)}"
        for name in ("ece", "mce", "nll", "brier")
    )
    st.caption(
        f"Lower is better. All {len(evaluation.labels):,} {context.split} images. Click a bar to "
        "see its images.",
        help=meanings,
    )


def filter_by_bin(key: str) -> None:
    """Filter by the bin that was clicked."""
    points = [point for point in selected_bars(key) if point.get("customdata")]
    if points:
        low, high = (float(edge) for edge in points[0]["customdata"][:2])
        session.set_filters(confidence=(low, high), correctness="all", true=(), predicted=())


def explain_temperature(context: PageContext, fitted: Fit | None) -> None:
    """How the temperature was fitted, and buttons to save or remove it."""
    if fitted is None:
        st.info(
            "No temperature can be fitted: these weights were not evaluated on validation images.",
            icon=":material/thermostat:",
        )
        return
    value = fitted.temperature.value
    st.markdown(
        f":material/thermostat: **Temperature {value:.3f}**, fitted on the {fitted.images:,} "
        "validation images (Guo et al. 2017)"
        + (
            ". The test images were not used."
            if context.split == "test"
            else ", which are the images shown here. Judge the gain on the test split."
        )
        + (" Above 1: the model is overconfident." if value > 1 else "")
    )
    saved = load_temperature(context.run)
    if saved is not None:
        st.button(
            "Remove the saved temperature",
            key=f"temperature-remove-{context.run.run_id}",
            icon=":material/undo:",
            on_click=save,
            args=(context, None),
        )
        st.caption(
            f"Saved with the run: {saved.value:.3f}. The model divides its logits by it on all "
            "pages, in Python and on the command line."
        )
    elif context.snapshot.is_selected and context.run.state not in ACTIVE_STATES:
        st.button(
            "Save with the run",
            key=f"temperature-save-{context.run.run_id}",
            icon=":material/save:",
            on_click=save,
            args=(context, fitted.temperature),
            help="The model then uses it on all pages, in Python and on the command line. The "
            "predictions stay the same; only the confidence changes.",
        )
    else:
        st.caption("The temperature can be saved when the run has ended, for the best epoch.")
    error = st.session_state.pop("temperature-error", None)
    if error:
        failures.tell(error)


def save(context: PageContext, temperature: Temperature | None) -> None:
    """Save a temperature with the run; None removes it."""
    try:
        save_temperature(context.run, temperature)
    except OSError as error:
        st.session_state["temperature-error"] = sentence(
            error, "The temperature could not be saved"
        )
        return
    # a range selects other images at another temperature
    session.set_filters(confidence=None, margin=None, entropy=None)
