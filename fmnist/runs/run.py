"""A run: its folder, the files in it, its state and its events."""

import json
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from fmnist import paths
from fmnist.data.labels import CLASS_NAMES
from fmnist.data.splits import SplitName
from fmnist.errors import ToldError
from fmnist.files import append_line, parse_json, write_json
from fmnist.runs.annotations import Annotations
from fmnist.runs.config import FineTuneConfig, RunConfig, TrainConfig
from fmnist.runs.history import History, Progress

if TYPE_CHECKING:
    import filelock

State = Literal[
    "queued", "running", "paused", "finished", "stopped", "pruned", "failed", "interrupted",
    "broken",
]  # fmt: skip


ACTIVE_STATES: Final = ("queued", "running", "paused")
"""States that only hold while somebody owns the run."""


COMPILED: Final = "torch.compile"
"""What `Run.environment` has as "compiled" where that went well, else the reason why it did not."""


RESUMABLE_STATES: Final = ("interrupted", "stopped", "pruned", "failed")


_log = logging.getLogger(__name__)


LOCK_FILE = ".lock"


EVALUATION_ARRAYS: Final = ("split", "logits", "labels", "indices")
"""The arrays in each file of a run's `evaluation` folder."""


EVALUATION_BYTES: Final = 2**18 + 1000 * 10_000 * 10 * 2
"""What these take at most: float16 logits of 10,000 images and ten classes after 1,000 epochs."""


class RunError(ToldError):
    """A run that cannot be used; the message is one sentence for the person at the screen."""


@dataclass(frozen=True)
class Event:
    """A line of the log of events.

    Attributes
    ----------
    time : float
        Seconds since 1970.
    text : str
    """

    time: float
    text: str


@dataclass(frozen=True)
class Run:
    """A run as its folder says at one moment; immutable.

    Attributes
    ----------
    folder : Path
    name : str
        What people call it.
    state : str
        "broken" where the folder cannot be read.
    reason : str or None
        Why it is broken or failed, in a sentence.
    config : TrainConfig, EnsembleConfig, FineTuneConfig or None
        None where it cannot be read.
    created : float
        Seconds since 1970.
    dataset : mapping
        `name`, `checksum` and `source` of the data set, empty before the first start.
    environment : mapping
        Versions, device, threads, number format; empty before the first start.
    members : tuple of str
        Of an ensemble, the ids of the runs it was made of, which may be gone since.
    annotations : Annotations
        Tags, notes, group and star that people gave it.
    annotations_problem : str or None
        Why these cannot be read, in a sentence; the run is as good as without them.
    """

    folder: Path
    name: str
    state: State
    reason: str | None = None
    config: RunConfig | None = None
    created: float = 0.0
    dataset: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    members: tuple[str, ...] = ()
    progress: Progress = field(default_factory=Progress)
    history: History = field(default_factory=History)
    annotations: Annotations = field(default_factory=Annotations)
    annotations_problem: str | None = None

    @property
    def training(self) -> TrainConfig | None:
        """The settings of a training; None of other runs, and where they cannot be read."""
        return self.config if isinstance(self.config, TrainConfig) else None

    @property
    def fine_tuning(self) -> FineTuneConfig | None:
        """The settings of a fine-tuned model; None of other runs."""
        return self.config if isinstance(self.config, FineTuneConfig) else None

    @property
    def precision(self) -> str | None:
        """What a training was computed in, or before its first start is to be; None of others."""
        training = self.training
        return self.environment.get("precision", training.precision) if training else None

    @property
    def class_names(self) -> tuple[str, ...]:
        """What its model can predict: the ten classes, then own ones, which are outside text."""
        return (*CLASS_NAMES, *(self.fine_tuning.own_classes if self.fine_tuning else ()))

    @property
    def run_id(self) -> str:
        """Name of the folder."""
        return self.folder.name

    @property
    def config_path(self) -> Path:
        """Settings, data set and versions."""
        return self.folder / "config.json"

    @property
    def status_path(self) -> Path:
        """State and progress; the trainer's."""
        return self.folder / "status.json"

    @property
    def name_path(self) -> Path:
        """What people call it; the page's."""
        return self.folder / "name.json"

    @property
    def history_path(self) -> Path:
        """A line every `log_every` steps and a line every epoch."""
        return self.folder / "history.jsonl"

    @property
    def events_path(self) -> Path:
        """A line every event."""
        return self.folder / "events.jsonl"

    @property
    def checkpoint_path(self) -> Path:
        """What resuming needs; gone once the run has finished."""
        return self.folder / "checkpoint.pt"

    @property
    def weights_path(self) -> Path:
        """Weights of the best epoch."""
        return self.folder / "model.safetensors"

    @property
    def last_weights_path(self) -> Path:
        """Weights of the last epoch, once the run has ended."""
        return self.folder / "last.safetensors"

    @property
    def epochs_path(self) -> Path:
        """Logits of the measured split after every epoch."""
        return self.folder / "evaluation" / "epochs.npz"

    @property
    def followed_path(self) -> Path:
        """Logits of training images after every epoch, where the settings ask for them."""
        return self.folder / "evaluation" / "followed.npz"

    @property
    def chosen_drawings_path(self) -> Path:
        """The drawings that it is to follow; the page's."""
        return self.folder / "followed_drawings.npz"

    @property
    def followed_drawings_path(self) -> Path:
        """What it predicts for them, epoch after epoch; the trainer's."""
        return self.folder / "evaluation" / "followed-drawings.npz"

    @property
    def epoch_weights_folder(self) -> Path:
        """Weights of every epoch, where the settings ask for them."""
        return self.folder / "weights"

    @property
    def tensorboard_folder(self) -> Path:
        """Event files for TensorBoard, where the settings ask for them."""
        return self.folder / "tensorboard"

    @property
    def drawings_path(self) -> Path:
        """Drawings that a fine-tuned model learned."""
        return self.folder / "drawings.npz"

    @property
    def effect_path(self) -> Path:
        """What fine-tuning changed, as it was measured."""
        return self.folder / "fine_tuning.json"

    @property
    def exports_folder(self) -> Path:
        """Files for other programs, which can be made again."""
        return self.folder / "exports"

    def epoch_weights_path(self, epoch: int) -> Path:
        """Weights after an epoch, in float16; epoch 0 has the initial ones."""
        return self.epoch_weights_folder / f"epoch-{epoch:04d}.safetensors"

    def epochs_with_weights(self) -> list[int]:
        """The epochs whose weights are there, from 0 on; none where they were not saved."""
        names = (path.stem for path in self.epoch_weights_folder.glob("epoch-*.safetensors"))
        numbers = (name.removeprefix("epoch-") for name in names)
        return sorted(int(number) for number in numbers if re.fullmatch("[0-9]{4}", number))

    def derived_folder(self, what: str) -> Path:
        """Where something computed from the run is kept, such as its "maps".

        Beside the own runs' files; in the cache for runs that come with the project.
        """
        if self.folder.parent == paths.runs_folder():
            return self.folder / what
        return paths.artifacts_folder() / "cache" / what / self.run_id

    def make_derived_folder(self, what: str) -> Path:
        """The same, made where it is absent.

        Raises
        ------
        OSError
            If it cannot be made. The folder of an own run that was removed is not made again, not
            even as a half.
        """
        folder = self.derived_folder(what)
        folder.mkdir(parents=folder.parent != self.folder, exist_ok=True)
        return folder

    def evaluation_path(self, split: SplitName) -> Path:
        """Logits of a split from the best epoch's weights."""
        return self.folder / "evaluation" / f"{split}.npz"

    @property
    def tta_path(self) -> Path:
        """Logits of the test split, averaged over the views that the settings name."""
        return self.folder / "evaluation" / "test-views.npz"

    def exists(self) -> bool:
        """Whether its folder is still there."""
        return self.config_path.exists()

    @property
    def gone(self) -> str:
        """The sentence for a run whose folder is no longer there."""
        return (
            f"The folder of {self.name} is gone: it was deleted or moved. Put it back and resume "
            "the run, or start a new one."
        )

    def lock(self) -> "filelock.BaseFileLock":
        """A new lock of the folder, not yet acquired; usable from any thread."""
        import filelock  # here, since the GPU benchmark runs without it

        return filelock.FileLock(self.folder / LOCK_FILE, timeout=5, thread_local=False)

    def log_event(self, text: str, *, time: float) -> None:
        """Append to the log of events."""
        append_line(self.events_path, json.dumps({"time": time, "text": text}), durable=False)

    def read_events(self) -> list[Event]:
        """The log of events, oldest first; a damaged line, as a crash leaves it, is left out.

        Raises
        ------
        OSError
            If it cannot be read; an absent one is empty.
        """
        try:
            lines = self.events_path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        from fmnist.runs.documents import EventDocument

        events = []
        for text in lines:
            try:
                line = EventDocument.parse(parse_json(text))
            except ValueError:
                continue
            events.append(Event(line.time, line.text))
        return events

    def write_status(
        self,
        state: State,
        progress: Progress,
        *,
        reason: str | None = None,
        durable: bool = True,
    ) -> None:
        """Record state and progress.

        Raises
        ------
        RunError
            If the folder is gone.
        OSError
            If it cannot be written.
        """
        if not self.exists():  # what trains would go on for hours, where nobody sees it
            raise RunError(self.gone)
        values = {
            "state": state,
            "reason": reason,
            "epoch": progress.epoch,
            "step": progress.step,
            "steps": progress.steps,
            "seconds": round(progress.seconds, 3),
            "images_per_second": round(progress.images_per_second, 1),
            "phase": progress.phase if state == "running" else None,
            "phase_fraction": round(progress.phase_fraction, 3) if state == "running" else 0.0,
        }
        write_json(self.status_path, values, durable=durable)

    def write_failure(self, reason: str, progress: Progress) -> None:
        """Record that the run failed, and why, so far as the disk takes it."""
        if not self.exists():
            _log.warning("%s", self.gone)
            return
        try:
            self.log_event(f"Failed: {reason}", time=time.time())
            self.write_status("failed", progress, reason=reason)
        except OSError:
            # the disk that could not take the run may not take the reason either
            _log.exception("The failure of run %s could not be recorded", self.run_id)
