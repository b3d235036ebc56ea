"""The section with the report of the run."""

import streamlit as st

from fmnist.dashboard import failures, report_button
from fmnist.runs.run import Run
from fmnist.text import plain


def show(run: Run) -> None:
    """What a report is, and the button that writes it."""
    from fmnist.reports.run_report import shown_predictions

    with st.container(border=True, key="export-report"):
        st.subheader("Report", anchor=False)
        st.markdown(
            f"**{plain(run.name)}** as one HTML file to read, send and print: curves, confusion "
            "matrix, classes, calibration, the most confident errors with their pixels, settings "
            "and model card. It opens without network."
        )
        with failures.shown():
            shown_predictions(run)  # a damaged file is told here, not by the button
            report_button.show(
                [run], "Download the report", help="Written in a few seconds, when you press it."
            )
            st.code(f"python -m fmnist report {run.run_id}", language="shell")
