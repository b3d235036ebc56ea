"""The journal of a sweep: what is tried next, what survives a crash, what is pruned."""

from dataclasses import replace
from math import log10
from statistics import median

import pytest

from fmnist.runs.history import EpochEntry
from fmnist.sweeps.budget import is_done, set_budget
from fmnist.sweeps.measuring import choose_run
from fmnist.sweeps.space import Options, Range, SweepError
from fmnist.sweeps.sweep import Plan, Sweep, delete_sweep, list_sweeps, make_sweep, open_sweep
from fmnist.sweeps.trials import Trials, best_trial
from fmnist.training.errors import TrainingError
from tests.sweeps.fake import BASE

PLAN = Plan(
    BASE, {"learning_rate": Range(1e-4, 0.1, True), "optimizer": Options(("adam", "sgd"))}, runs=8
)


def epoch(number: int, accuracy: float) -> EpochEntry:
    return EpochEntry(number, number, 1.0, 0.5, "validation", 1.0, accuracy, 1.0, 1.0)


def try_all(trials: Trials, count: int) -> list[dict[str, object]]:
    """Begin and finish some trials; what they tried."""
    tried = []
    for _ in range(count):
        trial = trials.begin()
        tried.append(dict(trial.params))
        trials.end(trial.number, "finished", value=0.5 + trial.number / 100)
    return tried


def test_a_sweep_comes_back_as_it_was_made() -> None:
    plan = replace(
        PLAN,
        space=dict(PLAN.space)
        | {"augmentation": Options(((), ("flip",))), "batch_mix": Options((None, "mixup"))},
        runs=None, minutes=2.5, sampler="random", pruner="none", seed=3,
    )  # fmt: skip
    made = make_sweep(plan, name="Mine")
    assert open_sweep(made.sweep_id) == made
    assert list_sweeps() == [made]
    assert make_sweep(PLAN).name == "Learning rate, Optimizer"
    delete_sweep(made)
    with pytest.raises(SweepError, match="may have been deleted"):
        open_sweep(made.sweep_id)
    assert [path.name for path in made.folder.parent.iterdir()] == [
        other.sweep_id for other in list_sweeps()
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"runs": None}, "budget"),
        ({"runs": 0}, "1 to 10,000 runs"),
        ({"minutes": 0.0}, "more than 0 minutes"),
        ({"sampler": "grid"}, "has a range"),
    ],
)
def test_a_plan_that_cannot_be_done_makes_no_sweep(change: dict[str, object], told: str) -> None:
    with pytest.raises(SweepError, match=told):
        make_sweep(replace(PLAN, **change))  # type: ignore[arg-type]
    assert list_sweeps() == []


def test_a_plan_that_lacks_a_package_makes_no_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(TrainingError, match="tensorboardX"):
        make_sweep(replace(PLAN, base=replace(BASE, tensorboard="scalars")))
    assert list_sweeps() == []


def test_a_deleted_sweep_does_not_come_back() -> None:
    sweep = make_sweep(PLAN)
    delete_sweep(sweep)
    with pytest.raises(SweepError, match="is gone"):
        set_budget(sweep, runs=20)
    with pytest.raises(SweepError, match="is gone"):
        choose_run(sweep)
    assert list_sweeps() == []


def test_a_sweep_that_lacks_its_file_is_listed_with_its_problem() -> None:
    sweep = make_sweep(PLAN)
    (sweep.folder / "sweep.json").unlink()
    (damaged,) = list_sweeps()
    told = f"sweep.json of the sweep {sweep.sweep_id} is missing; restore it from a copy."
    assert damaged.problem == told


@pytest.mark.parametrize("text", ["", "{}", '{"name": 1}', "[" * 100_000])
def test_a_damaged_sweep_is_listed_with_its_problem(text: str) -> None:
    sweep = make_sweep(PLAN)
    (sweep.folder / "sweep.json").write_text(text)
    (damaged,) = list_sweeps()
    assert damaged.plan is None and "sweep.json" in str(damaged.problem)
    with pytest.raises(SweepError, match="restore it"):
        Trials(damaged)


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_what_is_tried_depends_on_the_plan_and_the_trials_alone(sampler: str) -> None:
    plan = replace(PLAN, sampler=sampler)  # type: ignore[arg-type]
    one, other = Trials(make_sweep(plan)), make_sweep(plan)
    tried = try_all(one, 6)
    # each trial by another process
    assert [params for _ in range(6) for params in try_all(Trials(other), 1)] == tried
    assert len({str(params) for params in tried}) == 6
    assert try_all(Trials(make_sweep(replace(plan, seed=1))), 2) != tried[:2]


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid"])
def test_lists_are_tried_to_their_end_and_nothing_twice(sampler: str) -> None:
    space = {"optimizer": Options(("adam", "sgd")), "batch_size": Options((32, 64))}
    sweep = make_sweep(Plan(BASE, space, sampler=sampler, runs=20))  # type: ignore[arg-type]
    trials = Trials(sweep)
    assert trials.plan.limit() == 4
    assert len({str(sorted(params.items())) for params in try_all(trials, 4)}) == 4
    with pytest.raises(SweepError, match="No further values"):
        trials.begin()


def test_more_combinations_than_a_grid_may_have_end_by_the_budget() -> None:
    space = {name: Options(tuple(range(1, 102))) for name in ("batch_size", "epochs")}
    trials = Trials(make_sweep(Plan(BASE, space, sampler="random", runs=2)))
    assert trials.plan.limit() == 2 and not is_done(trials)
    try_all(trials, 2)
    assert is_done(trials)
    assert replace(trials.plan, runs=None, minutes=1.0).limit() is None


def test_values_that_are_equal_but_written_otherwise_are_not_mixed_up() -> None:
    for values in ((0, 1), (0.0, 1.0)):
        space = {"weight_decay": Options(values), "optimizer": Options(("adamw", "sgd"))}
        trials = Trials(make_sweep(Plan(BASE, space, sampler="grid")))
        assert {params["weight_decay"] for params in try_all(trials, 4)} == {*map(str, values)}


def test_the_sampler_learns() -> None:
    plan = Plan(BASE, {"learning_rate": Range(1e-4, 0.1, True)}, runs=30)
    trials = Trials(make_sweep(plan))
    distances = []
    for _ in range(30):
        trial = trials.begin()
        distances.append(abs(log10(trial.params["learning_rate"]) + 2))
        trials.end(trial.number, "finished", value=0.9 - distances[-1] / 10)
    assert median(distances[15:]) < median(distances[:10]) / 2
    best = best_trial(trials.all())
    assert best is not None and distances[best.number] == min(distances)


def test_a_run_below_the_median_is_pruned() -> None:
    trials = Trials(make_sweep(PLAN))
    for value in (0.80, 0.85, 0.90):
        number = trials.begin().number
        assert not trials.report(number, [epoch(n, value) for n in (1, 2, 3)])
        trials.end(number, "finished", value=value)
    bad, good = trials.begin().number, trials.begin().number
    assert not trials.report(bad, [epoch(1, 0.1)])  # too early to tell
    assert trials.report(bad, [epoch(1, 0.1), epoch(2, 0.1)])
    assert not trials.report(good, [epoch(n, 0.86) for n in (1, 2, 3)])
    trials.end(bad, "pruned", seconds=5)
    trials.end(bad, "finished", value=0.99)  # another worker was slower
    found = trials.all()[bad]
    assert (found.state, found.value, found.seconds) == ("pruned", 0.1, 5)
    assert found.accuracies == {1: 0.1, 2: 0.1}
    assert not trials.report(bad, [epoch(n, 0.1) for n in (1, 2, 3)])


def test_a_trial_that_another_worker_ends_meanwhile_is_not_pruned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sweep = make_sweep(PLAN)
    trials, other = Trials(sweep), Trials(sweep)
    number = trials.begin().number
    append = trials._storage.set_trial_intermediate_value

    def end_first(*arguments: object) -> None:
        other.end(number, "finished", value=0.9)
        append(*arguments)

    monkeypatch.setattr(trials._storage, "set_trial_intermediate_value", end_first)
    assert not trials.report(number, [epoch(1, 0.1)])
    assert (trials.all()[0].state, trials.all()[0].accuracies) == ("finished", {})


def test_a_half_written_line_is_cut_off_before_the_next() -> None:
    sweep = make_sweep(PLAN)
    trials = Trials(sweep)
    try_all(trials, 2)
    before = trials.all()
    with sweep.journal_path.open("a") as journal:
        journal.write('{"op_code":4,"worker_id":"kil')  # as a killed process leaves it
    assert Trials(sweep).all() == before
    try_all(Trials(sweep), 1)
    assert Trials(sweep).all()[:2] == before and len(Trials(sweep).all()) == 3


@pytest.mark.parametrize(
    "text", ["no JSON\n", "[]\n", '{"op_code":99,"worker_id":"x"}\n', '{"op_code":4}\n', "{}\n"]
)
def test_a_damaged_journal_is_told(text: str) -> None:
    sweep = make_sweep(PLAN)
    try_all(Trials(sweep), 1)
    lines = sweep.journal_path.read_text().splitlines(keepends=True)
    sweep.journal_path.write_text("".join([lines[0], text, *lines[1:]]))
    with pytest.raises(SweepError, match="journal of the sweep .* cannot be read"):
        Trials(sweep).all()


def test_what_matters_is_known_after_five_runs() -> None:
    sweep = make_sweep(Plan(BASE, PLAN.space, sampler="random", runs=40))
    trials = Trials(sweep)
    try_all(trials, 4)
    assert trials.importance() == {}
    for _ in range(10):
        trial = trials.begin()
        value = 0.9 - abs(trial.params["learning_rate"] - 0.01)
        trials.end(trial.number, "finished", value=value)
    found = trials.importance()
    assert [*found] == ["learning_rate", "optimizer"] and sum(found.values()) == pytest.approx(1)


def test_the_one_that_works_is_seen_and_a_dead_one_is_not() -> None:
    sweep = make_sweep(PLAN)
    assert sweep.workers() == 0
    with sweep.working(), sweep.working():
        assert sweep.workers() == 2
        with pytest.raises(SweepError, match="is running"):
            delete_sweep(sweep)
    (sweep.folder / "workers" / "dead.lock").touch()  # its process was killed
    assert sweep.workers() == 0 and not [*(sweep.folder / "workers").iterdir()]


def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    sweep: Sweep = make_sweep(PLAN)
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(SweepError, match=r'pip install -e "\.\[sweep\]"'):
        Trials(sweep)
