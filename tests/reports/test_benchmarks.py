"""The benchmark's tables: which run counts for which row, and what the rows say."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fmnist import paths
from fmnist.cli import main
from fmnist.evaluation.predictions import Evaluation, stored_evaluation
from fmnist.reports import benchmarks as bench
from fmnist.reports.benchmarks import TABLES, Row
from fmnist.reports.benchmarks import rows as bench_rows
from fmnist.reports.benchmarks.results import lessons
from fmnist.runs import store
from fmnist.runs.config import TrainConfig
from fmnist.runs.history import EpochEntry, Progress
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
    epoch = EpochEntry(1, 100, 0.5, 0.8, "validation", 0.5, 0.8, 120.0, 1000.0)
    run.history_path.write_text(f"{json.dumps(epoch.to_json())}\n")
    Evaluation("test", logits, labels, np.arange(10_000, dtype=np.int32)).save(
        run.evaluation_path("test")
    )
    run.write_status("finished", Progress(20, 100, 100, 120.0, 1000.0))
    return store.open_run(root, run.run_id)


def test_rows_have_keys_of_their_own_and_settings_that_fit() -> None:
    for rows in TABLES.values():
        assert len({row.key for row in rows}) == len(rows)
        of_a_seed = {row.with_seed(3) for row in rows if not row.components}
        assert all(isinstance(c, TrainConfig) and c.seed == 3 for c in of_a_seed)
        assert all(row.seeds >= row.members for row in rows)


def test_a_run_is_called_after_what_differs_from_its_model_s_recipe() -> None:
    own = TrainConfig(**recipe("own", "residual-large"))
    assert replace(ROW, config=own).run_title() == "Large ResidualNet"
    changed = replace(own, epochs=3, precision="float32", batch_mix="cutmix", mix_probability=0.5)
    title = "Large ResidualNet, 3 epochs, batch mix cutmix, mix probability 0.5, float32"
    assert replace(ROW, config=changed).run_title() == title


def test_runs_of_a_row_can_differ_in_precision(tmp_path: Path) -> None:
    row = replace(ROW, precisions=("bfloat16", "float32"))
    configs = [row.with_seed(seed) for seed in (0, 1)]
    assert [(c.seed, c.precision) for c in configs if isinstance(c, TrainConfig)] == [
        (0, "bfloat16"),
        (1, "float32"),
    ]
    assert [row.run_name(seed) for seed in (0, 1)] == ["logistic-bfloat16-0", "logistic-float32-1"]
    assert row.run_title(0).endswith("bfloat16") and "loat" not in row.run_title(1)
    runs = [run_with(tmp_path, replace(ROW.config, precision="bfloat16"), 8400)]
    runs.append(run_with(tmp_path, replace(ROW.config, seed=1, precision="bfloat16"), 9900))
    runs.append(run_with(tmp_path, replace(ROW.config, seed=1, precision="float32"), 8500))
    result = bench.row_result(row, runs)
    assert result is not None
    assert result.accuracies == (0.84, 0.85) and result.precisions == ("bfloat16", "float32")
    assert "| bfloat16, float32 |" in bench.markdown("ablation", [result])


def test_lessons_are_a_column_if_there_are_any(tmp_path: Path) -> None:
    (result,) = filter(None, [bench.row_result(ROW, [run_with(tmp_path, ROW.config, 8400)])])
    assert "What was learned" not in bench.markdown("models", [result])
    text = bench.markdown("strong", [replace(result, lesson="It helped.")])
    assert text.startswith("# Strong") and text.count("| It helped. |") == 1


def test_the_committed_tables_say_what_their_runs_say() -> None:
    own = (paths.benchmark_folder(), paths.pretrained_folder())
    present = [run for run in store.list_all_runs() if run.folder.parent in own]

    def without_sizes(text: str) -> list[list[str]]:  # which take long to count
        rows = [line.split(" | ") for line in text.splitlines()]
        place = next(row.index("Parameters") for row in rows if "Parameters" in row)
        return [row[:place] + row[place + 2 :] for row in rows]

    for table in TABLES:
        written = (paths.BENCHMARK_TABLES / f"{table}.md").read_text(encoding="utf-8")
        found = bench.markdown(table, bench.results(table, present, {}))
        assert without_sizes(written) == without_sizes(found), f"{table}: run bench {table} --read"


def test_every_lesson_has_its_row_and_no_figures() -> None:
    for table, rows in TABLES.items():
        noted = lessons(table)
        assert set(noted) <= {row.key for row in rows}
        for lesson in noted.values():
            assert not re.search(r"\d", lesson), lesson  # the table has the figures


def test_an_ensemble_has_the_epochs_of_its_members() -> None:
    rows = [replace(ROW, config=replace(ROW.config, epochs=epochs)) for epochs in (40, 40, 20)]
    assert bench_rows._ensemble("mixed", "Mixed", *rows).epochs == "40, 40, 20"
    assert bench_rows._ensemble("alike", "Alike", *rows[:2]).epochs == "40 each"
    assert replace(rows[2], members=5, seeds=5).epochs == "20 each"
    assert rows[2].epochs == "20"


def test_rows_without_runs_are_not_in_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(ROW, key="other", title="Other", config=replace(ROW.config, epochs=7))
    monkeypatch.setitem(bench.TABLES, "models", (other, ROW))
    found = bench.results("models", [run_with(tmp_path, ROW.config, 8400)], {})
    assert [result.row for result in found] == [ROW]
    assert "Other" not in bench.markdown("models", found)


def test_runs_of_the_same_settings_count_and_no_others(tmp_path: Path) -> None:
    first = run_with(tmp_path, replace(ROW.config, log_every=7), 8400)
    second = run_with(tmp_path, replace(ROW.config, seed=1), 8500)
    run_with(tmp_path, replace(ROW.config, seed=2), 9900)  # a seed the row does not ask for
    run_with(tmp_path, replace(ROW.config, learning_rate=0.01), 9900)
    unfinished = store.create_run(tmp_path, ROW.config)
    result = bench.row_result(ROW, [unfinished, *store.list_runs(tmp_path)])
    assert result is not None
    assert result.run_ids == (first.run_id, second.run_id)
    assert result.accuracies == (0.84, 0.85)
    assert result.accuracy == pytest.approx(0.845)
    assert result.standard_error == pytest.approx((0.845 * 0.155 / 10_000) ** 0.5)
    assert result.minutes == pytest.approx(2)


@pytest.mark.parametrize(
    ("reported", "comparison"),
    [
        (0.84, "agrees within two standard errors (+0.5 points)"),
        (0.80, "4.5 points higher"),
        (0.90, "5.5 points lower"),
        (None, ""),
    ],
)
def test_the_reported_accuracy_is_compared(
    tmp_path: Path, reported: float | None, comparison: str
) -> None:
    row = replace(ROW, reported_accuracy=reported, seeds=1)
    result = bench.row_result(row, [run_with(tmp_path, ROW.config, 8450)])
    assert result is not None and result.comparison == comparison
    assert bench.row_result(row, []) is None


def test_an_ensemble_needs_all_its_members(tmp_path: Path) -> None:
    row = replace(ROW, members=2)
    first = run_with(tmp_path, ROW.config, 8000)
    assert bench.row_result(row, [first]) is None
    second = run_with(tmp_path, replace(ROW.config, seed=1), 9000)
    result = bench.row_result(row, [first, second])
    assert result is not None and len(result.accuracies) == 1
    assert result.accuracy == 0.9  # where the two differ, they are equally sure: first class wins
    assert result.minutes == pytest.approx(4)


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
    assert "Logistic" not in table.read_text()
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
    both = bench_rows._ensemble("both", "Both", first, second)
    with pytest.raises(RunError, match="'Both' lacks a run of '.*'; train that first"):
        bench.resolve_members(both, [])
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
    assert f"continuing {begun.run_id}" in capsys.readouterr().out
    assert store.run_ids(paths.runs_folder()) == [begun.run_id]
