"""Fine-tuning on a person's own drawings."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fmnist import paths
from fmnist.checksums import record
from fmnist.data.labels import OwnClassError
from fmnist.data.splits import SplitName
from fmnist.evaluation.fine_tuning_effect import FineTuningEffect
from fmnist.evaluation.predictions import evaluate, stored_evaluation
from fmnist.files import read_json
from fmnist.models.classifier import Classifier
from fmnist.models.registry import MODELS, create_model
from fmnist.runs import store
from fmnist.runs.check import check_run
from fmnist.runs.config import ConfigError, FineTuneConfig
from fmnist.runs.loading import load_run
from fmnist.runs.publish import publish
from fmnist.runs.run import Run, RunError
from fmnist.sketchpad.recognition import IN_DISTRIBUTION_THRESHOLD, classify_inputs
from fmnist.training import fine_tuned, fine_tuning, learners, replay
from fmnist.training.ensemble import combine
from fmnist.training.fine_tuned import FineTuneError
from fmnist.training.fine_tuning import fine_tune
from fmnist.training.own_drawings import OwnDrawings
from tests.training.helpers import FASHION_CNN, run_whole
from tests.training.test_own_drawings import drawings
from tools.small import same_result, small_dataset

LABELS = ("hat",) * 4 + ("Sneaker",) * 2 + ("No garment",)
LEARNED = OwnDrawings.of(drawings(*LABELS))


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Few sketches and steps, since they take a while; artifacts of the test's own."""
    make_few(monkeypatch, tmp_path)


def make_few(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(replay, "IMAGES", 100)
    monkeypatch.setattr(replay, "DRAWINGS", 20)
    monkeypatch.setattr(replay, "OTHERS", 10)
    monkeypatch.setattr(fine_tuning, "MOST_PARTS", 2)
    monkeypatch.setattr(learners, "STEPS", 60)
    monkeypatch.setattr(learners, "BLOCK_STEPS", 20)
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(folder / "artifacts"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_whole(tmp_path_factory.mktemp("trained"), FASHION_CNN)


@pytest.fixture(scope="module")
def made(trained: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A fine-tuned model, to be copied."""
    with pytest.MonkeyPatch.context() as patch:
        make_few(patch, tmp_path_factory.mktemp("made"))
        return fine_tune(trained, LEARNED, paths.runs_folder(), small_dataset())


@pytest.fixture
def run(made: Run) -> Run:
    """A copy of it, on this machine."""
    copy = paths.runs_folder() / made.run_id
    shutil.copytree(made.folder, copy)
    return store.open_run(copy.parent, copy.name)


@pytest.fixture
def base(trained: Run) -> Run:
    """A run of this machine's."""
    copy = paths.runs_folder() / "base"
    shutil.copytree(trained.folder, copy)
    return store.open_run(copy.parent, "base")


@pytest.fixture
def judging(base: Run) -> Run:
    """The same with a network that knows other things than garments."""
    classifier = Classifier.load(base.weights_path)
    network = create_model("fashion-cnn", seed=1, num_classes=11)
    weights = classifier.model.state_dict()
    last = [name for name, tensor in weights.items() if len(tensor) == 10][-2:]
    network.load_state_dict(
        {k: network.state_dict()[k] if k in last else v for k, v in weights.items()}
    )
    Classifier(network, models=["fashion-cnn"]).save(base.weights_path)
    return base


def make(base: Run, learned: OwnDrawings = LEARNED, **named: Any) -> Run:
    return fine_tune(base, learned, paths.runs_folder(), small_dataset(), **named)


def test_a_copy_learns_an_own_class_and_forgets_little(base: Run) -> None:
    before = base.weights_path.read_bytes()
    texts: list[tuple[str, float]] = []
    run = make(base, report=lambda text, share: texts.append((text, share)))
    assert base.weights_path.read_bytes() == before
    assert (run.state, run.name) == ("finished", f"{base.name} + hat")
    config = run.fine_tuning
    assert config and config.base == "base" and config.own_classes == ("hat",)
    classifier = load_run(run.run_id)
    assert classifier.class_names[10:] == ("hat",) and classifier.outputs == 11
    kept = LEARNED.labeled(["hat", "Sneaker"])  # the base does not know what is no garment
    named = classifier.predict_proba(kept.model_inputs).argmax(1)
    assert [classifier.class_names[label] for label in named] == list(kept.labels)
    assert OwnDrawings.load(run.drawings_path, digest=config.drawings_sha256).ids == kept.ids
    # the ten classes are as they were, almost
    test = [stored_evaluation(one, "test") for one in (base, run)]
    assert (test[0].predicted_labels == test[1].predicted_labels).mean() > 0.95
    assert [share for _, share in texts] == sorted(share for _, share in texts)
    assert check_run(run).problems == () and check_run(run).unchecked == ()
    effect = FineTuningEffect.load(run)  # of many drawings, a part at a time is left out
    assert effect.parts == 2 and len(effect.drawings) == 6 and effect.test == 200
    assert all(one.after for one in effect.drawings)


def test_only_the_last_layer_changes_and_stored_figures_are_the_networks(base: Run) -> None:
    run = make(base)
    old, new = Classifier.load(base.weights_path), Classifier.load(run.weights_path)
    weights = old.model.state_dict()
    changed = [k for k, v in new.model.state_dict().items() if not np.array_equal(weights[k], v)]
    assert len(changed) == 2
    dataset = small_dataset()
    splits: tuple[SplitName, ...] = ("test", "validation")
    for split in splits:
        computed = evaluate(new, dataset.split(split))
        stored = stored_evaluation(run, split)
        np.testing.assert_array_equal(computed.logits, stored.logits)
    (epoch,) = run.history.epochs
    assert epoch.accuracy == stored_evaluation(run, "validation").accuracy


def test_it_is_repeated_bit_for_bit(base: Run) -> None:
    first = make(base, seed=3)
    shutil.rmtree(paths.artifacts_folder() / "cache")
    again = fine_tuning.repeat(first, paths.runs_folder(), small_dataset())
    assert again.run_id != first.run_id and again.config == first.config
    for path in (first.drawings_path, first.effect_path, first.weights_path):
        assert (again.folder / path.name).read_bytes() == path.read_bytes(), path.name
    shutil.copyfile(first.weights_path, first.last_weights_path)
    shutil.copyfile(again.weights_path, again.last_weights_path)
    same_result(first, again)
    assert make(base, seed=4).config != first.config


def test_progress_is_told_from_the_first_sketches_on(base: Run) -> None:
    told: list[tuple[str, float]] = []
    make(base, report=lambda *said: told.append(said))
    shares = [share for _, share in told]
    assert shares == sorted(shares) and 0 == shares[0] <= shares[-1] < 1
    sketching = [share for text, share in told if text == "Making sketches"]
    assert len(set(sketching)) > 2 and sketching[-1] > 0.3


def test_features_are_kept_and_damaged_ones_made_again(
    base: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make(base)
    (path,) = (paths.artifacts_folder() / "cache" / "fine-tuning").iterdir()
    content = path.read_bytes()
    path.write_bytes(content[:-50])
    second = make(base)
    assert second.weights_path.read_bytes() == first.weights_path.read_bytes()
    assert path.read_bytes() == content
    monkeypatch.setattr(replay, "sketched_garments", None)  # never called
    assert make(base).weights_path.read_bytes() == first.weights_path.read_bytes()


def test_a_drawing_is_predicted_by_a_copy_that_has_not_learned_it(
    base: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fine_tuning, "MOST_PARTS", 4)
    # the only drawing of its class: whoever learned it says "spoon", nobody else can
    learned = OwnDrawings.of(drawings("hat", "hat", "Sneaker", "spoon"))
    effect = FineTuningEffect.load(make(base, learned))
    assert effect.parts == 4
    labels = [(one.label, one.after) for one in effect.drawings]
    assert labels[3] == ("spoon", labels[3][1]) and labels[3][1] != "spoon"
    # as the Draw page says it: averaged over small shifts, and refused below the threshold
    detector = fine_tuning._detector()
    said = classify_inputs(learned.model_inputs, load_run("base"), ood_model=detector)
    assert [one.before for one in effect.drawings] == [one.label_choice for one in said]
    assert effect.drawings_after == sum(label == after for label, after in labels)


def test_what_was_saved_twice_is_left_out_twice(base: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fine_tuning, "MOST_PARTS", 5)
    saved = drawings("hat", "Sneaker", "spoon")
    again = [
        replace(saved[2], time=time, drawing_id=f"19700101-00000{time}-000000") for time in (4, 5)
    ]
    effect = FineTuningEffect.load(make(base, OwnDrawings.of([*saved, *again])))
    assert effect.parts == 3 and len(effect.drawings) == 5
    assert all(one.after != "spoon" for one in effect.drawings[2:])
    effect = FineTuningEffect.load(make(base, OwnDrawings.of([saved[2], *again])))
    assert effect.parts == 1
    assert [one.after for one in effect.drawings] == [one.before for one in effect.drawings]


def test_what_is_no_garment_stays_apart_from_own_classes(judging: Run) -> None:
    run = make(judging)
    classifier = load_run(run.run_id)
    assert classifier.outputs == 12 and classifier.has_ood_class
    assert classifier.output_names[10:] == ("No garment", "hat")
    hats, others = LEARNED.labeled(["hat"]), LEARNED.labeled(["No garment"])
    scores = [classifier.in_distribution_scores(one.model_inputs) for one in (hats, others)]
    # the base's class for other things is untrained: the threshold was not made for its scores
    assert scores[0].min() > max(IN_DISTRIBUTION_THRESHOLD, scores[1].max())
    effect = FineTuningEffect.load(run)
    assert len(effect.drawings) == len(LEARNED) and effect.others == 20


def test_the_last_block_learns_too_and_is_repeated(base: Run) -> None:
    run = make(base, part="last-block")
    old, new = Classifier.load(base.weights_path), Classifier.load(run.weights_path)
    weights = old.model.state_dict()
    changed = {k for k, v in new.model.state_dict().items() if not np.array_equal(weights[k], v)}
    assert changed == {"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"}
    kept = LEARNED.labeled(["hat", "Sneaker"])
    named = new.predict_proba(kept.model_inputs).argmax(1)
    assert [new.class_names[label] for label in named] == list(kept.labels)
    test = [stored_evaluation(one, "test") for one in (base, run)]
    assert (test[0].predicted_labels == test[1].predicted_labels).mean() > 0.75
    np.testing.assert_array_equal(
        evaluate(new, small_dataset().split("test")).logits, test[1].logits
    )
    again = fine_tuning.repeat(run, paths.runs_folder(), small_dataset())
    assert again.config == run.config
    assert again.weights_path.read_bytes() == run.weights_path.read_bytes()


@pytest.mark.parametrize("name", MODELS)
def test_which_networks_have_a_block_that_can_learn_is_known_without_them(name: str) -> None:
    network = create_model(name, seed=0)
    assert (learners.block_place(network) is None) == (name in fine_tuned._NO_BLOCK)


def test_what_cannot_be_fine_tuned_is_told(base: Run) -> None:
    few = OwnDrawings.of(drawings("hat", "Sneaker"))
    with pytest.raises(FineTuneError, match="There are 2 labeled drawings"):
        make(base, few)
    with pytest.raises(FineTuneError, match="There are 0 labeled drawings"):
        make(base, OwnDrawings.of(drawings("No garment", "No garment", "No garment")))
    with pytest.raises(OwnClassError, match="at most 5"):
        make(base, OwnDrawings.of(drawings(*"abcdef")))
    with pytest.raises(FineTuneError, match="no last block"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(fine_tuning, "block_place", lambda _: None)
        make(base, part="last-block")
    run = make(base)
    with pytest.raises(FineTuneError, match="fine-tuned already"):
        make(run)
    with pytest.raises(RunError, match="finished runs"):
        combine([base, run], paths.runs_folder())
    with pytest.raises(RunError, match="own drawings"):
        publish(run, paths.artifacts_folder() / "shipped", "mine", card=None)
    told = fine_tuned.why_not(replace(base, members=("a", "b"))) or ""
    assert "is an ensemble: its networks have no last layer in common" in told
    stopped = replace(base, state="stopped")
    assert "has not finished" in (fine_tuned.why_not(stopped) or "")
    assert fine_tuned.base_of(run).run_id == "base"
    store.delete_run(base)
    with pytest.raises(RunError, match="The base of .* is gone"):
        fine_tuned.base_of(run)


def test_a_changed_base_or_damaged_drawings_are_not_repeated(base: Run) -> None:
    run = make(base)
    run.drawings_path.write_bytes(run.drawings_path.read_bytes()[:-9])
    with pytest.raises(RunError, match="cannot be made again"):
        fine_tuning.repeat(run, paths.runs_folder(), small_dataset())
    Classifier(create_model("fashion-cnn", seed=9), models=["fashion-cnn"]).save(base.weights_path)
    with pytest.raises(FineTuneError, match="other weights"):
        fine_tuning.repeat(run, paths.runs_folder(), small_dataset())
    with pytest.raises(FineTuneError, match="not fine-tuned"):
        fine_tuning.repeat(base, paths.runs_folder(), small_dataset())


@pytest.mark.parametrize(
    ("name", "value"),
    [("model", "none"), ("base_weights", "x"), ("drawings_sha256", 3), ("own_classes", ["Bag"]),
     ("own_classes", ["a"] * 2), ("seed", -1), ("part", "all"),
     ("dataset", "mnist"), ("unknown", 1)],
)  # fmt: skip
def test_impossible_settings_make_a_broken_run(run: Run, name: str, value: object) -> None:
    document = read_json(run.config_path)
    document["config"][name] = value
    run.config_path.write_text(json.dumps(document))
    broken = store.open_run(paths.runs_folder(), run.run_id)
    assert broken.state == "broken" and "config.json cannot be read" in (broken.reason or "")


def test_settings_are_checked_without_a_file() -> None:
    values: dict[str, Any] = {
        "base": "a", "base_weights": "0" * 64, "model": "logistic", "dataset": "fashion-mnist",
        "protocol": "held-out", "drawings_sha256": "0" * 64,
    }  # fmt: skip
    assert FineTuneConfig(**values).models == ("logistic",)
    with pytest.raises(ConfigError, match="own_classes"):
        FineTuneConfig(**values, own_classes=("coat",))


@pytest.mark.parametrize("damage", ["{", '{"drawings": []}', "absent", "impossible"])
def test_a_damaged_effect_is_told(run: Run, damage: str) -> None:
    if damage == "absent":
        run.effect_path.unlink()
    elif damage == "impossible":
        values = json.loads(run.effect_path.read_text())
        run.effect_path.write_text(json.dumps(values | {"test_after": values["test"] + 1}))
        record(run.effect_path)
    else:
        run.effect_path.write_text(damage)
    with pytest.raises(RunError, match="cannot be read"):
        FineTuningEffect.load(run)
