"""What a training writes to its run's folder, but for the checkpoint."""

import importlib.metadata
import json
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

import fmnist
from fmnist.checksums import GrowingChecksum, remove_checked, write_checked
from fmnist.data.splits import DATASET_TITLES, Dataset, Split
from fmnist.errors import ToldError, reason
from fmnist.evaluation.metrics import softmax
from fmnist.evaluation.predictions import EpochEvaluations, Evaluation
from fmnist.files import append_line, read_json, write_json
from fmnist.models.classifier import Classifier
from fmnist.runs import drawings
from fmnist.runs.config import TrainConfig
from fmnist.runs.drawings import FollowedDrawings
from fmnist.runs.history import EpochEntry, History, Phase, Progress, StepEntry
from fmnist.runs.run import COMPILED, Run, State
from fmnist.training.state import TrainState
from fmnist.training.tensorboard import EventFiles, check_installed

STATUS_SECONDS: Final = 1.0


def environment(
    dataset: Dataset, device: torch.device, dtype: torch.dtype, processes: int = 1
) -> dict[str, dict[str, str]]:
    """What of config.json is not settings: the data set, and the machine."""
    return {
        "dataset": {
            "name": dataset.name,
            "checksum": dataset.checksum,
            "source": DATASET_TITLES[dataset.name],
        },
        "environment": {
            "fmnist": fmnist.__version__,
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in ("torch", "numpy")},
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
            "threads": str(torch.get_num_threads()),
            "precision": str(dtype).removeprefix("torch."),
            **({"processes": str(processes)} if processes > 1 else {}),
        },
    }


class RunRecorder:
    """Writes history, events, status, weights and evaluations as they come.

    A line of the history is on the disk before the training goes on. A line that a crash cut off
    is dropped when the run is resumed.

    Parameters
    ----------
    run : Run
    config : TrainConfig
    monitored : Split
        Images that are measured after every epoch.
    on_progress : callable
        Called about once a second while steps are made, and after every epoch.
    followed : Split, optional
        Training images that are predicted after every epoch, too.
    """

    def __init__(
        self,
        run: Run,
        config: TrainConfig,
        monitored: Split,
        on_progress: Callable[[Progress], None],
        followed: Split | None = None,
    ) -> None:
        self.history = History(checkpoint=config.checkpoint)
        self.monitored = monitored
        self.followed = followed
        self.run = run
        self._checksum = GrowingChecksum()  # of history.jsonl
        self._config = config
        self._logits: list[NDArray[np.float16]] = []  # of the monitored images, after each epoch
        self._followed: list[NDArray[np.float16]] = []  # of the followed images, after each epoch
        self._drawings = FollowedDrawings()
        self._on_progress = on_progress
        self._pace = 0.0
        self._reported = 0.0
        self._reported_step = 0
        self._reported_phase: Phase | None = None
        check_installed(config)
        self._event_files: EventFiles | None = None

    def start(self) -> None:
        """Begin the history of a run that has no checkpoint."""
        # a process killed before its first checkpoint leaves lines that will be logged again
        remove_checked(self.run.history_path)
        if self.run.followed_drawings_path.exists():
            remove_checked(self.run.followed_drawings_path)
        self._open_event_files()

    def _open_event_files(self) -> None:
        if self._config.tensorboard:
            entries: list[StepEntry | EpochEntry] = [*self.history.steps, *self.history.epochs]
            last_step = max((entry.step for entry in entries), default=0)
            self._event_files = EventFiles(self.run.tensorboard_folder, last_step)

    def close(self) -> None:
        """Close what is open, when the training has ended in any way."""
        if self._event_files:
            self._event_files.close()

    def restore(self, history: History, *, epochs: int) -> None:
        """Go on with the history of a checkpoint, made after so many whole epochs.

        Raises
        ------
        OSError
            If a file cannot be read or written.
        ValueError
            If the logits of an epoch are absent or damaged.
        """
        if epochs:
            self._logits = _logits_of(self.run.epochs_path, epochs, self.monitored)
            if self.followed is not None:
                self._followed = _logits_of(self.run.followed_path, epochs, self.followed)
        try:
            self._drawings = FollowedDrawings.load(self.run.followed_drawings_path).up_to(epochs)
        except (OSError, ToldError) as error:  # the training itself needs none of it
            self.event(f"What was predicted for drawings is lost: {reason(error)}")
        self.history = history
        # lines logged between the checkpoint and a crash will be logged again
        text = "".join(f"{line}\n" for line in history.to_lines())
        write_checked(self.run.history_path, text.encode())
        self._checksum = GrowingChecksum(text)
        self._open_event_files()

    def prepare_folder(self) -> None:
        """Delete the temporary files of a process that was killed as it wrote."""
        # earlier versions made it with the first evaluation
        self.run.epochs_path.parent.mkdir(exist_ok=True)
        if self._config.epoch_weights:
            self.run.epoch_weights_folder.mkdir(exist_ok=True)
        for path in self.run.folder.rglob(".*.tmp"):
            if not path.name.startswith(".name.json."):  # the page may be renaming the run now
                path.unlink(missing_ok=True)

    def record_environment(
        self, dataset: Dataset, device: torch.device, dtype: torch.dtype, *, processes: int = 1
    ) -> None:
        """Write into config.json what else decides the result: the images, and the machine.

        A run that is resumed on another machine names that one.
        """
        document = read_json(self.run.config_path)
        found: dict[str, object] = dict(environment(dataset, device, dtype, processes))
        if "dataset" in document:
            del found["dataset"]
        if document != document | found:
            write_json(self.run.config_path, document | found)

    def record_compiled(self, problem: str | None) -> None:
        """Say in config.json and in the log that the network is compiled, or why it is not."""
        document = read_json(self.run.config_path)
        document["environment"]["compiled"] = problem or COMPILED
        write_json(self.run.config_path, document)
        self.event(
            f"Not compiled, trains without: {problem}" if problem else f"Compiled with {COMPILED}"
        )

    def event(self, text: str) -> None:
        """Add a line to the log of events."""
        self.run.log_event(text, time=time.time())

    def progress(self, state: TrainState, phase: Phase, fraction: float = 0.0) -> Progress:
        """How far the run is, and the share of the phase that is done, in [0, 1]."""
        epochs = self._config.epochs
        return Progress(
            epoch=min(state.epoch, epochs),
            step=state.step,
            steps=state.steps_before(epochs + 1),
            seconds=state.seconds,
            images_per_second=self._pace,
            phase=phase,
            phase_fraction=fraction,
        )

    def begin_epoch(self, state: TrainState) -> None:
        """Write the status, and measure the pace from here on."""
        self.report_phase(self.progress(state, "training"))
        self._reported, self._reported_step = time.perf_counter(), state.step

    def report_step(self, state: TrainState) -> None:
        """Write the status, about once a second."""
        now = time.perf_counter()
        elapsed = now - self._reported
        if elapsed < STATUS_SECONDS:
            return
        self._pace = (state.step - self._reported_step) * state.batch_size / elapsed
        self._reported, self._reported_step = now, state.step
        progress = self.progress(state, "training")
        self.run.write_status("running", progress, durable=False)
        self._reported_phase = progress.phase
        self._on_progress(progress)

    def report_phase(self, progress: Progress) -> None:
        """Write the status as a phase begins, and about once a second while it lasts."""
        now = time.perf_counter()
        if progress.phase == self._reported_phase and now - self._reported < STATUS_SECONDS:
            return
        self._reported, self._reported_phase = now, progress.phase
        self.run.write_status("running", progress, durable=False)

    def log_step(self, entry: StepEntry) -> None:
        """Append a step's loss to the history."""
        self._append(entry)
        self.history = replace(self.history, steps=(*self.history.steps, entry))

    def _append(self, entry: StepEntry | EpochEntry) -> None:
        line = json.dumps(entry.to_json())
        append_line(self.run.history_path, line)
        self._checksum.add(f"{line}\n")
        if self._event_files:
            self._event_files.add(entry)

    def log_epoch(
        self, entry: EpochEntry, evaluation: Evaluation, followed: Evaluation | None = None
    ) -> bool:
        """Append an epoch to the history, and its logits to those of the epochs before.

        Parameters
        ----------
        entry : EpochEntry
        evaluation : Evaluation
            Of the monitored images.
        followed : Evaluation, optional
            Of the followed images.

        Returns
        -------
        bool
            Whether the weights of this epoch are selected so far.
        """
        best = self.history.best
        is_best = best is None or entry.accuracy > best.accuracy
        # before the history, and so before any checkpoint that would not come back here
        self._logits.append(evaluation.logits)
        _save_epochs(self.run.epochs_path, self._logits, evaluation)
        if followed is not None:
            self._followed.append(followed.logits)
            _save_epochs(self.run.followed_path, self._followed, followed)
        self._append(entry)
        self._checksum.write(self.run.history_path)
        self.history = replace(self.history, epochs=(*self.history.epochs, entry))
        mark = ", the best so far" if is_best and self._config.checkpoint == "best" else ""
        self.event(f"Epoch {entry.epoch}: {entry.split} accuracy {entry.accuracy:.2%}{mark}")
        return is_best or self._config.checkpoint == "last"

    def save_epoch(self, classifier: Classifier, epoch: int) -> None:
        """Write the weights of an epoch, if the settings ask for them; 0 has the initial ones."""
        if self._config.epoch_weights:
            classifier.save(self.run.epoch_weights_path(epoch), dtype=torch.float16)

    def predict_drawings(self, classifier: Classifier, epoch: int) -> None:
        """Predict the drawings that the run follows now; 0 is before the first step."""
        try:
            images = drawings.chosen(self.run)
        except (OSError, ToldError) as error:  # the page's file: no reason to end a training
            self.event(f"Drawings cannot be followed: {reason(error)}")
            return
        if len(images):
            probabilities = softmax(classifier.logits(images)).astype(np.float32)
            self._drawings = self._drawings.with_epoch(epoch, images, probabilities)
            self._drawings.save(self.run.followed_drawings_path)

    def end_epoch(self, state: TrainState) -> None:
        """Tell the caller of the training that an epoch has ended."""
        self._on_progress(self.progress(state, "training"))

    def end(self, state: State, progress: Progress) -> None:
        """Record how the training ended; it is on the disk when this returns."""
        self._checksum.write(self.run.history_path)
        self.event(state.capitalize())
        self.run.write_status(state, progress)

    def save_selected(self, classifier: Classifier) -> None:
        """Write the weights of the selected epoch."""
        classifier.save(self.run.weights_path)

    def load_selected(self) -> Classifier:
        """The classifier of the selected epoch."""
        return Classifier.load(self.run.weights_path)

    def save_last(self, classifier: Classifier) -> None:
        """Write the weights of the last step."""
        classifier.save(self.run.last_weights_path)

    def monitored_evaluation(self, epoch: int) -> Evaluation:
        """What was measured after an epoch (1 is the first)."""
        split = self.monitored
        return Evaluation(split.name, self._logits[epoch - 1], split.labels, split.indices)

    def followed_evaluation(self, epoch: int) -> Evaluation | None:
        """What the followed images gave after an epoch (1 is the first); None without any."""
        split = self.followed
        if split is None:
            return None
        return Evaluation(split.name, self._followed[epoch - 1], split.labels, split.indices)

    def save_evaluation(self, evaluation: Evaluation) -> None:
        """Write the logits of a split."""
        evaluation.save(self.run.evaluation_path(evaluation.split))


def _save_epochs(path: Path, logits: Sequence[NDArray[np.float16]], last: Evaluation) -> None:
    """Write the logits of all epochs; `last` says of which images they are."""
    EpochEvaluations(last.split, np.stack(logits), last.labels, last.indices).save(path)


def _logits_of(path: Path, epochs: int, split: Split) -> list[NDArray[np.float16]]:
    """The logits of the first epochs in a file, of the images of a split.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it lacks epochs, or is of other images.
    """
    kept = EpochEvaluations.load(path)
    if len(kept.logits) < epochs:
        raise ValueError(f"{path.name} lacks epochs")
    if not np.array_equal(kept.indices, split.indices):
        raise ValueError(f"{path.name} is of other images")
    return list(kept.logits[:epochs])
