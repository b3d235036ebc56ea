"""The benchmark tables of the Compare page, from the runs on this machine."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd
import streamlit as st

from fmnist.dashboard import cache
from fmnist.dashboard.compare.run_comparison import choose, gather_comparison
from fmnist.reports import benchmarks as bench

_TITLES: Final[Mapping[bench.TableName, str]] = {
    "models": "Models",
    "ablation": "Ablation of FashionCNN",
    "precision": "Precision",
    "ingredients": "Ingredients",
    "strong": "Strong model",
}
_CAPTIONS: Final[Mapping[bench.TableName, str]] = {
    "models": "Each model with its own recipe, FashionCNN with the original one.",
    "ablation": "The original recipe without one of its parts at a time, in bfloat16.",
    "precision": "FashionCNN with the original recipe for 3 epochs, in float32 and bfloat16.",
    "ingredients": "The Compact ResidualNet in 10 epochs, with one setting changed at a time.",
    "strong": "All runs on the way to the strong and the small model, compared on validation.",
}


def show() -> None:
    """One table at a time; selecting a row adds its runs to the comparison."""
    with st.container(border=True, key="bench"):
        st.subheader("Benchmark tables", anchor=False)
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
        results = cache.bench_results(table)
        if not results:
            st.info(
                f"This table has no finished runs. `{bench.COMMAND} {table}` trains them.",
                icon=":material/table_rows:",
            )
            return
        has_reported = any(result.row.reported_accuracy is not None for result in results)
        has_lessons = any(result.lesson for result in results)
        rows = [_row(result, has_reported, has_lessons) for result in results]
        st.dataframe(
            pd.DataFrame(rows),
            key=f"bench-rows-{table}",
            hide_index=True,
            placeholder="–",
            on_select=lambda: _choose(table, results),
            selection_mode="single-row",
            height=38 + 35 * len(rows),
            column_config={
                "Row": st.column_config.TextColumn(pinned=True, width=240),
                "Reported %": st.column_config.NumberColumn(
                    format="%.2f",
                    help="Test accuracy in the first table of this project. Its runs are not "
                    "available; it may be the best epoch on the test images.",
                ),
                "Test %": st.column_config.NumberColumn(
                    format="%.2f", help="The mean if there are several runs."
                ),
                "Validation %": st.column_config.NumberColumn(format="%.2f"),
                "± points": st.column_config.NumberColumn(
                    format="%.2f", help="Standard error for 10,000 test images."
                ),
                "Parameters": st.column_config.NumberColumn(format="localized"),
                "Multiply-adds": st.column_config.NumberColumn(format="compact"),
                "Minutes": st.column_config.NumberColumn(format="%.1f"),
            },
            alt=f"{_TITLES[table]}: accuracy, size and time; select a row to compare its runs",
        )
        st.caption(
            f"{_CAPTIONS[table]} Select a row to compare its runs. "
            f"`{bench.COMMAND} {table}` trains the missing runs."
        )


def _row(result: bench.RowResult, has_reported: bool, has_lessons: bool) -> dict[str, Any]:
    def percent(value: float | None) -> float | None:
        return None if value is None else 100 * value

    row = {
        "Row": result.row.title,
        "Reported %": percent(result.row.reported_accuracy),
        "Test %": percent(result.accuracy),
        "± points": percent(result.standard_error),
        "Compared with reported": result.comparison or None,
        "Finding": result.lesson or None,
        "Runs": len(result.accuracies),
        "Validation %": percent(result.validation_accuracy),
        "Range": bench.accuracy_range(result) or None,
        "Parameters": result.size.parameters if result.size else None,
        "Multiply-adds": result.size.multiply_adds if result.size else None,
        "Epochs": result.row.epochs,
        "Minutes": result.minutes,
        "Protocol": result.row.config.protocol.capitalize(),
    }
    if not has_reported:
        del row["Reported %"], row["Compared with reported"]
    if not has_lessons:
        del row["Finding"]
    return row


def _choose(table: bench.TableName, results: Sequence[bench.RowResult]) -> None:
    """Compare the runs of the selected row with the others."""
    chosen = st.session_state[f"bench-rows-{table}"].selection.rows
    if chosen:
        choose(dict.fromkeys([*results[chosen[0]].run_ids, *gather_comparison().ids]))
