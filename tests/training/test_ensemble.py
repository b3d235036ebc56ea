"""Ensembles: the mean of their members' probabilities, as a run like any other."""

import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fmnist import paths
from fmnist.evaluation.metrics import softmax
from fmnist.evaluation.predictions import Evaluation, evaluate
from fmnist.files import read_json, write_json
from fmnist.models.classifier import Classifier
from fmnist.models.registry import describe
from fmnist.runs import store
from fmnist.runs.config import TrainConfig, ensemble_of
from fmnist.runs.loading import load_run
from fmnist.runs.run import Run, RunError
from fmnist.runs.store import making_run, owning
from fmnist.training.ensemble import combine
from fmnist.training.loop import TrainingError, train
from tools.small import small_dataset

CONFIG = TrainConfig(model="logistic", dataset="synthetic-garments", epochs=2, batch_size=50)


def trained(root: Path, config: TrainConfig) -> Run:
    run = store.create_run(root, config)
    with owning(run):
        train(run, small_dataset())
    return store.open_run(root, run.run_id)


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    root = tmp_path_factory.mktemp("members")
    first, second = (trained(root, replace(CONFIG, seed=seed)) for seed in (0, 1))
    return [first, second, trained(root, replace(CONFIG, model="lenet-5"))]


def test_probabilities_are_the_mean_of_the_members(tmp_path: Path, members: list[Run]) -> None:
    made = combine(members, tmp_path, name="Three")
    images = small_dataset().test_images
    each = [softmax(Classifier.load(run.weights_path).logits(images)) for run in members]
    ensemble = Classifier.load(made.weights_path)
    assert softmax(ensemble.logits(images)) == pytest.approx(np.mean(each, axis=0), abs=1e-5)
    assert not np.allclose(each[0], each[1], atol=1e-3)


def test_members_kept_as_float16_stay_so_and_lose_nothing(
    tmp_path: Path, members: list[Run]
) -> None:
    first = combine(members[:2], tmp_path)
    whole = first.weights_path.stat().st_size
    classifier = Classifier.load(first.weights_path)
    classifier.save(first.weights_path, dtype=torch.float16)
    rounded = Classifier.load(first.weights_path)
    half = first.weights_path.stat().st_size
    assert half < 0.6 * whole
    rounded.save(first.weights_path, half_if_exact=True)
    assert first.weights_path.stat().st_size == half
    again = Classifier.load(first.weights_path).model.state_dict()
    for name, tensor in rounded.model.state_dict().items():
        assert torch.equal(again[name], tensor)
    classifier.save(first.weights_path, half_if_exact=True)  # no number of it fits
    assert first.weights_path.stat().st_size == whole


def test_an_ensemble_is_a_finished_run_with_the_members_figures(
    tmp_path: Path, members: list[Run]
) -> None:
    made = store.open_run(tmp_path, combine(members, tmp_path, name="Three").run_id)
    assert (made.state, made.name) == ("finished", "Three")
    assert made.config and made.config.models == ("logistic", "logistic", "lenet-5")
    assert describe(*made.config.models).title == "Ensemble of 3: Logistic regression and LeNet-5"
    assert made.dataset == members[0].dataset
    for split in ("validation", "test"):
        stored = Evaluation.load(made.evaluation_path(split))
        again = evaluate(
            Classifier.load(made.weights_path),
            small_dataset().split(split),
        )
        assert np.array_equal(stored.indices, again.indices)
        assert stored.probabilities == pytest.approx(again.probabilities, abs=2e-3)
    kept = made.history.selected
    assert kept and kept.accuracy == Evaluation.load(made.evaluation_path("validation")).accuracy
    seconds = sum(run.progress.seconds for run in members)
    assert made.progress.seconds == pytest.approx(seconds, abs=0.001)


def test_several_views_are_averaged_where_all_members_have_them(
    tmp_path: Path, members: list[Run]
) -> None:
    assert not combine(members, tmp_path).tta_path.exists()
    seen = [trained(tmp_path / "seen", replace(CONFIG, tta="flip", seed=seed)) for seed in (0, 1)]
    made = combine(seen, tmp_path)
    assert made.config and made.config.tta == "flip"
    mean = Evaluation.mean([Evaluation.load(run.tta_path) for run in seen])
    assert np.array_equal(Evaluation.load(made.tta_path).logits, mean.logits)
    mixed = combine([seen[0], members[1]], tmp_path)
    assert mixed.config and mixed.config.tta is None and not mixed.tta_path.exists()


def test_of_runs_on_all_images_too(tmp_path: Path) -> None:
    full = replace(CONFIG, protocol="full", checkpoint="last")
    made = combine([trained(tmp_path, replace(full, seed=seed)) for seed in (0, 1)], tmp_path)
    kept = made.history.selected
    assert kept and kept.split == "train"
    assert kept.accuracy == Evaluation.load(made.evaluation_path("train")).accuracy
    assert made.evaluation_path("test").exists()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda runs: runs[:1], "at least two different runs"),
        (lambda runs: [runs[0], runs[0]], "at least two different runs"),
        (lambda runs: [runs[0], replace(runs[1], state="stopped")], "finished runs that have"),
        (
            lambda runs: [
                runs[0],
                replace(runs[1], config=replace(CONFIG, protocol="notebook")),
            ],
            "the same protocol",
        ),
    ],
)
def test_runs_that_do_not_go_together_are_refused(
    tmp_path: Path, members: list[Run], spoil: object, sentence: str
) -> None:
    with pytest.raises(RunError, match=sentence):
        combine(spoil(members), tmp_path)  # type: ignore[operator]
    assert store.run_ids(tmp_path) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"models": ["logistic", "no-model"]}, "There is no model 'no-model'"),
        ({"models": ["logistic"]}, "models: "),
        ({"models": "logistic"}, "models: "),
        ({"protocol": "guess"}, "protocol: "),
        ({"epochs": 3}, "epochs: Extra inputs"),
    ],
)
def test_impossible_settings_of_an_ensemble_are_told(
    tmp_path: Path, members: list[Run], changes: dict[str, object], told: str
) -> None:
    made = combine(members, tmp_path)
    document = read_json(made.config_path)
    document["config"] |= changes
    write_json(made.config_path, document)
    broken = store.open_run(tmp_path, made.run_id)
    assert broken.state == "broken"
    assert broken.reason and broken.reason.startswith("config.json cannot be read (")
    assert told in broken.reason


def test_an_ensemble_is_not_made_of_ensembles(tmp_path: Path, members: list[Run]) -> None:
    made = combine(members[:2], tmp_path)
    with pytest.raises(RunError, match="choose their members instead"):
        combine([made, members[2]], tmp_path)
    assert store.run_ids(tmp_path) == [made.run_id]


def test_an_ensemble_is_not_trained(tmp_path: Path) -> None:
    with making_run(tmp_path, ensemble_of([CONFIG, replace(CONFIG, model="mlp")])) as run:
        assert "ensemble" in run.run_id
    run = store.open_run(tmp_path, run.run_id)
    with owning(run), pytest.raises(TrainingError, match="made of trained runs"):
        train(run, small_dataset())


def test_evaluations_of_other_images_have_no_mean(members: list[Run]) -> None:
    whole = Evaluation.load(members[0].evaluation_path("test"))
    with pytest.raises(ValueError, match="cover different images"):
        Evaluation.mean([whole, replace(whole, indices=whole.indices[::-1])])


CHILD = """
import os, signal, sys
from pathlib import Path
from fmnist.runs import store
from fmnist.training.ensemble import combine

replace, rename, count = Path.replace, Path.rename, 0

def die_at(change):
    def changed(self, target):
        global count
        count += 1
        if count == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return change(self, target)
    return changed

Path.replace, Path.rename = die_at(replace), die_at(rename)
root = Path(sys.argv[1])
members = [store.open_run(root, run_id) for run_id in sys.argv[4:]]
combine(members, Path(sys.argv[3]))
"""


# the 14th time is when the folder takes its place
@pytest.mark.parametrize(
    "moment", [*(pytest.param(m, marks=pytest.mark.slow) for m in (1, 4, 7, 10)), 14]
)
def test_a_kill_while_it_is_made_leaves_nothing(
    tmp_path: Path, members: list[Run], moment: int
) -> None:
    root = members[0].folder.parent
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(root), str(moment), str(tmp_path),
         *(run.run_id for run in members[:2])],
        cwd=paths.PROJECT, check=False,
    )  # fmt: skip
    assert child.returncode == -signal.SIGKILL
    assert store.list_runs(tmp_path) == []  # nothing that could be resumed
    assert combine(members[:2], tmp_path).state == "finished"
    assert len(list(tmp_path.iterdir())) == 1  # and what was left is swept


def test_a_failure_while_it_is_made_leaves_nothing(
    tmp_path: Path, members: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Run, "write_status", full)
    with pytest.raises(OSError, match="No space left"):
        combine(members[:2], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_member_is_refused(tmp_path: Path, members: list[Run]) -> None:
    copies = [
        replace(run, folder=shutil.copytree(run.folder, tmp_path / run.run_id))
        for run in members[:2]
    ]
    weights = bytearray(copies[1].weights_path.read_bytes())
    weights[-1] ^= 1
    copies[1].weights_path.write_bytes(weights)
    with pytest.raises(RunError, match=r"cannot be made: the file model\.safetensors is damaged"):
        combine(copies, tmp_path / "made")
    with pytest.raises(RunError, match=r"is broken: the file model\.safetensors is damaged"):
        load_run(copies[1].run_id, folder=tmp_path)
