"""Selective prediction: accuracy and coverage if uncertain images are rejected."""

import pandas as pd
import streamlit as st

from fmnist.dashboard import session
from fmnist.dashboard.context import PageContext
from fmnist.dashboard.snapshots import Snapshot
from fmnist.data.labels import CLASS_NAMES, NUM_CLASSES
from fmnist.evaluation import calibration
from fmnist.evaluation.calibration import RiskCoverage, SelectiveResult
from fmnist.reports import charts, glossary
from fmnist.reports.text import percent


def show_selective_prediction(context: PageContext) -> None:
    """Coverage and accuracy at a confidence threshold, overall and by class."""
    evaluation = context.snapshot.evaluation
    threshold = (
        st.slider(
            "Confidence threshold",
            0,
            100,
            90,
            key="threshold",
            format="%d%%",
            persist_state="session",
            help="Predictions below this confidence are rejected.",
        )
        / 100
    )
    result = calibration.selective_prediction(evaluation.confidence, evaluation.correct, threshold)
    show_figures(result)
    left, right = st.columns(2, gap="medium")
    with left:
        show_curve(context, threshold)
    with right:
        show_by_class(context, threshold)
        with st.container(horizontal=True):
            _show_button("accepted", result.errors_kept, (threshold, 1.0))
            _show_button("rejected", result.errors_avoided, (0.0, threshold))


def show_figures(result: SelectiveResult) -> None:
    """Coverage, accuracy and counts at the threshold."""
    with st.container(horizontal=True, key="selective-figures"):
        for label, text, explanation in (
            ("Coverage", percent(result.coverage), glossary.short("selective_prediction")),
            ("Accuracy of accepted", percent(result.accuracy), None),
            ("Misclassified, accepted", f"{result.errors_kept:,}", None),
            ("Misclassified, rejected", f"{result.errors_avoided:,}", None),
            ("Correct, rejected", f"{result.correct_lost:,}", None),
        ):
            st.metric(label, text, width="content", help=explanation)


def show_curve(context: PageContext, threshold: float) -> None:
    """The risk-coverage curve, with the threshold marked."""
    curve = risk_coverage(context.snapshot)
    st.plotly_chart(
        charts.risk_coverage_curve(curve, threshold=threshold),
        key="risk-coverage",
        config={"displayModeBar": False},
        alt="Risk-coverage curve with the selected threshold",
    )
    st.caption(
        f"Area under the curve (AURC): {curve.area:.4f}, lower is better. If every misclassified "
        f"image had lower confidence than every correct one, it would be {curve.optimal_area:.4f}. "
        f"All {len(context.snapshot.evaluation.labels):,} {context.split} images."
    )


def show_by_class(context: PageContext, threshold: float) -> None:
    """Coverage and accuracy of each class at the threshold."""
    evaluation = context.snapshot.evaluation
    by_class = calibration.selective_prediction_by_class(
        evaluation.confidence, evaluation.correct, evaluation.labels, threshold
    )
    st.dataframe(
        pd.DataFrame(
            {
                "True class": CLASS_NAMES,
                "Coverage": [100 * part.coverage for part in by_class],
                "Accuracy": [100 * part.accuracy for part in by_class],
                "Misclassified": [part.errors_kept for part in by_class],
                "Rejected": [part.errors_avoided for part in by_class],
            }
        ),
        hide_index=True,
        height=38 + 35 * NUM_CLASSES,
        column_config={
            name: st.column_config.NumberColumn(format="%.1f%%", width=74)
            for name in ("Coverage", "Accuracy")
        }
        | {
            "True class": st.column_config.Column(width=82),
            "Misclassified": st.column_config.NumberColumn(
                width=98, help="Misclassified images among the accepted ones."
            ),
            "Rejected": st.column_config.NumberColumn(
                width=70, help="Misclassified images that are rejected."
            ),
        },
        alt="Coverage and accuracy of each class at the threshold",
    )


def _show_button(title: str, count: int, confidence: tuple[float, float]) -> None:
    st.button(
        f"Show {count:,} misclassified, {title}",
        key=f"show-{title}",
        disabled=count == 0 or confidence[0] >= confidence[1],
        on_click=lambda: session.set_filters(confidence=confidence, correctness="wrong"),
    )


@st.cache_resource(show_spinner=False, max_entries=16)
def _risk_coverage(_snapshot: Snapshot, key: tuple[object, ...]) -> RiskCoverage:  # noqa: ARG001
    evaluation = _snapshot.evaluation
    return calibration.risk_coverage(evaluation.confidence, evaluation.correct)


def risk_coverage(snapshot: Snapshot) -> RiskCoverage:
    """The risk-coverage curve of a snapshot."""
    return _risk_coverage(snapshot, snapshot.key)
