"""What people do that writes: from a folder before it to the folder after it."""

import io
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, cast
from unittest import mock

import numpy as np

from fmnist.checksums import file_digest
from fmnist.evaluation import label_verdict_files, odd_images, verdict_files
from fmnist.evaluation.duplicates import Pairs
from fmnist.evaluation.image_sets import ImageSet
from fmnist.evaluation.label_verdicts import LabelVerdict
from fmnist.evaluation.named_slices import NamedSlice
from fmnist.evaluation.predictions import Evaluation
from fmnist.evaluation.verdicts import Verdict
from fmnist.explain import map_job, map_sources
from fmnist.explain.map_files import Layout, Source
from fmnist.export import kept
from fmnist.files import read_json, write_json
from fmnist.jobs import Reporter
from fmnist.models import sizes
from fmnist.reports import model_card
from fmnist.runs import annotations, drawings, store
from fmnist.runs.annotations import Annotations
from fmnist.runs.loading import load_run
from fmnist.runs.publish import publish
from fmnist.runs.run import Run
from fmnist.runs.temperature import Temperature, save_temperature
from fmnist.sweeps.budget import set_budget
from fmnist.sweeps.measuring import choose_run
from fmnist.sweeps.space import Range, SweepError
from fmnist.sweeps.sweep import Plan, Sweep, delete_sweep, list_sweeps, make_sweep
from fmnist.sweeps.worker import SweepWorker
from fmnist.training import fine_tuning, learners, replay
from fmnist.training.ensemble import combine
from fmnist.training.errors import TrainingError
from fmnist.training.measuring import measure_run
from fmnist.training.own_drawings import OwnDrawings
from fmnist.training.worker import Trainer
from tests.faults.world import (
    CONFIG,
    DRAWING,
    IMAGE,
    World,
    seen,
    seen_run,
    seen_stopped,
    seen_sweeping,
    seen_training,
    train_run,
    trained,
)  # fmt: skip
from tests.training.test_own_drawings import drawings as labeled_drawings
from tools.small import small_dataset


@dataclass(frozen=True)
class Action:
    """Something that a person does.

    Attributes
    ----------
    prepare : callable
        Makes the folder before it.
    act : callable
        Does it.
    see : callable
        What the person sees; it must be as before or as after, whatever fails.
    of_several : bool
        Whether a kill may leave it done to some of several runs; done again, it is as after.
    """

    prepare: Callable[[World], object]
    act: Callable[[World], object]
    see: Callable[[World], object] = seen
    of_several: bool = False


def _finished(world: World) -> None:
    trained(world, "A run")


NOTED: Final = Annotations(("a tag",), "a note", "a group", favorite=True)


def _annotated(world: World) -> None:
    _finished(world)
    annotations.change(world.run("A run"), lambda _: NOTED)


def _two(world: World) -> None:
    trained(world, "A run")
    trained(world, "Another", seed=1)


def _deleted(world: World) -> None:
    _two(world)
    store.delete_run(world.run("Another"))


def _restore(world: World) -> None:
    (run,) = store.list_runs(world.runs / ".trash")
    store.restore_run(world.runs, run.run_id)


def _delete_both(world: World) -> None:
    store.delete_runs(store.list_runs(world.runs))


def _both_deleted(world: World) -> None:
    _two(world)
    _delete_both(world)


def _restore_both(world: World) -> None:
    ids = (path.name for path in (world.runs / ".trash").iterdir())
    store.restore_runs(world.runs, sorted(ids))


def _seen_with_trash(world: World) -> object:
    """All there is, and every deleted run: one that was moved back is the newest there."""
    restorable = sorted(map(seen_run, store.list_runs(world.runs / ".trash")), key=str)
    return {**seen(world), "restorable": restorable}


def _annotate_both(world: World) -> None:
    annotations.change_all(store.list_runs(world.runs), lambda _: NOTED)


def _edit(world: World) -> None:
    # by its folder, since a kill may leave it with the other name
    (run,) = store.list_runs(world.runs)
    store.edit_run(run, "A run, renamed", lambda _: NOTED)


def _queued(world: World) -> None:
    store.create_run(world.runs, CONFIG, name="New")


FOLLOWED: Final = small_dataset().test_images[0]


def _queued_saving(world: World) -> None:
    config = replace(CONFIG, epoch_weights="float16", followed_images=20)
    run = store.create_run(world.runs, config, name="New")
    drawings.choose(run, FOLLOWED)


def _paused(world: World) -> None:
    _queued(world)
    train_run(world.run("New"), at=3, signal="pause")


def _whole(world: World) -> None:
    """A run on all images, which may be published."""
    trained(world, "A run", subset=None, batch_size=600, epochs=1, epoch_weights="float16")


def _publish(world: World) -> None:
    publish(
        world.run("A run"), world.shipped, "mine",
        card=model_card.card_of, epoch_weights=(0, 1), force=True,
    )  # fmt: skip


def _published(world: World) -> None:
    _whole(world)
    _publish(world)
    (world.shipped / "mine" / "README.md").write_text("of an earlier version")


def _write_card(world: World) -> None:
    model_card.write_card(world.shipped, "mine")


def _labeled_drawings(world: World) -> None:
    _finished(world)
    for number, one in enumerate(labeled_drawings("hat", "hat", "Sneaker")):
        world.gallery.save(replace(one, time=1.6e9 + number, drawing_id=""))


def _fine_tune(world: World) -> None:
    """Make a copy that learns the drawings of the gallery, of little more than them."""
    learned = OwnDrawings.of(world.gallery.all()[0])
    with (
        mock.patch.multiple(replay, IMAGES=20, DRAWINGS=2, OTHERS=2),
        mock.patch.object(learners, "STEPS", 2),
        mock.patch.object(fine_tuning, "_detector", lambda: None),
    ):
        fine_tuning.fine_tune(world.run("A run"), learned, world.runs, small_dataset(), name="New")


def _seen_but_cache(world: World) -> object:
    """All there is but the cache: features that were kept before a fault serve the next try."""
    found = dict(seen(world))
    others = cast(list[tuple[str, str]], found.pop("others"))
    return found, [one for one in others if not one[0].startswith("cache/")]


def _temperature(world: World, value: float | None) -> None:
    kept = None if value is None else Temperature(value, 1, 0.5, 0.4)
    run = world.run("A run")
    assert run.history.selected
    save_temperature(run, kept and replace(kept, epoch=run.history.selected.epoch))


def _with_temperature(world: World) -> None:
    _finished(world)
    _temperature(world, 1.5)


def _saved_drawing(world: World) -> None:
    world.gallery.save(replace(DRAWING, time=1.6e9))


def _two_drawings(world: World) -> None:
    _saved_drawing(world)
    world.gallery.save(replace(DRAWING, predicted="Bag", time=1.7e9))


def _own_class(world: World) -> None:
    _saved_drawing(world)
    world.gallery.add_class("hat")


def _first_id(world: World) -> str:
    return world.gallery.all()[0][-1].drawing_id


def _delete_drawing(world: World) -> None:
    world.gallery.delete(world.gallery.all()[0][0].drawing_id)


def _deleted_drawing(world: World) -> None:
    _two_drawings(world)
    _delete_drawing(world)


def _delete_drawings(world: World) -> None:
    world.gallery.delete(*(one.drawing_id for one in world.gallery.all()[0]))


def _deleted_drawings(world: World) -> None:
    _two_drawings(world)
    _delete_drawings(world)


def _restore_drawings(world: World) -> None:
    deleted = (world.folder / "drawings" / ".trash").glob("*.json")
    world.gallery.restore(*sorted(path.stem for path in deleted))


SLICE: Final = NamedSlice(
    "Shirts", "synthetic-garments", ImageSet.of("synthetic-garments", "test", [1, 4, 9])
)
VERDICT: Final = Verdict(IMAGE, "ambiguous", "a note", 1.7e9, 3, 4, "a-run")


def _give(world: World) -> None:
    world.verdicts.give(VERDICT)


def _given(world: World) -> None:
    world.verdicts.give(replace(VERDICT, verdict="label-wrong", note="the first"))
    world.verdicts.give(VERDICT)


def _undo_verdict(world: World) -> None:
    """Undo the second verdict."""
    world.verdicts.undo(2)


def _import(world: World) -> None:
    several = [replace(VERDICT, image=replace(IMAGE, index=i)) for i in range(40)]
    world.verdicts.import_csv(verdict_files.write(several))


def _name(world: World) -> None:
    world.slices.add(SLICE)


def _named(world: World) -> None:
    world.slices.add(replace(SLICE, name="Another"))
    _name(world)


def _unnamed(world: World) -> None:
    _named(world)
    world.slices.delete(2)


def _import_slices(world: World) -> None:
    several = [replace(SLICE, name=f"Slice {i}").to_json() for i in range(40)]
    world.slices.import_json(
        json.dumps({"format": "fmnist slices", "version": 1, "slices": several})
    )


LABEL_VERDICTS: Final = [
    LabelVerdict(image, 6, label, "Ann", 1.7e9) for image, label in ((1, 6), (2, 0), (3, None))
]


def _judged(world: World) -> None:
    world.label_verdicts.give(CONFIG.dataset, LABEL_VERDICTS[:2])


def _judge_several(world: World) -> None:
    world.label_verdicts.give(CONFIG.dataset, [replace(v, label=3) for v in LABEL_VERDICTS])


def _import_labels(world: World) -> None:
    world.label_verdicts.import_csv(label_verdict_files.write(CONFIG.dataset, LABEL_VERDICTS))


def _old_config(world: World) -> None:
    _finished(world)
    path = world.run("A run").config_path
    values = read_json(path)
    values["config"]["optimiser"] = values["config"].pop("optimizer")
    write_json(path, values)


def _count_sizes(world: World) -> None:
    sizes.save_sizes(world.folder / "cache" / "sizes.json", sizes.count(["logistic"]))


def _map_source(world: World) -> Source:
    run = world.run("A run")
    return map_sources.source(
        run, Evaluation.load(run.evaluation_path("validation")),
        weights=file_digest(run.weights_path), checksum=small_dataset().checksum,
    )  # fmt: skip


def _keep_map(world: World) -> None:
    """Keep the features and the layout."""
    reporter = Reporter(io.StringIO())
    map_job.make_layout(_map_source(world), "pca", small_dataset(), reporter)


def _seen_map(world: World) -> object:
    """All there is, and the layout of the run's map, which is whole if it is there."""
    source = _map_source(world)
    path = source.path("pca")
    layout = None
    if path.exists():
        layout = Layout.load(path, digest=source.digest, images=len(source.evaluation.labels))
        assert layout is not None
    return seen(world), layout and layout.positions.tobytes()


def _keep_export(world: World) -> None:
    kept.make(world.run("A run"), "torchscript", small_dataset())


def _seen_export(world: World) -> object:
    """All there is, and whether there is an export, which is whole if it is there."""
    run = world.run("A run")
    found = kept.find(run, "torchscript", weights=file_digest(run.weights_path))
    return seen(world), found is not None and len(found.read()) == found.check.bytes


def _keep_duplicates(_world: World) -> None:
    numbers = np.array([1], np.int32), np.array([2], np.int32)
    Pairs(*numbers, np.array([3.5], np.float32), np.array([False])).save(small_dataset())


def _seen_duplicates(world: World) -> object:
    """All there is, and the pairs, which are whole if they are there."""
    pairs = Pairs.load(small_dataset())
    return seen(world), pairs and pairs.distance.tolist()


def _keep_outliers(world: World) -> None:
    run, dataset = world.run("A run"), small_dataset()
    classifier, digest = load_run(run.run_id), odd_images.digest_of(run, dataset)
    odd_images.measure_distances(run, classifier, dataset, digest=digest)


def _seen_outliers(world: World) -> object:
    """All there is, and the distances, which are whole if they are there."""
    run, dataset = world.run("A run"), small_dataset()
    digest = odd_images.digest_of(run, dataset)
    found = odd_images.load_distances(run, dataset, digest=digest)
    return seen(world), found is not None


class _AtOnce:
    """A trainer that trains a run before `submit` returns, without a thread or a process."""

    def submit(self, run: Run) -> None:
        run.write_status("queued", run.progress)
        with suppress(TrainingError):  # the folder of the run says so
            train_run(run)

    def wait_for(self, *_: object) -> bool:
        return True


SWEEP: Final = Plan(CONFIG, {"learning_rate": Range(0.001, 0.1, True)}, runs=1, pruner="none")


def _sweep() -> Sweep:
    (found,) = list_sweeps()
    return found


def _swept(world: World) -> None:
    make_sweep(SWEEP, name="Rates")
    _work_on_sweep(world)


def _widened(world: World) -> None:
    _swept(world)
    set_budget(_sweep(), runs=2)


def _stopped_sweep(world: World) -> None:
    _swept(world)
    _sweep().stop()


def _work_on_sweep(_world: World) -> None:
    """Train all that is left of the sweep, as a worker does."""
    worker = SweepWorker(_sweep(), cast(Trainer, _AtOnce()))
    worker._work()
    if error := worker.state().error:
        raise SweepError(error)


def _delete_sweep(_world: World) -> None:
    for sweep in list_sweeps():  # none, once it is done
        delete_sweep(sweep)


def _chosen(world: World) -> None:
    _swept(world)
    choose_run(_sweep())


def _measure(world: World) -> None:
    measure_run(world.run("Run 1, Rates"), small_dataset())


ACTIONS: Final[Mapping[str, Action]] = {
    "start a run": Action(_finished, _queued),
    "train": Action(_queued, lambda w: train_run(w.run("New")), seen_training),
    "train and save each epoch": Action(
        _queued_saving, lambda w: train_run(w.run("New")), seen_training),
    "resume": Action(_paused, lambda w: train_run(w.run("New")), seen_training),
    "follow a drawing": Action(_queued, lambda w: drawings.choose(w.run("New"), FOLLOWED)),
    "stop": Action(_queued, lambda w: train_run(w.run("New"), at=3, signal="stop"),
                   seen_stopped),
    "rename": Action(_finished, lambda w: store.rename_run(w.run("A run"), "A run, renamed")),
    "annotate": Action(_finished, lambda w: annotations.change(w.run("A run"), lambda _: NOTED)),
    "change annotations": Action(_annotated, lambda w: annotations.change(
        w.run("A run"), lambda kept: replace(kept, favorite=False))),
    "edit name and tags": Action(_finished, _edit, of_several=True),
    "annotate several": Action(_two, _annotate_both, of_several=True),
    "delete several": Action(_two, _delete_both, of_several=True),
    "undo deleting several": Action(
        _both_deleted, _restore_both, _seen_with_trash, of_several=True),
    "delete": Action(_deleted, lambda w: store.delete_run(w.run("A run"))),
    "undo a deletion": Action(_deleted, _restore),
    "fine-tune": Action(_labeled_drawings, _fine_tune, _seen_but_cache),
    "start a sweep": Action(lambda w: None, lambda w: make_sweep(SWEEP, name="Rates")),
    "train a run of a sweep": Action(_widened, _work_on_sweep, seen_sweeping),
    "stop a sweep": Action(_swept, lambda w: _sweep().stop()),
    "let a sweep go on": Action(_stopped_sweep, lambda w: _sweep().go_on()),
    "give a sweep more runs": Action(_swept, lambda w: set_budget(_sweep(), runs=2)),
    "delete a sweep": Action(_swept, _delete_sweep),
    "choose a run of a sweep": Action(_swept, lambda w: choose_run(_sweep())),
    "measure on the test images": Action(_chosen, _measure),
    "make an ensemble": Action(_two, lambda w: combine(
        [w.run("A run"), w.run("Another")], w.runs, name="Both")),
    "publish": Action(_whole, _publish),
    "publish again": Action(_published, _publish),
    "write a model card": Action(_published, _write_card),
    "keep a map": Action(_finished, _keep_map, _seen_map),
    "keep an export": Action(_finished, _keep_export, _seen_export),
    "keep duplicates": Action(lambda w: None, _keep_duplicates, _seen_duplicates),
    "keep outliers": Action(_finished, _keep_outliers, _seen_outliers),
    "save a temperature": Action(_finished, lambda w: _temperature(w, 1.5)),
    "change a temperature": Action(_with_temperature, lambda w: _temperature(w, 2.5)),
    "remove a temperature": Action(_with_temperature, lambda w: _temperature(w, None)),
    "save the first drawing": Action(lambda w: None, _saved_drawing),
    "save a drawing": Action(_saved_drawing, lambda w: w.gallery.save(DRAWING)),
    "label a drawing": Action(_two_drawings, lambda w: w.gallery.set_label(_first_id(w), "Bag")),
    "add an own class": Action(_saved_drawing, lambda w: w.gallery.add_class("hat")),
    "remove an own class": Action(_own_class, lambda w: w.gallery.remove_class("hat")),
    "delete a drawing": Action(_two_drawings, _delete_drawing),
    "undo deleting a drawing": Action(_deleted_drawing, _restore_drawings),
    "delete all drawings": Action(_two_drawings, _delete_drawings, of_several=True),
    "undo deleting all drawings": Action(_deleted_drawings, _restore_drawings, of_several=True),
    "give the first verdict": Action(lambda w: None, _give),
    "change a verdict": Action(_given, lambda w: w.verdicts.give(replace(VERDICT, note="new"))),
    "withdraw a verdict": Action(_given, lambda w: w.verdicts.withdraw(IMAGE)),
    "undo a verdict": Action(_given, _undo_verdict),
    "import verdicts": Action(_given, _import),
    "name the first slice": Action(lambda w: None, _name),
    "rename a slice": Action(_named, lambda w: w.slices.rename(2, "Renamed")),
    "delete a slice": Action(_named, lambda w: w.slices.delete(2)),
    "undo deleting a slice": Action(_unnamed, lambda w: w.slices.restore(2)),
    "import slices": Action(_named, _import_slices),
    "give verdicts on labels": Action(_judged, _judge_several),
    "undo verdicts on labels": Action(_judged, lambda w: w.label_verdicts.undo(1)),
    "import verdicts on labels": Action(_judged, _import_labels),
    "migrate": Action(_old_config, lambda w: store.migrate_runs(w.runs)),
    "count sizes": Action(lambda w: None, _count_sizes),
}  # fmt: skip
