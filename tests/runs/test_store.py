"""Folders of runs: made, listed, renamed, deleted; broken ones; who owns them."""

import errno
import io
import json
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import filelock
import pytest

from fmnist import checksums, paths
from fmnist.data.splits import SplitName
from fmnist.files import read_json, write_json
from fmnist.models.classifier import Classifier
from fmnist.models.registry import create_model
from fmnist.runs import store
from fmnist.runs.archive import zip_run
from fmnist.runs.config import TrainConfig
from fmnist.runs.history import EpochEntry, History, Progress, StepEntry
from fmnist.runs.loading import load_run
from fmnist.runs.run import ACTIVE_STATES, Run, RunError, State
from fmnist.runs.temperature import (
    Temperature,
    load_temperature,
    save_temperature,
    temperature_path,
)

ROOT = paths.PROJECT
CONFIG = TrainConfig(dataset="synthetic-garments", epochs=3)
PROGRESS = Progress(epoch=2, step=15, steps=30, seconds=60.0, images_per_second=800.0)


def entry(epoch: int, accuracy: float, loss: float = 1.0, split: SplitName = "test") -> EpochEntry:
    return EpochEntry(epoch, epoch * 10, 0.5, 0.8, split, loss, accuracy, epoch * 2.0, 900.0)


def write_history(run: Run, *entries: EpochEntry | StepEntry) -> None:
    lines = [
        e.to_json() if isinstance(e, EpochEntry) else {"kind": "step", **vars(e)} for e in entries
    ]
    run.history_path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return store.create_run(tmp_path, CONFIG, name="a run")


def reread(run: Run) -> Run:
    (found,) = store.list_runs(run.folder.parent)
    assert found == store.open_run(run.folder.parent, run.run_id)
    return found


# ---- history and progress ----


@pytest.mark.parametrize("split", ["validation", "test"])
def test_epoch_entries_to_json_and_back(split: SplitName) -> None:
    whole = EpochEntry(1, 30, 0.25, 0.9, split, 0.5, 0.8, 12.5, 900.0)
    line = whole.to_json()
    assert line["kind"] == "epoch"
    assert (line[f"{split}_loss"], line[f"{split}_accuracy"]) == (0.5, 0.8)
    assert History.from_lines([json.dumps(line)]).epochs == (whole,)


def test_history_keeps_both_kinds_of_lines_in_order() -> None:
    lines = [
        '{"kind": "step", "epoch": 1, "step": 5, "loss": 2.25, "seconds": 0.5}',
        json.dumps(entry(1, 0.5).to_json()),
        '{"kind": "step", "epoch": 2, "step": 15, "loss": 1.75, "seconds": 3.5}',
        json.dumps(entry(2, 0.6).to_json()),
    ]
    assert History.from_lines(lines) == History(
        (StepEntry(1, 5, 2.25, 0.5), StepEntry(2, 15, 1.75, 3.5)), (entry(1, 0.5), entry(2, 0.6))
    )


def test_best_is_the_first_of_equals() -> None:
    epochs = tuple(entry(i, a) for i, a in enumerate([0.5, 0.7, 0.7, 0.6], 1))
    best = History(epochs=epochs).best
    assert best is not None
    assert best.epoch == 2
    assert History().best is None


@pytest.mark.parametrize(
    ("losses", "epoch"),
    [
        ([], None),
        ([1.0], None),
        ([1.0, 1.1], None),  # one worse epoch may be chance
        ([1.0, 1.1, 1.2], 1),
        ([1.0, 0.8, 0.9, 0.85], 2),
        ([1.0, 0.9, 0.8, 0.7], None),
        ([1.0, 1.1, 1.2, 0.9], None),
    ],
)
def test_overfitting_starts_at_the_lowest_loss_before_two_higher_ones(
    losses: list[float], epoch: int | None
) -> None:
    history = History(epochs=tuple(entry(i, 0.5, x) for i, x in enumerate(losses, 1)))
    onset = history.overfitting_onset
    assert (onset.epoch if onset else None) == epoch


def test_progress_foresees_the_rest_at_the_pace_so_far() -> None:
    assert PROGRESS.fraction == 0.5
    assert PROGRESS.remaining == 60.0
    assert Progress(step=10, steps=40, seconds=5.0).remaining == 15.0
    assert Progress(step=40, steps=40, seconds=5.0).remaining == 0.0
    assert Progress(steps=40).remaining is None  # no pace yet
    assert Progress().fraction == 0.0


# ---- create, list, open ----


def test_a_new_run_is_queued_with_what_it_was_given(run: Run) -> None:
    with store.owning(run):
        found = reread(run)
    assert found.state == "queued"
    assert found.name == "a run"
    assert found.config == CONFIG
    assert found.created == run.created > 1.7e9
    assert (found.progress, found.history, found.reason) == (Progress(), History(), None)
    assert (found.dataset, found.environment) == ({}, {})
    assert [event.text for event in found.read_events()] == ["Created"]
    assert found.read_events()[0].time == run.created


def test_names_are_one_line_and_bounded_wherever_they_are_given(tmp_path: Path) -> None:
    run = store.create_run(tmp_path, CONFIG, name=" a\n\x1b[31mb\u202e ")
    assert run.name == reread(run).name == "a [31mb"
    store.rename_run(run, "c\r\nd")
    assert reread(run).name == "c d"
    before = list(tmp_path.iterdir())
    with pytest.raises(RunError, match="a name of 1 to 80 characters"):
        store.create_run(tmp_path, CONFIG, name="x" * 81)
    for name in ("x" * 81, "\u200b"):
        with pytest.raises(RunError, match="a name of 1 to 80 characters"):
            store.rename_run(run, name)
    assert list(tmp_path.iterdir()) == before
    assert reread(run).name == "c d"


def test_texts_of_others_are_one_line_and_bounded(run: Run) -> None:
    long = "a\n" * 50_000
    write_json(run.name_path, {"name": long})
    write_json(run.status_path, read_json(run.status_path) | {"state": "failed", "reason": long})
    run.log_event(long, time=1.0)
    found = reread(run)
    for text, limit in ((found.name, 80), (found.reason, 500), (found.read_events()[-1].text, 500)):
        assert text and len(text) <= limit and "\n" not in text and text.endswith("…")
    write_json(run.name_path, {"name": "\u200b"})
    assert reread(run).name == run.run_id
    write_json(run.config_path, {long: 1})
    assert len(str(reread(run).reason)) < 500


@pytest.mark.parametrize(("epochs", "name"), [(1, "1 epoch"), (20, "20 epochs")])
def test_a_run_is_named_after_its_model_by_default(tmp_path: Path, epochs: int, name: str) -> None:
    run = store.create_run(tmp_path, TrainConfig(epochs=epochs), name="  ")
    assert reread(run).name == f"fashion-cnn, {name}"


def test_status_history_and_details_are_read(run: Run) -> None:
    run.write_status("failed", PROGRESS, reason="The disk is full.")
    write_history(run, StepEntry(1, 5, 2.0, 1.0), entry(1, 0.75))
    document = json.loads(run.config_path.read_text())
    document |= {"dataset": {"checksum": "abc"}, "environment": {"torch": "2"}, "members": ["a"]}
    run.config_path.write_text(json.dumps(document))
    found = reread(run)
    assert (found.state, found.reason) == ("failed", "The disk is full.")
    assert found.progress == PROGRESS
    assert found.history == History((StepEntry(1, 5, 2.0, 1.0),), (entry(1, 0.75),))
    assert (found.dataset, found.environment) == ({"checksum": "abc"}, {"torch": "2"})
    assert found.members == ("a",)


def test_runs_are_listed_newest_first(tmp_path: Path) -> None:
    made = [store.create_run(tmp_path, CONFIG, name=str(number)) for number in range(4)]
    for run, created in zip(made, [30, 10, 40, 20], strict=True):
        document = json.loads(run.config_path.read_text())
        run.config_path.write_text(json.dumps(document | {"created": created}))
    assert [run.name for run in store.list_runs(tmp_path)] == ["2", "0", "3", "1"]
    assert len(set(store.run_ids(tmp_path))) == 4


def test_what_is_no_run_is_not_listed(run: Run) -> None:
    root = run.folder.parent
    (root / "notes.txt").write_text("mine")
    (root / "empty").mkdir()
    (root / "pictures").mkdir()
    (root / "pictures" / "a.png").write_bytes(b"mine")
    shutil.copytree(run.folder, root / ".hidden")
    assert [found.run_id for found in store.list_runs(root)] == [run.run_id]
    assert store.list_runs(root / "nowhere") == []


@pytest.mark.parametrize("run_id", ["absent", "", ".", "..", "../runs", "a/b", "/tmp", ".trash"])
def test_what_is_no_run_cannot_be_opened(run: Run, run_id: str) -> None:
    root = run.folder.parent
    shutil.copytree(run.folder, root / ".trash")  # a folder of that name may well be there
    shutil.copy(run.config_path, root)
    with pytest.raises(RunError, match="^There is no run "):
        store.open_run(root, run_id)
    with pytest.raises(RunError, match="is no longer in the trash"):
        store.restore_run(root, run_id)


# ---- broken folders ----


def changed(document: str, **values: Any) -> bytes:
    """A good file's content with some values of it changed."""
    good: dict[str, dict[str, Any]] = {
        "config": {"created": 5.0, "config": CONFIG.to_json()},
        "status": {"state": "finished", "reason": None, **vars(PROGRESS)},
        "step": {"kind": "step", "epoch": 1, "step": 5, "loss": 2.0, "seconds": 1.0},
        "epoch": entry(1, 0.5).to_json(),
    }
    return json.dumps(good[document] | values).encode()


def each(document: str, fields: str, *values: Any) -> list[bytes]:
    """A good file's content, with each of the fields changed to each of the values in turn."""
    return [changed(document, **{field: v}) for field in fields.split() for v in values]


NO_JSON = [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000]
NO_OBJECT = [b"[]", b"3", b"null", b'"text"', b"true", b'["config", "state", "kind"]', b"{}"]
NO_TEXTS: list[Any] = [None, [], 3, "text", {"checksum": 3}, {"torch": None}]
NO_NUMBER: list[Any] = [None, "1", True, [], {}, float("nan"), float("inf"), 10**400]
NO_WHOLE = [*NO_NUMBER, 1.5, -1]
BROKEN = {
    "config.json": [
        *NO_JSON, *NO_OBJECT,
        *each("config", "config", None, [], 3, "text", {"epochs": 0}, {"unknown": 1}),
        *each("config", "created", *NO_NUMBER, -1, 1e14),
        *each("config", "dataset environment", *NO_TEXTS),
        *each("config", "members", 3, "one", [3], {}, None),
    ],
    "status.json": [
        *NO_JSON, *NO_OBJECT,
        *each("status", "state", "exploded", None, 3, [], {}, ["running"]),
        *each("status", "reason", 3, [], {}, True),
        *each("status", "epoch step steps", *NO_WHOLE),
        *each("status", "seconds images_per_second", *NO_NUMBER),
    ],
    "history.jsonl": [
        changed("step") + b"\n" + line + b"\n" + changed("epoch") + b"\n"
        for line in (
            *NO_JSON, *NO_OBJECT,
            *each("step", "kind", "other", None, 3, []),
            *each("step", "epoch step", *NO_WHOLE),
            *each("step", "loss seconds", *NO_NUMBER),
            *each("epoch", "epoch step", *NO_WHOLE),
            *each("epoch", "train_loss train_accuracy test_loss test_accuracy", *NO_NUMBER),
            *each("epoch", "seconds images_per_second", *NO_NUMBER),
        )
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_these_files_are_good_but_for_what_is_changed_below(run: Run, name: str) -> None:
    run.config_path.write_bytes(changed("config"))
    run.status_path.write_bytes(changed("status"))
    run.history_path.write_bytes(changed("step") + b"\n" + changed("epoch") + b"\n")
    assert (reread(run).state, reread(run).created) == ("finished", 5.0)
    (run.folder / name).write_bytes(BROKEN[name][-1])
    assert reread(run).state == "broken"


@pytest.mark.parametrize("name", BROKEN)
def test_a_damaged_file_shows_as_broken_with_its_reason(run: Run, name: str) -> None:
    root = run.folder.parent
    other = store.create_run(root, CONFIG, name="another")
    for content in BROKEN[name]:
        (run.folder / name).write_bytes(content)
        found = {r.run_id: r for r in store.list_runs(root)}
        broken = found[run.run_id]
        assert broken.state == "broken", content[:200]
        assert name in str(broken.reason), content[:200]
        assert broken.name == "a run"
        assert (broken.config == CONFIG) is (name != "config.json"), content[:200]
        assert found[other.run_id].state == "interrupted"  # the others are still there
        assert store.open_run(root, run.run_id) == broken


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ([entry(1, 0.5), entry(1, 0.5)], "its epochs are not 1, 2, 3"),
        ([entry(2, 0.5)], "its epochs are not 1, 2, 3"),
        ([entry(10**9, 0.5)], "its epochs are not 1, 2, 3"),
        ([entry(2, 0.5), entry(1, 0.5)], "its epochs are not 1, 2, 3"),
        ([StepEntry(1, 5, 2.0, 1.0)] * 2, "its steps do not rise"),
        ([StepEntry(3, 5, 2.0, 1.0)], "steps of epochs that it lacks"),
        ([StepEntry(0, 5, 2.0, 1.0)], "steps of epochs that it lacks"),
    ],
)
def test_a_history_that_no_training_writes_shows_as_broken(
    run: Run, entries: list[EpochEntry | StepEntry], problem: str
) -> None:
    write_history(run, *entries)
    broken = reread(run)
    assert broken.state == "broken"
    assert problem in str(broken.reason) and "restore the file from a copy" in str(broken.reason)


def test_more_steps_than_the_whole_run_show_as_broken(run: Run) -> None:
    run.write_status("finished", Progress(1, 11, 10))
    assert "more steps or epochs than the whole run" in str(reread(run).reason)


def test_a_run_that_cannot_be_looked_into_is_broken_and_the_others_are_listed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = run.folder.parent
    other = store.create_run(root, CONFIG, name="another")
    locked = run.folder
    for name in ("exists", "open"):
        original = getattr(Path, name)

        def refuse(path: Path, *rest: Any, original: Any = original, **more: Any) -> Any:
            if locked in path.parents:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return original(path, *rest, **more)

        monkeypatch.setattr(Path, name, refuse)
    found = {r.run_id: r for r in store.list_runs(root)}
    assert found[run.run_id].state == "broken"
    assert "permission is missing" in str(found[run.run_id].reason)
    assert found[other.run_id].state == "interrupted"


def test_a_file_in_place_of_the_folder_of_runs_is_told(tmp_path: Path) -> None:
    (tmp_path / "artifacts").write_text("")
    with pytest.raises(RunError, match="runs cannot be used, since a part of its path is a file"):
        store.list_runs(tmp_path / "artifacts" / "runs")


def test_a_history_that_is_no_text_shows_as_broken(run: Run) -> None:
    run.history_path.write_bytes(b"\xff\xfe\x00\n")
    assert reread(run).state == "broken"


def test_a_line_of_the_history_that_a_crash_cut_off_is_left_out(run: Run) -> None:
    write_history(run, StepEntry(1, 5, 2.0, 1.0))
    with run.history_path.open("a") as stream:
        stream.write('{"kind": "st')
    assert reread(run).history == History((StepEntry(1, 5, 2.0, 1.0),))


@pytest.mark.parametrize("name", ["config.json", "status.json"])
def test_a_field_that_is_not_known_shows_as_broken(run: Run, name: str) -> None:
    path = run.folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | {"unknown": 1}))
    reason = str(reread(run).reason)
    assert reason.startswith(f"{name} cannot be read (unknown: Extra inputs")
    assert reason.endswith("; restore it from a copy, or delete the run.")


def test_the_history_knows_one_split_an_epoch(run: Run) -> None:
    line = entry(1, 0.5).to_json()
    for wrong in (
        line | {"validation_loss": 1.0, "validation_accuracy": 0.5},
        {k: v for k, v in line.items() if k != "test_loss"},
        line | {"test_loss": None},
        line | {"test_accuracy": 1.5},
    ):
        run.history_path.write_text(json.dumps(wrong) + "\n")
        assert "line 1 of history.jsonl is damaged" in str(reread(run).reason)


def test_status_tells_the_phase(run: Run) -> None:
    progress = replace(PROGRESS, phase="evaluating", phase_fraction=0.25)
    with store.owning(run):
        run.write_status("running", progress)
        assert reread(run).progress == progress
    status = json.loads(run.status_path.read_text())
    del status["phase"], status["phase_fraction"]  # earlier versions had none
    run.status_path.write_text(json.dumps(status))
    assert reread(run).progress == PROGRESS


@pytest.mark.parametrize("name", ["config.json", "status.json", "history.jsonl"])
def test_a_folder_in_a_files_place_shows_as_broken(run: Run, name: str) -> None:
    (run.folder / name).unlink(missing_ok=True)
    (run.folder / name).mkdir()
    assert reread(run).state == "broken"
    assert reread(run).reason


def test_a_run_without_status_is_broken(run: Run) -> None:
    run.status_path.unlink()
    assert reread(run).state == "broken"
    expected = "status.json is missing; restore it from a copy, or delete the run."
    assert reread(run).reason == expected
    assert load_run_refuses(run) == f"The run a run is broken: {expected}"


def load_run_refuses(run: Run) -> str:
    with pytest.raises(RunError) as caught:
        load_run(run.run_id, folder=run.folder.parent)
    return str(caught.value)


def test_a_run_that_has_lost_its_settings_is_listed_and_can_be_deleted(run: Run) -> None:
    run.config_path.unlink()
    lost = reread(run)
    assert (lost.state, lost.name) == ("broken", "a run")
    assert lost.reason == "config.json is missing; restore it from a copy, or delete the run."
    store.delete_run(lost)
    assert store.list_runs(run.folder.parent) == []
    assert store.restore_run(run.folder.parent, run.run_id) == lost


def test_a_finished_run_without_its_history_is_broken(run: Run) -> None:
    write_history(run, entry(1, 0.75))
    run.write_status("finished", PROGRESS)
    assert reread(run).state == "finished"
    run.history_path.write_text("")
    for _ in range(2):
        assert reread(run).state == "broken"
        assert reread(run).reason == (
            "history.jsonl is missing; restore it from a copy, or delete the run."
        )
        run.history_path.unlink(missing_ok=True)
    run.write_status("stopped", PROGRESS)  # before its first epoch
    assert reread(run).state == "stopped"


def test_a_changed_figure_of_the_history_is_noticed(run: Run) -> None:
    write_history(run, StepEntry(1, 5, 2.0, 1.0), entry(1, 0.75))
    run.write_status("stopped", PROGRESS)
    checksums.record(run.history_path)
    assert reread(run).state == "stopped"
    run.history_path.write_text(run.history_path.read_text().replace("0.75", "0.85"))
    broken = reread(run)
    assert broken.state == "broken"
    assert broken.reason == (
        "the file history.jsonl is damaged (its checksum differs); restore it from a copy, or "
        "delete the run."
    )
    (run.folder / checksums.FILE).write_text("{")
    assert "checksums.json is damaged; restore it from a copy, or delete it" in str(
        reread(run).reason
    )
    (run.folder / checksums.FILE).unlink()
    assert reread(run).history.epochs[0].accuracy == 0.85


def test_a_broken_run_classifies_nothing(run: Run) -> None:
    """Its temperature belongs to an epoch that nobody knows any more."""
    write_history(run, entry(1, 0.8))
    save_temperature(reread(run), Temperature(1.85, 1, 0.26, 0.2))
    Classifier(create_model("logistic", seed=0), models=["logistic"]).save(run.weights_path)
    assert load_run(run.run_id, folder=run.folder.parent).temperature == 1.85
    run.history_path.write_text("{}\n")
    assert "is broken: line 1 of history.jsonl" in load_run_refuses(run)
    with pytest.raises(RunError, match="is broken: line 1 of history"):
        load_temperature(reread(run))


@pytest.mark.parametrize(
    "content", [None, b"", b"[]", b"3", b'{"name": ""}', b'{"name": 3}', b'{"name": null}', b"\xff"]
)
def test_without_a_readable_name_it_goes_by_its_id(run: Run, content: bytes | None) -> None:
    run.name_path.unlink()
    if content is not None:
        run.name_path.write_bytes(content)
    assert reread(run).name == run.run_id
    assert reread(run).state == "interrupted"  # broken it is not


def test_damaged_events_are_left_out(run: Run) -> None:
    with run.events_path.open("ab") as stream:
        for line in (b"", b"{", b"[]", b"\xff\xfe", b'{"time": "noon", "text": "x"}', b"[" * 10**5,
                     b'{"time": 1e300, "text": "x"}', b'{"time": NaN, "text": "x"}'):  # fmt: skip
            stream.write(line + b"\n")
    run.log_event("Started", time=5.0)
    with run.events_path.open("ab") as stream:
        stream.write(b'{"time": 6.0, "te')  # cut off by a crash
    assert [event.text for event in run.read_events()] == ["Created", "Started"]
    run.events_path.unlink()
    assert run.read_events() == []
    run.events_path.mkdir()
    with pytest.raises(IsADirectoryError):
        run.read_events()


@pytest.mark.parametrize("state", get_args(State))
def test_a_lock_that_cannot_be_opened_is_held_by_nobody(run: Run, state: State) -> None:
    (run.folder / ".lock").mkdir()
    write_history(run, entry(1, 0.5))
    run.write_status(state, PROGRESS)
    expected = "interrupted" if state in ACTIVE_STATES else state
    assert reread(run).state == expected


# ---- owners ----


@contextmanager
def owned_by_thread(run: Run) -> Iterator[None]:
    taken, free = threading.Event(), threading.Event()

    def own() -> None:
        with store.owning(run):
            taken.set()
            free.wait()

    thread = threading.Thread(target=own)
    thread.start()
    assert taken.wait(60)
    try:
        yield
    finally:
        free.set()
        thread.join()


@contextmanager
def owned_by_process(run: Run) -> Iterator[None]:
    script = (
        "import sys; from pathlib import Path; from fmnist.runs import store\n"
        "with store.owning(store.open_run(Path(sys.argv[1]), sys.argv[2])):\n"
        "    print('taken', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(run.folder.parent), run.run_id],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        assert child.stdout and child.stdout.readline() == "taken\n"
        yield
        child.kill()  # nobody gives the lock back: the system takes it


Owner = Callable[[Run], Any]
ACTIVE: tuple[State, ...] = ("queued", "running", "paused")
OWNERS = [store.owning, owned_by_thread, owned_by_process]


@pytest.mark.parametrize("owner", OWNERS)
def test_a_run_runs_while_somebody_owns_it(run: Run, owner: Owner) -> None:
    for state in ACTIVE:
        run.write_status(state, PROGRESS)
        assert reread(run).state == "interrupted"
    with owner(run):
        assert store.is_owned(run.folder)
        for state in ACTIVE:
            run.write_status(state, PROGRESS)
            assert reread(run).state == state
    assert not store.is_owned(run.folder)
    assert reread(run).state == "interrupted"


@pytest.mark.parametrize("state", ["finished", "stopped", "failed"])
def test_a_run_that_has_ended_needs_no_owner(run: Run, state: State) -> None:
    write_history(run, entry(1, 0.5))
    run.write_status(state, PROGRESS)
    assert reread(run).state == state


@pytest.mark.parametrize("owner", OWNERS)
def test_an_owned_run_can_neither_be_owned_again_nor_deleted(
    run: Run, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lock(self: Run) -> filelock.BaseFileLock:  # one that does not wait for five seconds
        return filelock.FileLock(self.folder / ".lock", timeout=0, thread_local=False)

    monkeypatch.setattr(Run, "lock", lock)
    with owner(run):
        with pytest.raises(RunError, match="already being trained elsewhere"), store.owning(run):
            pass
        with pytest.raises(RunError, match="a run is training; stop it before deleting it"):
            store.delete_run(run)
        assert store.is_owned(run.folder)  # being refused took nothing away
    assert reread(run).state == "interrupted"
    store.delete_run(run)


def test_an_owner_that_fails_gives_the_run_back(run: Run) -> None:
    with pytest.raises(ZeroDivisionError), store.owning(run):
        raise ZeroDivisionError
    assert not store.is_owned(run.folder)


def test_looking_at_a_run_disturbs_nobody(run: Run) -> None:
    run.write_status("running", PROGRESS)
    with store.owning(run):
        pass  # leaves the lock's file
    together = threading.Barrier(4)
    states: list[str] = []

    def look() -> None:
        together.wait()
        states.extend(store.open_run(run.folder.parent, run.run_id).state for _ in range(200))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        with store.owning(run):  # never refused for somebody's looking
            assert store.is_owned(run.folder)
    for thread in threads:
        thread.join()
    assert len(states) == 800


def test_lookers_do_not_take_each_other_for_the_owner(run: Run) -> None:
    run.write_status("running", PROGRESS)
    with store.owning(run):
        pass
    together = threading.Barrier(4)
    states: set[str] = set()

    def look() -> None:
        together.wait()
        states.update(store.open_run(run.folder.parent, run.run_id).state for _ in range(200))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert states == {"interrupted"}


# ---- rename, delete, restore, zip ----


def test_rename(run: Run) -> None:
    store.rename_run(run, "  my \n best   run ")
    assert reread(run).name == "my best run"
    store.rename_run(run, "x" * 80)
    assert reread(run).name == "x" * 80


@pytest.mark.parametrize("name", ["", " \n\t", "x" * 81])
def test_a_name_has_1_to_80_characters(run: Run, name: str) -> None:
    with pytest.raises(RunError, match="a name of 1 to 80 characters"):
        store.rename_run(run, name)
    assert reread(run).name == "a run"


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder but the lock."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_deleted_run_can_be_brought_back(run: Run) -> None:
    root = run.folder.parent
    run.evaluation_path("test").write_bytes(b"logits")
    before = contents(run.folder)
    store.delete_run(run)
    assert store.list_runs(root) == []
    assert not run.folder.exists()
    with pytest.raises(RunError, match="it may have been deleted"):
        store.open_run(root, run.run_id)
    assert store.restore_run(root, run.run_id) == reread(run)
    assert contents(run.folder) == before
    with pytest.raises(RunError, match="is no longer in the trash"):
        store.restore_run(root, run.run_id)


def test_one_undo_is_kept(run: Run) -> None:
    root = run.folder.parent
    second = store.create_run(root, CONFIG)
    store.delete_run(run)
    store.delete_run(second)
    with pytest.raises(RunError, match="is no longer in the trash"):
        store.restore_run(root, run.run_id)
    assert store.restore_run(root, second.run_id).run_id == second.run_id


def test_deleting_twice_keeps_the_undo(run: Run) -> None:
    before = contents(run.folder)
    store.delete_run(run)
    with pytest.raises(RunError, match="it may have been deleted"):
        store.delete_run(run)  # a second click, or another tab
    assert not run.folder.exists()
    store.restore_run(run.folder.parent, run.run_id)
    assert contents(run.folder) == before


def test_a_broken_run_can_be_deleted(run: Run) -> None:
    run.config_path.write_text("{")
    store.delete_run(reread(run))
    assert store.list_runs(run.folder.parent) == []


def test_a_failed_deletion_keeps_the_undo_of_before(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = run.folder.parent
    second = store.create_run(root, CONFIG)
    store.delete_run(run)

    def fail(self: Path, target: Path) -> Path:
        raise OSError("disk trouble")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="disk trouble"):
        patch.setattr(Path, "rename", fail)
        store.delete_run(second)
    assert {r.run_id for r in store.list_runs(root)} == {second.run_id}
    store.restore_run(root, run.run_id)
    assert {r.run_id for r in store.list_runs(root)} == {run.run_id, second.run_id}


def test_several_are_deleted_and_brought_back_together(run: Run) -> None:
    root = run.folder.parent
    second, third = (store.create_run(root, CONFIG) for _ in range(2))
    store.delete_run(third)
    store.delete_runs([run, second])
    assert store.list_runs(root) == []
    for each in (run, second):
        assert store.restore_run(root, each.run_id) == store.open_run(root, each.run_id)
    with pytest.raises(RunError, match="is no longer in the trash"):
        store.restore_run(root, third.run_id)  # one undo is kept


def test_of_several_all_are_deleted_or_none(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    root = run.folder.parent
    second, third = (store.create_run(root, CONFIG) for _ in range(2))
    store.delete_run(third)
    with store.owning(second), pytest.raises(RunError, match="is training"):
        store.delete_runs([run, second])
    assert {each.run_id for each in store.list_runs(root)} == {run.run_id, second.run_id}
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if self == second.folder:
            raise OSError("disk trouble")
        return rename(self, target)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="disk trouble"):
        patch.setattr(Path, "rename", fail)
        store.delete_runs([run, second])
    assert {each.run_id for each in store.list_runs(root)} == {run.run_id, second.run_id}
    assert store.restore_run(root, third.run_id).run_id == third.run_id


def fail_from(*folders: Path) -> Callable[[Path, Path], Path]:
    """`Path.rename` on a disk that takes no folder from these places."""
    rename = Path.rename

    def renamed(self: Path, target: Path) -> Path:
        if self in folders:
            raise OSError(errno.EIO, "disk trouble")
        return rename(self, target)

    return renamed


def test_which_are_deleted_is_told_where_it_cannot_be_undone(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = run.folder.parent
    second, third = (store.create_run(root, CONFIG, name=name) for name in ("B", "C"))
    stuck = fail_from(third.folder, root / ".trash" / run.run_id)
    with monkeypatch.context() as patch, pytest.raises(store.PartlyDeletedError) as caught:
        patch.setattr(Path, "rename", stuck)
        store.delete_runs([run, second, third])
    assert str(caught.value) == "a run was deleted, B and C were not: the disk failed; check it."
    assert caught.value.deleted == (run,)
    assert {each.name for each in store.list_runs(root)} == {"B", "C"}
    assert store.can_restore(root, run.run_id) and not store.can_restore(root, second.run_id)


def test_those_still_in_the_trash_are_brought_back(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = run.folder.parent
    second, third = (store.create_run(root, CONFIG, name=name) for name in ("B", "C"))
    every = [each.run_id for each in (run, second, third)]
    store.delete_runs([run, second, third])
    with monkeypatch.context() as patch, pytest.raises(OSError, match="disk trouble"):
        patch.setattr(Path, "rename", fail_from(root / ".trash" / third.run_id))
        store.restore_runs(root, every)
    assert store.list_runs(root) == []  # none of them, so that Undo can be tried again
    shutil.copytree(root / ".trash" / second.run_id, second.folder)
    with pytest.raises(
        RunError, match=r"^a run and C were brought back, B was not: There is a fol"
    ):
        store.restore_runs(root, every)
    assert len(store.list_runs(root)) == 3
    with pytest.raises(RunError, match="no longer in the trash"):
        store.restore_runs(root, every[:1])


def test_a_run_that_was_copied_back_can_be_deleted_again(run: Run) -> None:
    root = run.folder.parent
    store.delete_run(run)
    shutil.copytree(root / ".trash" / run.run_id, run.folder)
    with pytest.raises(RunError, match="There is a folder .* already"):
        store.restore_run(root, run.run_id)
    store.rename_run(run, "the copy")
    store.delete_run(run)
    assert store.restore_run(root, run.run_id).name == "the copy"
    assert [path.name for path in (root / ".trash").iterdir()] == []


@pytest.mark.parametrize(
    "attempt",
    [
        lambda run: run.write_status("running", PROGRESS),
        lambda run: run.write_failure("It failed.", PROGRESS),
        lambda run: store.rename_run(run, "new name"),
        lambda run: save_temperature(run, Temperature(1.85, 1, 0.26, 0.2)),
        lambda run: store.acquire(run),
        lambda run: store.delete_run(run),
        lambda run: run.log_event("x", time=1.0),
        lambda run: store.is_owned(run.folder),
        lambda run: checksums.write_checked(run.weights_path, b"weights"),
    ],
)
def test_nothing_makes_a_folder_that_was_removed(run: Run, attempt: Callable[[Run], Any]) -> None:
    shutil.rmtree(run.folder)
    with suppress(RunError, FileNotFoundError):
        attempt(run)
    assert list(run.folder.parent.iterdir()) == []


@pytest.mark.parametrize("seconds", [0, -(10**9), 10**10])
def test_zip_takes_any_date(run: Run, seconds: int) -> None:
    os.utime(run.config_path, (seconds, seconds))
    archive = zipfile.ZipFile(io.BytesIO(zip_run(run)))
    assert archive.testzip() is None
    name = f"{run.run_id}/config.json"
    assert archive.read(name) == run.config_path.read_bytes()
    assert archive.getinfo(name).date_time[0] == (1980 if seconds <= 0 else 2107)


def test_zip_leaves_links_and_exports_out(
    run: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (run.exports_folder / "onnx").mkdir(parents=True)
    (run.exports_folder / "onnx" / "model.onnx").write_text("made again when asked for")
    elsewhere = tmp_path_factory.mktemp("private")
    (elsewhere / "secret").write_text("secret")
    (run.folder / "notes.txt").symlink_to(elsewhere / "secret")
    (run.folder / "pictures").symlink_to(elsewhere)
    (run.folder / "evaluation" / "test.npz").symlink_to(elsewhere / "secret")
    archive = zipfile.ZipFile(io.BytesIO(zip_run(run)))
    assert sorted(archive.namelist()) == [
        f"{run.run_id}/{name}"
        for name in ("config.json", "events.jsonl", "name.json", "status.json")
    ]


def test_zip_of_a_run_that_trains_fits_its_checksums(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checksums.write_checked(run.checkpoint_path, b"step 1")
    checksums.write_checked(run.weights_path, b"epoch 1")
    read_bytes = Path.read_bytes

    def train_on(self: Path) -> bytes:
        content = read_bytes(self)
        if self == run.weights_path:  # later than checkpoint.pt, earlier than the checksums
            checksums.write_checked(run.checkpoint_path, b"step 2")
            monkeypatch.undo()
        return content

    monkeypatch.setattr(Path, "read_bytes", train_on)
    packed = zip_run(run)
    assert run.checkpoint_path.read_bytes() == b"step 2"
    zipfile.ZipFile(io.BytesIO(packed)).extractall(tmp_path / "other")
    copy = replace(run, folder=tmp_path / "other" / run.run_id)
    assert copy.checkpoint_path.read_bytes() == b"step 1"
    for path in (copy.checkpoint_path, copy.weights_path):
        assert checksums.has_checksum(path)
        checksums.verify(path)


def test_zip_of_a_damaged_run_does_not_make_it_sound(run: Run, tmp_path: Path) -> None:
    checksums.write_checked(run.weights_path, b"weights")
    run.weights_path.write_bytes(b"wEights")
    zipfile.ZipFile(io.BytesIO(zip_run(run))).extractall(tmp_path / "other")
    copy = replace(run, folder=tmp_path / "other" / run.run_id)
    with pytest.raises(ValueError, match=r"model\.safetensors is damaged"):
        checksums.verify(copy.weights_path)


def test_zip_holds_the_folder_but_what_is_for_the_moment(run: Run) -> None:
    run.evaluation_path("test").write_bytes(b"logits")
    expected = {f"{run.run_id}/{name}": content for name, content in contents(run.folder).items()}
    assert len(expected) == 5
    (run.folder / ".checkpoint.pt.x.tmp").write_bytes(b"half")
    with store.owning(run):
        archive = zipfile.ZipFile(io.BytesIO(zip_run(run)))
    assert archive.testzip() is None
    assert {name: archive.read(name) for name in archive.namelist()} == expected


def test_a_zip_unpacked_is_a_run_again(run: Run, tmp_path: Path) -> None:
    write_history(run, entry(1, 0.5))
    run.write_status("finished", PROGRESS)
    other = tmp_path / "other"
    zipfile.ZipFile(io.BytesIO(zip_run(run))).extractall(other)
    found = store.open_run(other, run.run_id)
    assert (found.state, found.name, found.config) == ("finished", "a run", CONFIG)


# ---- where runs live ----


def test_artifacts_folder_follows_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FMNIST_ARTIFACTS", raising=False)
    assert paths.runs_folder() == ROOT / "artifacts" / "runs"
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path))
    assert paths.runs_folder() == tmp_path / "runs"
    assert paths.pretrained_folder() == ROOT / "artifacts" / "pretrained"


# ---- temperature ----


def test_a_temperature_is_kept_with_the_run(run: Run) -> None:
    write_history(run, entry(1, 0.8), entry(2, 0.9))
    run = reread(run)
    assert load_temperature(run) is None
    kept = Temperature(1.85, 2, 0.26, 0.2)
    save_temperature(run, kept)
    assert load_temperature(run) == kept
    assert temperature_path(run).parent == run.folder  # so that its archive has it
    save_temperature(run, None)
    assert load_temperature(run) is None
    save_temperature(run, None)


def test_a_temperature_of_other_weights_is_none(run: Run) -> None:
    save_temperature(run, Temperature(1.85, 1, 0.26, 0.2))
    assert load_temperature(run) is None  # no epoch yet
    write_history(run, entry(1, 0.8))
    assert load_temperature(reread(run)) is not None
    write_history(run, entry(1, 0.8), entry(2, 0.9))
    assert load_temperature(reread(run)) is None


@pytest.mark.parametrize(
    "content", ["rubbish", "{}", "[]", '{"temperature": 0, "epoch": 1, "loss_before": 1, '
    '"loss_after": 1}', '{"temperature": NaN, "epoch": 1, "loss_before": 1, "loss_after": 1}'],
)  # fmt: skip
def test_a_damaged_temperature_is_told(run: Run, content: str) -> None:
    temperature_path(run).write_text(content)
    with pytest.raises(RunError, match=r"cannot be read .*; delete .*temperature\.json"):
        load_temperature(run)


def test_a_shipped_models_folder_stays_as_it_came(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "pretrained_folder", lambda: tmp_path)
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path / "artifacts"))
    before = sorted(run.folder.iterdir())
    save_temperature(run, Temperature(1.85, 1, 0.26, 0.2))
    assert sorted(run.folder.iterdir()) == before
    write_history(run, entry(1, 0.8))
    kept = load_temperature(store.open_run(tmp_path, run.run_id))
    assert kept and kept.value == 1.85
