"""Compare: runs side by side, the settings in which they differ, and tests of their accuracy."""

import streamlit as st

from fmnist.dashboard import layout
from fmnist.dashboard.compare import benchmarks, panels, run_comparison, table

layout.header()
comparison = run_comparison.gather_comparison()
if comparison.entries:
    table.show(comparison)
if len(comparison.measured) < 2:
    with st.container(border=True):
        st.subheader("Two runs are needed to compare", anchor=False)
        st.write("Runs appear here after their first epoch. A quick run takes about a minute.")
        layout.train_link()
else:
    run_comparison.show_controls(comparison)
    panels.show(comparison)
if comparison.entries:
    benchmarks.show()

run_comparison.count_missing_sizes(comparison)
