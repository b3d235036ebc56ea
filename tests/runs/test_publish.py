"""Publishing: what is copied, what is refused, what survives a failure."""

from pathlib import Path

import numpy as np
import pytest

from fmnist.checksums import write_checked
from fmnist.evaluation.predictions import EpochEvaluations
from fmnist.reports.model_card import card_of, is_card_current
from fmnist.runs import store
from fmnist.runs.check import check_run
from fmnist.runs.publish import companion_of, publish
from fmnist.runs.run import RunError, State
from tools.made_up_run import made_up_run


def test_published_folder_holds_what_it_should_and_no_more(tmp_path: Path) -> None:
    run = made_up_run(tmp_path / "runs", name="Mine")
    published = publish(run, tmp_path / "shipped", "fashion-cnn", card=card_of)
    files = {
        str(p.relative_to(published.folder)) for p in published.folder.rglob("*") if p.is_file()
    }
    assert files == {
        "README.md", "checksums.json", "config.json", "name.json", "status.json", "history.jsonl",
        "model.safetensors", "evaluation/validation.npz", "evaluation/test.npz",
        "evaluation/epochs.npz",
    }  # fmt: skip
    assert [p.name for p in (tmp_path / "shipped").iterdir()] == ["fashion-cnn"]
    assert (published.state, published.name, published.config) == ("finished", "Mine", run.config)
    assert published.history == run.history
    assert 'fmnist.load_pretrained("fashion-cnn")' in (published.folder / "README.md").read_text()
    # smaller, and still the same
    assert published.epochs_path.stat().st_size < run.epochs_path.stat().st_size / 2
    before, after = (
        EpochEvaluations.load(run.epochs_path),
        EpochEvaluations.load(published.epochs_path),
    )
    assert np.array_equal(before.logits, after.logits)
    assert np.array_equal(before.labels, after.labels)
    assert (before.split, after.split) == ("validation", "validation")


def test_weights_of_the_chosen_epochs_are_copied(tmp_path: Path) -> None:
    run = made_up_run(tmp_path / "runs")
    run.epoch_weights_folder.mkdir()
    for epoch in range(4):
        write_checked(run.epoch_weights_path(epoch), f"weights of epoch {epoch}".encode())
    root = tmp_path / "shipped"
    published = publish(run, root, "a", card=card_of, epoch_weights=(3, 0))
    assert published.epochs_with_weights() == [0, 3]
    assert published.epoch_weights_path(3).read_bytes() == b"weights of epoch 3"
    assert check_run(published).problems == ()
    with pytest.raises(RunError, match=r"no weights of epoch 5; train one with --epoch-weights"):
        publish(run, root, "b", card=card_of, epoch_weights=(0, 5))
    run.epoch_weights_path(3).write_bytes(b"damaged")
    with pytest.raises(RunError, match="damaged"):
        publish(run, root, "b", card=card_of, epoch_weights=(0, 3))
    assert not (root / "b").exists()


def test_publishing_without_weights_says_so(tmp_path: Path) -> None:
    run = made_up_run(tmp_path / "runs")
    published = publish(
        run, tmp_path / "shipped", "a", title=" Another  title ", weights=False, card=card_of
    )
    card = (published.folder / "README.md").read_text()
    assert not published.weights_path.exists()
    assert card.startswith("# Another title\n")
    assert "weights are not shipped" in card
    assert "load_pretrained" not in card
    run.weights_path.unlink()
    with pytest.raises(RunError, match="no weights"):
        publish(run, tmp_path / "shipped", "b", card=card_of)


@pytest.mark.parametrize("state", ["stopped", "interrupted", "failed", "paused"])
def test_unfinished_runs_are_refused(tmp_path: Path, state: State) -> None:
    run = made_up_run(tmp_path / "runs")
    run.write_status(state, run.progress)
    run = store.open_run(tmp_path / "runs", run.run_id)
    with pytest.raises(RunError, match="only a finished run"):
        publish(run, tmp_path / "shipped", "a", card=card_of)
    assert not (tmp_path / "shipped").exists()


def test_subset_runs_and_impossible_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="500 images only"):
        publish(made_up_run(tmp_path / "runs", subset=500), tmp_path / "shipped", "a", card=card_of)
    fold = made_up_run(tmp_path / "runs", left_out_fold=2)
    with pytest.raises(RunError, match="left a part of the training images out"):
        publish(fold, tmp_path / "shipped", "a", card=card_of)
    run = made_up_run(tmp_path / "runs")
    for name in ("", "..", "a/b", ".hidden", "Capital", "a" * 80):
        with pytest.raises(RunError, match="cannot be used"):
            publish(run, tmp_path / "shipped", name, card=card_of)


def test_shipped_model_is_replaced_only_by_force_and_survives_failure(tmp_path: Path) -> None:
    root = tmp_path / "shipped"
    publish(made_up_run(tmp_path / "runs", name="First"), root, "a", card=card_of)
    second = made_up_run(tmp_path / "runs", name="Second")
    with pytest.raises(RunError, match="--force"):
        publish(second, root, "a", card=card_of)
    damaged = made_up_run(tmp_path / "runs", name="Damaged")
    damaged.epochs_path.write_bytes(b"junk")
    with pytest.raises(RunError, match=r"epochs\.npz is damaged"):
        publish(damaged, root, "a", force=True, card=card_of)
    assert store.open_run(root, "a").name == "First"
    assert publish(second, root, "a", force=True, card=card_of).name == "Second"
    assert [p.name for p in root.iterdir()] == ["a"]


def test_old_model_comes_back_when_the_new_one_cannot_be_moved_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "shipped"
    publish(made_up_run(tmp_path / "runs", name="First"), root, "a", card=card_of)
    second = made_up_run(tmp_path / "runs", name="Second")
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if self.name == target.name == "a" and target.parent == root:
            raise OSError("disk trouble")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match="disk trouble"):
        publish(second, root, "a", force=True, card=card_of)
    assert [p.name for p in root.iterdir()] == ["a"]
    assert store.open_run(root, "a").name == "First"


def test_publishing_either_companion_rewrites_the_others_card(tmp_path: Path) -> None:
    root = tmp_path / "shipped"
    held_out = publish(made_up_run(tmp_path / "runs", name="Held out"), root, "x", card=card_of)
    card = held_out.folder / "README.md"
    assert "Test accuracy, notebook protocol" not in card.read_text()
    notebook = made_up_run(tmp_path / "runs", protocol="notebook", name="The notebook's")
    published = publish(notebook, root, "x-notebook", card=card_of)
    assert "Test accuracy, notebook protocol" in card.read_text()
    other = (published.folder / "README.md").read_text()
    assert "[Held out](../x/README.md) has a test accuracy of 94.10%" in other
    assert is_card_current(held_out, root)
    again = made_up_run(tmp_path / "runs", name="Held out again")
    publish(again, root, "x", force=True, card=card_of)
    assert "[Held out again](../x/README.md)" in (published.folder / "README.md").read_text()


@pytest.mark.parametrize(
    "settings",
    [{"protocol": "held-out"}, {"protocol": "notebook", "dataset": "synthetic-garments"}],
    ids=["same protocol", "other data set"],
)
def test_only_the_other_protocol_of_the_same_recipe_is_a_companion(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    run = made_up_run(tmp_path, folder="x")
    made_up_run(tmp_path, folder="x-notebook", **settings)  # type: ignore[arg-type]
    assert companion_of(run, tmp_path) is None


def test_broken_or_unfinished_neighbors_are_no_companions(tmp_path: Path) -> None:
    run = made_up_run(tmp_path, folder="x")
    notebook = made_up_run(tmp_path, folder="x-notebook", protocol="notebook")
    found = companion_of(run, tmp_path)
    assert found is not None
    assert found.run_id == "x-notebook"
    back = companion_of(notebook, tmp_path)
    assert back is not None
    assert back.run_id == "x"
    notebook.write_status("stopped", notebook.progress)
    assert companion_of(run, tmp_path) is None
    notebook.config_path.write_text("junk")
    assert companion_of(run, tmp_path) is None
