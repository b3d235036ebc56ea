"""Compare: runs side by side, what sets them apart, and whether one is better."""

import streamlit as st

from fmnist.dashboard import layout
from fmnist.dashboard.compare import benchmarks as compare_bench
from fmnist.dashboard.compare import panels as compare_panels
from fmnist.dashboard.compare import run_comparison as compared
from fmnist.dashboard.compare import table as compare_table

layout.header()
here = compared.current()
if here.entries:
    compare_table.show(here)
if len(here.measured) < 2:
    with st.container(border=True):
        st.subheader("Comparing takes two runs", anchor=False)
        st.write("They appear here after their first epoch. A quick look takes about a minute.")
        st.page_link("pages/train.py", label="Train a network", icon=":material/play_arrow:")
else:
    compared.controls(here)
    compare_panels.show(here)
if here.entries:
    compare_bench.show()

compared.count_what_is_missing(here)
