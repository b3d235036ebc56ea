"""The Compare page's tables of the benchmark, from the runs that there are."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd
import streamlit as st

from fmnist.dashboard import cache
from fmnist.dashboard.compare import run_comparison as compared
from fmnist.reports import benchmarks as bench

_TITLES: Final[Mapping[bench.TableName, str]] = {
    "models": "Models",
    "ablation": "Ablation of FashionCNN",
    "precision": "Precision",
    "ingredients": "Ingredients",
    "strong": "Towards the strong model",
}
_CAPTIONS: Final[Mapping[bench.TableName, str]] = {
    "models": "Each model by its own recipe, FashionCNN by the original's.",
    "ablation": "The original recipe with one thing left out at a time, computed in 16 bits.",
    "precision": "FashionCNN by the original recipe, cut to 3 epochs, in 32 and in 16 bits.",
    "ingredients": "The Compact ResidualNet in 10 epochs, with one thing done otherwise at a time.",
    "strong": "Every run made towards the strong and the small model, compared on validation.",
}


def show() -> None:
    """One table at a time; its rows put their runs side by side."""
    with st.container(border=True, key="bench"):
        st.subheader("Tables of the benchmark", anchor=False)
        table: bench.TableName = st.segmented_control(
            "Table",
            list(_TITLES),
            default="models",
            required=True,
            key="bench-table",
            format_func=_TITLES.__getitem__,
            label_visibility="collapsed",
            persist_state="session",
        )
        lines = cache.bench_records(table)
        has_claims = any(line["claimed"] for line in lines)
        has_lessons = any(line["lesson"] for line in lines)
        rows = [_row(line, has_claims, has_lessons) for line in lines]
        st.dataframe(
            pd.DataFrame(rows),
            key=f"bench-rows-{table}",
            hide_index=True,
            placeholder="–",
            on_select=lambda: _choose(table, lines),
            selection_mode="single-row",
            height=38 + 35 * len(rows),
            column_config={
                "Row": st.column_config.TextColumn(pinned=True, width=240),
                "First table %": st.column_config.NumberColumn(
                    format="%.2f",
                    help="The figure of the project's first table, whose runs are not at hand; it "
                    "may be the best epoch on the test images.",
                ),
                "Test %": st.column_config.NumberColumn(
                    format="%.2f", help="The mean where there are several runs."
                ),
                "Validation %": st.column_config.NumberColumn(format="%.2f"),
                "± points": st.column_config.NumberColumn(
                    format="%.2f", help="Standard error for 10,000 test images."
                ),
                "Parameters": st.column_config.NumberColumn(format="localized"),
                "Multiply-adds": st.column_config.NumberColumn(format="compact"),
                "Minutes": st.column_config.NumberColumn(format="%.1f"),
            },
            alt=f"{_TITLES[table]}: accuracy, size and time; choose a row to compare its runs",
        )
        missing = sum(not line["run_ids"] for line in lines)
        st.caption(
            f"{_CAPTIONS[table]} Choose a row to put its runs side by side. "
            + (f"{missing} of {len(lines)} rows are not run yet. " if missing else "")
            + f"`{bench.COMMAND} {table}` trains what is missing."
        )


def _row(line: Mapping[str, Any], has_claims: bool, has_lessons: bool) -> dict[str, Any]:
    def percent(value: float | None) -> float | None:
        return None if value is None else 100 * value

    several = line["seeds"] > 1
    row = {
        "Row": line["title"],
        "First table %": percent(line["claimed"]),
        "Test %": percent(line["accuracy"]),
        "± points": percent(line["error"]),
        "Verdict": line["verdict"],
        "What was learned": line["lesson"],
        "Runs": line["seeds"],
        "Validation %": percent(line["validation"]),
        "Range %": f"{100 * line['low']:.2f} to {100 * line['high']:.2f}" if several else None,
        "Parameters": line["parameters"],
        "Multiply-adds": line["multiply_adds"],
        "Epochs": line["epochs"],
        "Minutes": line["minutes"],
        "Protocol": line["protocol"].capitalize(),
    }
    if not has_claims:
        del row["First table %"], row["Verdict"]
    if not has_lessons:
        del row["What was learned"]
    return row


def _choose(table: bench.TableName, lines: Sequence[Mapping[str, Any]]) -> None:
    """Put the runs of the chosen row beside the others."""
    chosen = st.session_state[f"bench-rows-{table}"].selection.rows
    if not chosen:
        return
    run_ids = lines[chosen[0]]["run_ids"]
    if not run_ids:
        st.toast("This row is not run yet.", icon=":material/hourglass_empty:")
        return
    compared.choose(dict.fromkeys([*run_ids, *compared.current().ids]))
