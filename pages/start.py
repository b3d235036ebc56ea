"""Start: links to the other pages, and the open run at a glance."""

from fmnist.dashboard import failures, layout, run_catalog, session, snapshots
from fmnist.dashboard.start import links, overview

layout.header()
links.show_links()

run = run_catalog.run_or_none(session.selection().run)
if run is None:
    layout.no_model_yet("Train one to see its accuracy and its misclassified images.")
    session.end_page()
try:
    snapshot = snapshots.load_snapshot(run, None, None)
except failures.EXPECTED as error:
    layout.broken_evaluation(error)
    session.end_page()
overview.show(run, snapshot)
