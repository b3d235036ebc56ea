"""The benchmark's tables: which run counts for which row, and what the rows say."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fmnist import paths
from fmnist.cli import main
from fmnist.evaluation.predictions import Evaluation, stored_evaluation
from fmnist.reports import benchmarks as bench
from fmnist.reports.benchmarks import TABLES, Row
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.history import Progress
from fmnist.runs.recipes import recipe
from fmnist.runs.run import Run, RunError
from tools.small import small_dataset

ROW = Row("logistic", "Logistic regression", TrainConfig(model="logistic"), 0.84, seeds=2)


def run_with(root: Path, config: TrainConfig, right: int) -> Run:
    """A finished run whose test evaluation gets so many of 10,000 images right."""
    run = store.create_run(root, config)
    labels = np.zeros(10_000, dtype=np.uint8)
    logits = np.zeros((10_000, 10), dtype=np.float16)
    logits[np.arange(10_000), (np.arange(10_000) >= right).astype(int)] = 3
    run.evaluation_path("test").parent.mkdir()
    Evaluation("test", logits, labels, np.arange(10_000, dtype=np.int32)).save(
        run.evaluation_path("test")
    )
    run.write_status("finished", Progress(20, 100, 100, 120.0, 1000.0))
    return store.open_run(root, run.run_id)


def test_rows_have_keys_of_their_own_and_settings_that_fit() -> None:
    for rows in TABLES.values():
        assert len({row.key for row in rows}) == len(rows)
        assert all(row.config.seed == 0 and row.with_seed(3).seed == 3 for row in rows)
        assert all(row.seeds >= row.members for row in rows)


def test_a_run_is_called_after_what_differs_from_its_model_s_recipe() -> None:
    own = TrainConfig(**recipe("own", "residual-large"))
    assert replace(ROW, config=own).run_title == "Large ResidualNet"
    changed = replace(own, epochs=3, precision="float32", batch_mix="cutmix", mix_probability=0.5)
    title = "Large ResidualNet, 3 epochs, batch mix cutmix, mix probability 0.5, float32"
    assert replace(ROW, config=changed).run_title == title


def test_lessons_are_a_column_where_there_are_any() -> None:
    lines = bench.records("models", [], {})
    assert "What was learned" not in bench.markdown("models", lines)
    lines[0]["lesson"] = "It helped."
    text = bench.markdown("strong", lines)
    assert text.startswith("# Strong") and text.count("| It helped. |") == 1


def test_runs_of_the_same_settings_count_and_no_others(tmp_path: Path) -> None:
    first = run_with(tmp_path, replace(ROW.config, log_every=7), 8400)
    second = run_with(tmp_path, replace(ROW.config, seed=1), 8500)
    run_with(tmp_path, replace(ROW.config, seed=2), 9900)  # a seed the row does not ask for
    run_with(tmp_path, replace(ROW.config, learning_rate=0.01), 9900)
    unfinished = store.create_run(tmp_path, ROW.config)
    stand = bench.standing(ROW, [unfinished, *store.list_runs(tmp_path)])
    assert [run.run_id for run in stand.runs] == [first.run_id, second.run_id]
    assert stand.accuracies == (0.84, 0.85)
    assert stand.accuracy == pytest.approx(0.845)
    assert stand.error == pytest.approx((0.845 * 0.155 / 10_000) ** 0.5)
    assert stand.minutes == pytest.approx(2)


@pytest.mark.parametrize(
    ("claimed", "verdict"),
    [
        (0.84, "agrees (+0.5 points, within two standard errors)"),
        (0.80, "disagrees: ours is 4.5 points higher"),
        (0.90, "disagrees: ours is 5.5 points lower"),
        (None, "no figure to compare"),
    ],
)
def test_the_verdict_is_plain(tmp_path: Path, claimed: float | None, verdict: str) -> None:
    row = replace(ROW, claimed=claimed, seeds=1)
    assert bench.standing(row, [run_with(tmp_path, ROW.config, 8450)]).verdict == verdict
    assert bench.standing(row, []).verdict == "not run yet"


def test_an_ensemble_needs_all_its_members(tmp_path: Path) -> None:
    row = replace(ROW, members=2)
    first = run_with(tmp_path, ROW.config, 8000)
    assert bench.standing(row, [first]).accuracy is None
    second = run_with(tmp_path, row.with_seed(1), 9000)
    stand = bench.standing(row, [first, second])
    assert len(stand.accuracies) == 1
    assert (
        stand.accuracy == 0.9
    )  # where they differ, the two are equally sure: the first class wins
    assert stand.minutes == pytest.approx(4)


def test_bench_trains_what_is_missing_keeps_it_and_writes_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path / "artifacts"))
    monkeypatch.setattr(paths, "pretrained_folder", lambda: tmp_path / "shipped" / "pretrained")
    monkeypatch.setattr("fmnist.data.fashion_mnist.load_named", lambda name: small_dataset())
    config = TrainConfig(model="logistic", dataset="synthetic-garments", epochs=1)
    rows = (
        replace(ROW, config=config),
        replace(ROW, key="mlp", config=replace(config, model="mlp")),
    )
    monkeypatch.setitem(bench.TABLES, "models", rows)
    arguments = ["bench", "models", "--folder", str(tmp_path)]
    assert main([*arguments, "--read"]) == 0
    table = tmp_path / "models.md"
    assert table.read_text().count("| not run yet |") == 4
    assert main([*arguments, "--only", "logistic"]) == 0
    kept = store.list_runs(paths.benchmark_folder())
    assert sorted(run.run_id for run in kept) == ["logistic-0", "logistic-1"]
    assert all(run.weights_path.exists() and not run.epochs_path.exists() for run in kept)
    accuracy = [Evaluation.load(run.evaluation_path("test")).accuracy for run in kept]
    assert f"**{50 * sum(accuracy):.2f}%**" in table.read_text()
    assert "logistic-0, logistic-1" in table.read_text()
    assert len(store.run_ids(paths.runs_folder())) == 2
    assert main([*arguments, "--only", "logistic"]) == 0  # nothing is trained again
    assert len(store.run_ids(paths.runs_folder())) == 2
    assert main([*arguments, "--only", "vgg"]) == 1
    assert "no row 'vgg'" in capsys.readouterr().err


def test_bench_puts_an_ensemble_of_other_rows_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path / "artifacts"))
    monkeypatch.setattr(paths, "pretrained_folder", lambda: tmp_path / "shipped" / "pretrained")
    monkeypatch.setattr("fmnist.data.fashion_mnist.load_named", lambda name: small_dataset())
    first = replace(
        ROW, config=TrainConfig(model="logistic", dataset="synthetic-garments", epochs=1)
    )
    second = replace(first, key="mlp", config=replace(first.config, model="mlp"))
    both = bench._ensemble("both", "Both", "Two see more.", first, second)
    with pytest.raises(RunError, match="'Both' lacks a run of '.*'; train that first"):
        bench.members_of(both, [])
    monkeypatch.setitem(bench.TABLES, "models", (replace(first, seeds=1), replace(second, seeds=1)))
    monkeypatch.setitem(bench.TABLES, "strong", (both,))
    assert main(["bench", "models", "--folder", str(tmp_path)]) == 0
    assert main(["bench", "strong", "--folder", str(tmp_path)]) == 0
    assert "both-0" in store.run_ids(paths.benchmark_folder())
    members = [store.find_run(run_id) for run_id in ("logistic-0", "mlp-0")]
    accuracy = Evaluation.mean([stored_evaluation(run, "test") for run in members]).accuracy
    assert f"**{100 * accuracy:.2f}%**" in (tmp_path / "strong.md").read_text()


def test_bench_goes_on_with_an_interrupted_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path / "artifacts"))
    monkeypatch.setattr(paths, "pretrained_folder", lambda: tmp_path / "shipped" / "pretrained")
    monkeypatch.setattr("fmnist.data.fashion_mnist.load_named", lambda name: small_dataset())
    config = TrainConfig(model="logistic", dataset="synthetic-garments", epochs=1)
    monkeypatch.setitem(bench.TABLES, "models", (replace(ROW, config=config, seeds=1),))
    begun = store.create_run(paths.runs_folder(), config)  # nobody owns it: interrupted
    assert main(["bench", "models", "--folder", str(tmp_path)]) == 0
    assert f"going on with {begun.run_id}" in capsys.readouterr().out
    assert store.run_ids(paths.runs_folder()) == [begun.run_id]
