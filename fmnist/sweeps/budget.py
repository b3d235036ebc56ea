"""How long a sweep goes on: what is spent, and another budget."""

from dataclasses import replace

from fmnist import paths
from fmnist.reports.text import counted, duration
from fmnist.runs import store
from fmnist.runs.run import RunError
from fmnist.sweeps.space import SweepError
from fmnist.sweeps.sweep import Plan, Sweep
from fmnist.sweeps.trials import Trial, Trials


def is_spent(trials: Trials) -> bool:
    """Whether no further trial is to begin, by the budget that the sweep's folder has now."""
    return _is_spent(trials.reread(), *_spent(trials))


def is_done(trials: Trials) -> bool:
    """Whether that is so, and all trials have ended."""
    return is_spent(trials) and all(trial.state != "running" for trial in trials.all())


def _is_spent(plan: Plan, runs: int, seconds: float) -> bool:
    limit = plan.limit()
    if limit is not None and runs >= limit:
        return True
    return plan.minutes is not None and seconds >= 60 * plan.minutes


def _spent(trials: Trials) -> tuple[int, float]:
    """The runs that count, and how long they have trained together in seconds."""
    found = [trial for trial in trials.all() if trial.state != "failed"]
    return len(found), sum(map(_seconds, found))


def _seconds(trial: Trial) -> float:
    if trial.state != "running" or trial.run_id is None:
        return trial.seconds
    try:
        return store.read_files(paths.runs_folder(), trial.run_id).progress.seconds
    except RunError:
        return 0.0


def set_budget(sweep: Sweep, *, runs: int | None = None, minutes: float | None = None) -> Sweep:
    """Give a sweep another budget in place of its own, so that one that has ended can go on.

    Its workers take it over with their next run; a sweep without workers is not started.

    Parameters
    ----------
    sweep : Sweep
    runs : int, optional
        In all, with those that it has.
    minutes : float, optional
        Of training in all.

    Returns
    -------
    Sweep
        With the new plan.

    Raises
    ------
    SweepError
        If the new budget is spent already, or the sweep's chosen run was measured on the test
        images.
    """
    plan = replace(sweep.planned, runs=runs, minutes=minutes)
    plan.check()
    with sweep.lock():
        if sweep.measured_run() is not None:
            raise SweepError(
                f"The chosen run of {sweep.name} was measured on the test images; a better one "
                "could not be. Start a new sweep."
            )
        spent = _spent(Trials(sweep))
        if _is_spent(replace(plan, runs=None, minutes=None), *spent):
            raise SweepError(
                f"All combinations of {sweep.name} have been tried; start a new sweep with more "
                "values."
            )
        if _is_spent(plan, *spent):
            raise SweepError(
                f"{sweep.name} has had {counted(spent[0], 'run')} and {duration(spent[1])} of "
                "training already; give it more than that."
            )
        sweep.write_plan(plan)
    return replace(sweep, plan=plan)
