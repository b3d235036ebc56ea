"""The Export page without a browser: its states, and the file it gives."""

import importlib.util
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from streamlit.testing.v1 import AppTest

from fmnist.checksums import file_digest
from fmnist.dashboard import jobs
from fmnist.dashboard.export import model_file
from fmnist.export import exporting, formats, kept, measured
from fmnist.export.names import Format
from fmnist.export.process import ExportProcess, ExportState, ExportTask
from fmnist.models.classifier import Classifier
from fmnist.models.registry import create_model
from fmnist.runs import store
from fmnist.runs.run import Run
from fmnist.training.ensemble import combine
from tests.pages.test_pages import choose, finished, give, machine, open_app, text
from tools.made_up_run import made_up_run
from tools.small import small_dataset

__all__ = ["finished", "machine"]  # fixtures


class Fake(ExportProcess):
    """An export that is as the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.state = ExportState()
        self.started: list[ExportTask] = []

    def start(self, task: ExportTask) -> None:
        self.started.append(task)

    def poll(self) -> ExportState:
        return self.state

    def cancel(self) -> None:
        self.state = ExportState()


@pytest.fixture(autouse=True)
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    made = Fake()
    monkeypatch.setattr(model_file, "process", lambda: made)
    monkeypatch.setattr(jobs, "_POLL_SECONDS", None)
    yield made


def buttons(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def export(run: Run, form: Format = "torchscript") -> kept.KeptExport:
    """Export as the child process does."""
    return kept.make(run, form, small_dataset())


def test_without_any_run_it_says_what_to_do() -> None:
    assert "Train a model to export it." in text(open_app("export"))


def test_a_broken_run_is_told(finished: Run, machine: Path) -> None:
    give(finished, machine).history_path.write_text("not json\n")
    assert "the file history.jsonl is damaged" in text(open_app("export"))


def test_the_server_s_command_is_there(finished: Run, machine: Path) -> None:
    run = give(finished, machine)
    commands = [code.value for code in open_app("export").code]
    assert f"python -m fmnist serve {run.run_id}" in commands


def test_a_run_without_weights_is_told(finished: Run, machine: Path) -> None:
    give(finished, machine).weights_path.unlink()
    app = open_app("export")
    assert not any("fmnist serve" in code.value for code in app.code)
    assert "Trained has no weights to export" in text(app)
    assert not [label for label in buttons(app) if label.startswith("Export")]


def test_a_run_that_trains_is_told(finished: Run, machine: Path) -> None:
    run = give(finished, machine, state="running")
    with store.owning(run):
        assert "Trained is still training; export it when it has ended." in text(open_app("export"))


def test_a_run_that_was_stopped_is_exported(finished: Run, machine: Path, process: Fake) -> None:
    run = give(finished, machine, state="stopped")
    open_app("export").button(key="export-start").click().run()
    assert process.started == [ExportTask(run.folder, "onnx")]


def test_a_run_on_data_that_are_not_here_says_so(machine: Path) -> None:
    machine.mkdir(parents=True)
    run = made_up_run(machine)
    Classifier(create_model("fashion-cnn", seed=0), models=["fashion-cnn"]).save(run.weights_path)
    app = open_app("export")
    assert "the test images of Fashion-MNIST, which is not on this machine yet" in text(app)
    assert "export-start" not in [button.key for button in app.button]


def test_a_missing_package_is_told_with_the_command(
    finished: Run, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(finished, machine)
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "onnx" else find(name)
    )
    app = open_app("export")
    assert "This format needs `onnx`. Install it" in text(app)
    assert "`pip install onnx onnxruntime onnxscript`" in text(app)
    choose(app, "export-format", "torch-export")
    assert "Export as torch.export" in buttons(app)


def test_progress_can_be_cancelled(finished: Run, machine: Path, process: Fake) -> None:
    run = give(finished, machine)
    process.state = ExportState(ExportTask(run.folder, "onnx"), True, 0.3, "Comparing *200*")
    app = open_app("export")
    (bar,) = [e.proto.text for e in app.get("progress") if "Comparing" in e.proto.text]
    assert bar.startswith("Comparing \\*200") and "Export as ONNX" not in buttons(app)
    choose(app, "export-format", "torchscript")
    (bar,) = [e.proto.text for e in app.get("progress") if "Comparing" in e.proto.text]
    assert bar.startswith("Another export first. ")
    app.button(key="export-cancel").click().run()
    assert "Export as TorchScript" in buttons(app)


def test_a_file_that_is_done_while_the_page_looks_is_shown(
    finished: Run, machine: Path, process: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = give(finished, machine)
    task = ExportTask(run.folder, "torchscript")
    process.state = ExportState(task, True, 0.9, "Comparing")
    app = open_app("export")
    choose(app, "export-format", "torchscript")
    find = kept.find

    def find_then_end(*names: Any, **more: Any) -> kept.KeptExport | None:
        found = find(*names, **more)
        if process.state.running:
            process.state = ExportState(task, done=1.0)
            export(run)
        return found

    monkeypatch.setattr(kept, "find", find_then_end)
    app.run()
    assert "every prediction is that of the run" in text(app)


def test_a_process_that_cannot_be_started_is_told(
    finished: Run, machine: Path, process: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_task: ExportTask) -> None:
        raise OSError(12, "Cannot allocate memory")

    give(finished, machine)
    monkeypatch.setattr(process, "start", refuse)
    app = open_app("export")
    app.button(key="export-start").click().run()
    assert "Nothing was exported: There is not enough memory." in text(app)
    app.run()
    assert "Nothing was exported" not in text(app)


def test_a_refusal_is_told_where_it_was_asked_for(
    finished: Run, machine: Path, process: Fake
) -> None:
    run = give(finished, machine)
    told = "In 8 bits the model loses 0.72 points of accuracy. Export it as ONNX instead."
    process.state = ExportState(ExportTask(run.folder, "int8"), error=told)
    app = open_app("export")
    assert told not in text(app)
    choose(app, "export-format", "int8")
    assert f"Nothing was exported: {told}" in text(app)
    assert "Export as ONNX, 8 bits" in buttons(app)
    strong = measured.load()["strong"].formats  # stands in for a run that was not measured
    size, accuracy = strong["int8"].bytes / 1e6, strong["int8"].accuracy
    assert f"Strong takes {size:.2f} MB instead of" in text(app)
    assert f"and has {accuracy:.2%} test accuracy instead of" in text(app)


@pytest.mark.parametrize("is_replaced", [False, True])
def test_figures_of_replaced_weights_are_not_shown(
    finished: Run, machine: Path, monkeypatch: pytest.MonkeyPatch, is_replaced: bool
) -> None:
    run = give(finished, machine)
    known = measured.load()
    weights = "of another model" if is_replaced else file_digest(run.weights_path)
    own = measured.MeasuredModel(weights, known["small"].formats)
    monkeypatch.setattr(measured, "load", lambda: {**known, run.run_id: own})
    shown = text(open_app("export"))
    assert ("Strong takes" in shown) == is_replaced
    assert (f"{run.name} takes" in shown) != is_replaced


def test_a_file_is_shown_with_its_check_and_given(finished: Run, machine: Path) -> None:
    run = give(finished, machine)
    made = export(run)
    app = open_app("export")
    assert "Export as ONNX" in buttons(app)
    choose(app, "export-format", "torchscript")
    said = "200 test images of Synthetic garments (held-out protocol): every prediction is that"
    assert said in text(app)
    accuracy = f"{made.check.run_accuracy:.2%}"
    shown = metrics(app)
    assert (shown["Accuracy of the file"], shown["Accuracy of the run"]) == (accuracy, accuracy)
    assert shown["Changed predictions"] == "0"
    assert shown["Size"] == f"{made.check.bytes / 1e6:.2f} MB"
    assert "torch.jit.load" in app.code[0].value
    assert "hold pickles" in text(app) and "deprecated" in text(app)


def test_changed_predictions_of_8_bits_are_told(
    finished: Run, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = give(finished, machine)
    classifier = Classifier.load(run.weights_path)

    def opened(*_: object) -> formats.Runner:
        calls = itertools.count()

        def predict(images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
            found = classifier.predict_proba(images)
            if next(calls) == len(exporting.BATCHES):  # they are tried first
                found[0] = 1 - found[0]
            return (found,)

        return predict

    monkeypatch.setattr(exporting, "write", lambda _, __, path, **___: path.write_text("8 bits"))
    monkeypatch.setattr(exporting, "open_file", opened)
    export(run, "int8")
    app = open_app("export")
    choose(app, "export-format", "int8")
    assert "1 prediction of the run changed" in text(app)
    assert metrics(app)["Size"] == "0 kB"
    assert [code.language for code in app.code][:2] == ["python", "javascript"]


def test_a_file_of_other_weights_is_offered_to_be_made_again(finished: Run, machine: Path) -> None:
    run = give(finished, machine)
    export(run)
    Classifier(create_model("fashion-cnn", seed=9), models=["fashion-cnn"]).save(run.weights_path)
    app = open_app("export")
    choose(app, "export-format", "torchscript")
    assert "Export as TorchScript" in buttons(app)


def test_a_finished_export_of_something_else_is_offered_again(
    finished: Run, machine: Path, process: Fake
) -> None:
    run = give(finished, machine)
    process.state = ExportState(ExportTask(run.folder, "onnx"), done=1.0)
    assert "Export as ONNX" in buttons(open_app("export"))


def test_an_ensemble_is_exported(finished: Run, machine: Path, process: Fake) -> None:
    one = give(finished, machine)
    shutil.copytree(one.folder, machine / "again")
    made = combine([one, store.open_run(machine, "again")], machine, name="Both")
    app = open_app("export", run=made.run_id)
    app.button(key="export-start").click().run()
    assert process.started == [ExportTask(made.folder, "onnx")]
    export(store.open_run(machine, made.run_id))
    choose(app, "export-format", "torchscript")
    assert "every prediction is that of the run" in text(app)
