"""The Data page's suspect labels without a browser: asked for, under way, found."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from fmnist.dashboard import cache
from fmnist.data.corrections import Corrections
from fmnist.data.labels import CLASS_NAMES
from fmnist.evaluation.label_errors import find_suspects, out_of_sample
from fmnist.evaluation.label_verdicts import LabelVerdict
from fmnist.evaluation.predictions import Evaluation
from fmnist.reports.text import counted
from fmnist.runs import store
from fmnist.runs.history import Progress
from fmnist.runs.run import Run, RunError
from fmnist.training.worker import Trainer
from tests.pages.test_pages import choose, machine, open_app, text
from tools.made_up_folds import made_up_folds
from tools.made_up_run import made_up_run
from tools.small import small_dataset

__all__ = ["machine"]  # a fixture


@pytest.fixture
def submitted(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """Runs that the page queues; nothing is trained."""
    runs: list[Run] = []
    monkeypatch.setattr(Trainer, "submit", lambda _self, run: runs.append(run))
    return runs


def open_suspects() -> AppTest:
    return open_app("data", panel="Suspect labels")


def give_folds(machine: Path) -> tuple[list[Run], list[int]]:
    """Five finished runs that know all labels but those of some images; these are returned too."""
    return made_up_folds(machine, small_dataset())


def test_a_click_queues_a_run_for_each_fold_once(machine: Path, submitted: list[Run]) -> None:
    app = open_suspects()
    app.button(key="suspects-find").click().run()
    configs = [run.training for run in submitted]
    assert [config and config.left_out_fold for config in configs] == [1, 2, 3, 4, 5]
    assert {config and config.dataset for config in configs} == {"synthetic-garments"}
    assert [run.name for run in submitted][4] == "Cross-validation, fold 5 of 5"
    assert "suspects-find" not in [button.key for button in app.button]


def test_a_failure_to_queue_is_told(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: Trainer, _run: Run) -> None:
        raise RunError("The disk is full.")

    monkeypatch.setattr(Trainer, "submit", refuse)
    app = open_suspects()
    app.button(key="suspects-find").click().run()
    assert "The disk is full." in text(app)


def test_what_has_stopped_or_gone_goes_on_at_a_click(machine: Path, submitted: list[Run]) -> None:
    runs, _ = give_folds(machine)
    runs[1].write_status("interrupted", Progress(1, 20, 60, 1.0))
    store.delete_run(runs[3])
    app = open_suspects()
    assert f"{runs[1].name} is interrupted; fold 4 is gone." in text(app)
    app.button(key="suspects-resume").click().run()
    app.button(key="suspects-resume").click().run()  # a double click
    assert [run.training and run.training.left_out_fold for run in submitted] == [2, 4]


def test_suspects_are_those_of_the_five_models(machine: Path) -> None:
    runs, wrong = give_folds(machine)
    evaluation = out_of_sample(dict(enumerate(runs, start=1)))
    suspects = find_suspects(evaluation)
    found = evaluation.indices[suspects.positions]
    assert set(found) <= set(wrong) and len(found) >= 8
    app = open_suspects()
    assert f"**{len(found)} suspect labels** of 550" in text(app)
    assert f"on what they left out: {evaluation.accuracy:.2%}" in text(app)
    labels = evaluation.labels[suspects.positions]
    app.selectbox(key="suspects-label").set_value(int(labels[0])).run()
    assert f"**{counted(int((labels == labels[0]).sum()), 'suspect label')}**" in text(app)
    sound = min(set(range(10)) - set(labels.tolist()))
    app.selectbox(key="suspects-label").set_value(sound).run()
    assert "**0 suspect labels**" in text(app)
    assert "corrected-train" not in [button.key for button in app.button]


def test_a_corrected_and_a_control_run_are_queued_and_then_compared(
    machine: Path, submitted: list[Run]
) -> None:
    runs, _ = give_folds(machine)
    evaluation = out_of_sample(dict(enumerate(runs, start=1)))
    suspects = find_suspects(evaluation)
    images = evaluation.indices[suspects.positions].tolist()
    app = open_suspects()
    assert app.button(key="corrected-train").label == "Train both"
    app.button(key="corrected-train").click().run()
    control, run = submitted
    assert runs[0].training and run.training and control.training
    assert control.training == replace(runs[0].training, left_out_fold=None)
    changes = Corrections.of("synthetic-garments", excluded=images)
    assert run.training == replace(control.training, corrections=changes.checksum)
    assert run.name == f"Corrected: {len(images)} excluded"
    # as if both had been trained: the second is right about three images more
    for each, wrong in ((control, 5), (run, 2)):
        settings = each.training.to_json() if each.training else {}
        each = made_up_run(machine, **settings)
        test = small_dataset().split("test")
        logits = np.zeros((len(test), 10), np.float16)
        logits[np.arange(len(test)), (test.labels + (np.arange(len(test)) < wrong)) % 10] = 5
        Evaluation("test", logits, test.labels, test.indices).save(each.evaluation_path("test"))
    app.run()
    assert "Test accuracy 97.50% without and **99.00%** with the corrections: +1.50 points" in (
        text(app)
    )
    choose(app, "corrected-choice", "Give them the suggested label")
    assert f"{len(images)} relabeled" in text(app)
    assert app.button(key="corrected-train").label == "Train with the corrections"
    app.button(key="corrected-train").click().run()
    assert len(submitted) == 3  # the control run is there already


def test_damaged_predictions_are_told(machine: Path) -> None:
    runs, _ = give_folds(machine)
    runs[2].evaluation_path("train").write_bytes(b"PK rubbish")
    assert "The suspect labels cannot be shown" in text(open_suspects())


def suspects_of(runs: list[Run]) -> tuple[list[int], list[int], list[int]]:
    """The suspect images in order, their labels, and the suggested ones."""
    evaluation = out_of_sample(dict(enumerate(runs, start=1)))
    suspects = find_suspects(evaluation)
    images = evaluation.indices[suspects.positions].tolist()
    return images, evaluation.labels[suspects.positions].tolist(), suspects.suggested.tolist()


def kept_verdicts() -> dict[int, dict[str, LabelVerdict]]:
    return cache.label_verdict_store().read("synthetic-garments")[0]


def test_verdicts_on_suspects_go_into_the_training(machine: Path, submitted: list[Run]) -> None:
    runs, _ = give_folds(machine)
    images, labels, suggested = suspects_of(runs)
    app = open_suspects()
    choose(app, "corrected-choice", "Follow the verdicts")
    assert "nothing to train" in text(app)
    assert app.button(key=f"suspects-relabel-{images[0]}").label == (
        f"Relabel to {CLASS_NAMES[suggested[0]]}"
    )
    # each click goes on to the next image
    app.button(key=f"suspects-relabel-{images[0]}").click().run()
    app.button(key=f"suspects-keep-{images[1]}").click().run()
    app.button(key=f"suspects-exclude-{images[2]}").click().run()
    other = min(set(range(10)) - {labels[3], suggested[3]})
    app.selectbox(key=f"suspects-class-{images[3]}").set_value(other).run()
    app.button(key=f"suspects-relabel-{images[3]}").click().run()
    assert f"4 of {len(images)} decided" in progress(app)
    app = open_suspects()  # another visit
    assert f"4 of {len(images)} decided" in progress(app)
    assert f"suspects-keep-{images[4]}" in [button.key for button in app.button]
    choose(app, "corrected-choice", "Follow the verdicts")
    assert "1 excluded, 2 relabeled of the training images" in text(app)
    app.button(key="corrected-train").click().run()
    changes = Corrections.of(
        "synthetic-garments",
        relabeled={images[0]: suggested[0], images[3]: other},
        excluded=[images[2]],
    )
    assert submitted[1].training and submitted[1].training.corrections == changes.checksum


def progress(app: AppTest) -> str:
    return "\n".join(element.proto.text for element in app.get("progress"))


def test_several_verdicts_are_given_and_undone_by_one_click(machine: Path) -> None:
    images, _, suggested = suspects_of(give_folds(machine)[0])
    app = open_suspects()
    app.button(key=f"suspects-keep-{images[0]}").click().run()
    assert f"**{len(images) - 1} shown images** without a verdict" in text(app)
    app.button(key="suspects-all-suggested").click().run()
    given = {image: of["Reviewer 1"].label for image, of in kept_verdicts().items()}
    assert {image: given[image] for image in images[1:]} == dict(
        zip(images[1:], suggested[1:], strict=True)
    )
    assert kept_verdicts()[images[0]]["Reviewer 1"].action == "keep"
    app.button(key="suspects-undo").click().run()
    assert list(kept_verdicts()) == [images[0]]
    app.button(key="suspects-undo").click().run()
    assert kept_verdicts() == {}
    assert app.button(key="suspects-undo").disabled
    app.session_state["suspects-picked"] = set(images[1:3])  # clicks on the wall
    app.toggle(key="suspects-pick").set_value(True).run()
    app.button(key="suspects-all-exclude").click().run()
    assert {i: of["Reviewer 1"].label for i, of in kept_verdicts().items()} == {
        images[1]: None, images[2]: None,
    }  # fmt: skip


def test_a_second_opinion_agrees_or_disagrees(machine: Path) -> None:
    images, _, _ = suspects_of(give_folds(machine)[0])
    first = open_suspects()
    first.button(key="suspects-all-suggested").click().run()
    second = open_app(panel="Suspect labels")  # another browser
    second.session_state["label-reviewer"] = "Bo"  # AppTest types no new name
    second.switch_page("pages/data.py").run()
    assert f"0 of {len(images)} decided" in progress(second)
    assert f"decided {len(images)} of them" in text(second)
    assert "Reviewer 1 " not in text(second)  # not before an opinion of one's own
    second.button(key=f"suspects-relabel-{images[0]}").click().run()
    second.button(key=f"suspects-keep-{images[1]}").click().run()
    assert "you agree on 1 and disagree on 1" in text(second)
    choose(second, "suspects-filter", "Disputed")
    assert "Reviewer 1 disagrees: relabel to" in text(second)
    choose(second, "corrected-choice", "Follow the verdicts")
    assert f"{len(images) - 1} relabeled" in text(second)
    choose(second, "suspects-filter", "Undecided")
    second.button(key="suspects-all-suggested").click().run()
    assert "No image is left here" in text(second)


def test_a_verdict_that_cannot_be_kept_is_told(machine: Path) -> None:
    images, _, _ = suspects_of(give_folds(machine)[0])
    app = open_suspects()
    (machine.parent / "label-verdicts.sqlite").write_bytes(b"rubbish" * 100)
    app.button(key=f"suspects-keep-{images[0]}").click().run()
    assert not app.exception
    assert "it is no database" in text(app)


def test_test_images_are_suspect_where_the_shipped_models_agree(machine: Path) -> None:
    test, eye = small_dataset().split("test"), 5 * np.eye(10, dtype=np.float16)
    predicted = test.labels.copy()
    predicted[:3] = (predicted[:3] + 1) % 10
    app = open_suspects()
    choose(app, "suspects-split", "test")
    assert "Two shipped models are needed" in text(app)
    for alone in (10, 11):
        run = made_up_run(machine.parent.parent / "pretrained", dataset="synthetic-garments")
        alone_wrong = predicted.copy()
        alone_wrong[alone] = (alone_wrong[alone] + 1) % 10
        Evaluation("test", eye[alone_wrong], test.labels, test.indices).save(
            run.evaluation_path("test")
        )
    app.run()
    assert f"**3 suspect labels** of {len(test)} test images" in text(app)
    assert "0 of 3 decided" in progress(app)
    app.button(key="agreed-open").click().run()
    app.switch_page("pages/errors.py").run()
    assert "of 3 filtered images" in text(app)
    image = int(test.indices[0])
    app.button(key=f"verdict-label-wrong-synthetic-garments-test-{image}").click().run()
    app.switch_page("pages/data.py").run()
    assert "1 of 3 decided" in progress(app)


def test_verdicts_on_labels_are_imported_whole_or_not_at_all(machine: Path) -> None:
    images, labels, _ = suspects_of(give_folds(machine)[0])
    app = open_suspects()
    header = "dataset,index,given_class,verdict,class,reviewer,time"
    given = CLASS_NAMES[labels[0]]
    line = f"synthetic-garments,{images[0]},{given},exclude,,Bo,2026-01-01T00:00:00+00:00"
    for content, says in (
        (f"{header}\n{line}\n{line.replace('exclude', 'keep')}\n".encode(), "Line 3 of the file"),
        (b"\xff", "The file is not UTF-8 text"),
        (f"{header}\n{line}\n".encode("utf-8-sig"), "Imported: 1 added, 0 changed, 0 unchanged."),
    ):
        app.session_state["suspects-files"] = True
        app.run()
        app.file_uploader[0].set_value(("verdicts.csv", content, "text/csv")).run()
        told = [element.value for element in (*app.success, *app.error)]
        assert len(told) == 1 and told[0].startswith(says)
    assert kept_verdicts()[images[0]]["Bo"].action == "exclude"
