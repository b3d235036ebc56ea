"""The command that fine-tunes a model on the gallery."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from fmnist import paths
from fmnist.cli import main
from fmnist.evaluation.fine_tuning_effect import FineTuningEffect
from fmnist.reports.fine_tuning import changes, explanation, of_damaged
from fmnist.runs import store
from fmnist.runs.run import Run
from fmnist.sketchpad.gallery import Gallery
from fmnist.training import fine_tuning, replay
from tests.training.helpers import run_whole
from tests.training.test_own_drawings import drawings
from tools.small import small_dataset


@pytest.fixture
def base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Run:
    """A run of this machine, whose data set is small."""
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path / "artifacts"))
    monkeypatch.setattr("fmnist.data.fashion_mnist.load_named", lambda _: small_dataset())
    for name, value in (("IMAGES", 100), ("DRAWINGS", 20), ("OTHERS", 10)):
        monkeypatch.setattr(replay, name, value)
    monkeypatch.setattr(fine_tuning, "MOST_PARTS", 2)
    run = run_whole(tmp_path_factory.mktemp("base"))
    shutil.copytree(run.folder, paths.runs_folder() / "base")
    return store.open_run(paths.runs_folder(), "base")


def test_a_copy_is_made_and_made_again(base: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fine-tune", "base"]) == 1
    assert "There are 0 labeled drawings" in capsys.readouterr().err
    gallery = Gallery(paths.artifacts_folder() / "drawings")
    for drawing in drawings("hat", "hat", "Sneaker"):
        gallery.save(drawing)
    gallery.save(replace(drawings("Bag")[0], picture=b"damaged"))
    assert main(["fine-tune", "base", "--name", "Mine", "--seed", "2"]) == 0
    told = capsys.readouterr().out
    (made,) = (run for run in store.list_runs(paths.runs_folder()) if run.fine_tuning)
    assert made.name == "Mine" and made.fine_tuning and made.fine_tuning.seed == 2
    assert f"Run: {made.run_id}" in told
    effect = FineTuningEffect.load(made)
    for what, before, after in changes(effect, "held-out"):
        assert f"{what}: {after} correct, {before} before." in told
    assert explanation(effect, has_own_classes=True) in told
    assert effect.damaged == 1 and told.count(of_damaged(1)) == 2  # before and after
    assert f"{effect.test_own} of 200 are predicted as a class of your own." in told
    assert main(["fine-tune", "--again", made.run_id]) == 0
    weights = {
        run.weights_path.read_bytes()
        for run in store.list_runs(paths.runs_folder())
        if run.fine_tuning
    }
    assert len(weights) == 1
    assert main(["fine-tune", "--again", base.run_id]) == 1
    assert "is not fine-tuned" in capsys.readouterr().err
    assert main(["runs"]) == 0 and "Mine" in capsys.readouterr().out
