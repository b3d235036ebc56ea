"""The run of a sweep that is chosen and measured on the test images, once."""

from fmnist import paths
from fmnist.runs import store
from fmnist.runs.run import Run
from fmnist.sweeps.space import SweepError
from fmnist.sweeps.sweep import Sweep
from fmnist.sweeps.trials import Trials, best_trial
from fmnist.training.measuring import check_unmeasured


def choose_run(sweep: Sweep, run_id: str | None = None) -> Run:
    """Choose a run to be measured on the test images; another one can't be chosen any more.

    Choosing by the test images would make the test accuracy optimistic. The choice is therefore
    written down before the run is measured.

    Parameters
    ----------
    sweep : Sweep
    run_id : str, optional
        By default the finished run with the highest validation accuracy, of those that were not
        deleted.

    Raises
    ------
    SweepError
        If the sweep still trains, another run was chosen before, or there is no such run.
    RunError
        If the run was measured before or is not finished.
    """
    with sweep.lock():  # of two who choose at once, one is refused
        return _choose(sweep, run_id)


def _choose(sweep: Sweep, run_id: str | None) -> Run:
    if sweep.workers():
        raise SweepError(f"{sweep.name} is running; its best run may still come.")
    trials, chosen = Trials(sweep).all(), sweep.measured_run()
    if run_id is None:
        kept = store.run_ids(paths.runs_folder())
        best = best_trial([trial for trial in trials if trial.run_id in kept])
        if best is None or best.run_id is None:
            raise SweepError(f"No run of {sweep.name} has finished.")
        run_id = chosen or best.run_id
    elif run_id not in [trial.run_id for trial in trials]:
        raise SweepError(f"{run_id} is no run of {sweep.name}.")
    if chosen is not None and chosen != run_id:
        raise SweepError(
            f"The run {chosen} was chosen before. Measuring a second one would choose by the test "
            "images."
        )
    run = store.open_run(paths.runs_folder(), run_id)
    check_unmeasured(run)
    sweep.write_measured(run_id)
    return run
