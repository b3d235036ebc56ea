"""The run that the Export page is about."""

from fmnist.dashboard import layout, run_catalog, session
from fmnist.runs.run import Run


def gather_run() -> Run:
    """The open run, which can be read; each section says what else it needs of it.

    Where there is none, writes the reason on the page and ends the script.
    """
    run = run_catalog.run_or_none(session.selection().run)
    if run is None:
        layout.no_model_yet("Train a model to export it.")
        session.end_page()
    if run.config is None or run.state == "broken":
        layout.broken_run(run)
        session.end_page()
    return run
