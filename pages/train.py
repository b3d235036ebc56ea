"""Train: start a run, watch it, and manage past runs."""

import streamlit as st

from fmnist.dashboard import failures, layout, run_catalog, session
from fmnist.dashboard.sweeps import origin
from fmnist.dashboard.train import drawings, launch, run_panel, run_table
from fmnist.runs.run import ACTIVE_STATES
from fmnist.text import plain

# every poll takes its share of the processor from the training it watches
PROGRESS_SECONDS = 2.0
CURVES_SECONDS = 4.0

layout.header()
launch.launch_bar()
run_panel.lost_runs()

opened = run_catalog.run_or_none(session.selection().run)
active = next((run for run in run_catalog.own_runs() if run.state == "running"), None)
if active and (opened is None or opened.run_id != active.run_id):
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/play_arrow: **{plain(active.name)}** is training.", width="content")
        st.button("Watch", key="watch", on_click=session.select_run, args=(active.run_id,))

if opened is not None:
    live = opened.state in ACTIVE_STATES
    with run_panel.stage(opened.run_id):
        failures.fragment(run_panel.show_progress, run_every=PROGRESS_SECONDS if live else None)(
            opened.run_id, opened.state
        )
        if opened.members:
            run_panel.show_members(opened)
        else:
            for part in (run_panel.show_curves, drawings.show):
                failures.fragment(part, run_every=CURVES_SECONDS if live else None)(opened.run_id)
        with failures.shown():
            origin.show(opened)
            run_panel.show_seeds(opened)
        run_panel.run_details(opened)

run_table.past_runs(opened)
launch.show_architecture(st.session_state.get("setting-model", "fashion-cnn"))
