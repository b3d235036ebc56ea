"""The test split, measured later and once."""

from dataclasses import replace
from pathlib import Path

import pytest

from fmnist.evaluation.predictions import Evaluation
from fmnist.runs import store
from fmnist.runs.config import ConfigError, TrainConfig
from fmnist.runs.run import RunError
from fmnist.training.measuring import measure_run
from tests.training.helpers import CONFIG, reread, run_until, run_whole
from tools.small import small_dataset

LATER = replace(CONFIG, measure_test="later", tta="flip", epochs=2)


def test_a_run_ends_without_a_look_at_the_test_images(tmp_path: Path) -> None:
    run = run_whole(tmp_path / "later", LATER)
    at_once = run_whole(tmp_path / "at once", replace(LATER, measure_test="end"))
    assert run.evaluation_path("validation").exists()
    assert not run.evaluation_path("test").exists() and not run.tta_path.exists()
    done: list[tuple[int, int]] = []
    accuracy = measure_run(run, small_dataset(), lambda *seen: done.append(seen))
    for name in ("test.npz", "test-views.npz"):
        first, second = (Evaluation.load(r.folder / "evaluation" / name) for r in (run, at_once))
        assert (first.logits == second.logits).all()
    assert accuracy == Evaluation.load(run.evaluation_path("test")).accuracy
    assert done[-1] == (400, 400)
    assert "Measured on the test images" in reread(run).read_events()[-1].text
    with pytest.raises(RunError, match="that is done once"):
        measure_run(run, small_dataset())


def test_only_a_finished_run_of_these_images_is_measured(tmp_path: Path) -> None:
    run = store.create_run(tmp_path, LATER)
    assert run_until(run, 8, "prune") == "pruned"
    pruned = reread(run)
    assert pruned.state == "pruned" and not pruned.evaluation_path("test").exists()
    assert pruned.evaluation_path("validation").exists() and pruned.checkpoint_path.exists()
    with pytest.raises(RunError, match="is pruned; only a finished run"):
        measure_run(pruned, small_dataset())
    assert run_until(run, 100, "stop") == "finished"  # it goes on where it was pruned
    with pytest.raises(RunError, match="other images"):
        measure_run(reread(run), replace(small_dataset(), checksum="0" * 64))
    reread(run).weights_path.unlink()
    with pytest.raises(RunError, match="no weights"):
        measure_run(reread(run), small_dataset())


def test_the_notebook_protocol_measures_every_epoch() -> None:
    with pytest.raises(ConfigError, match="measure_test"):
        TrainConfig(protocol="notebook", measure_test="later")
