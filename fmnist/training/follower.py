"""A process beside the one of rank 0: it takes the same steps, and keeps no run."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from fmnist.data.corrections import Corrections
from fmnist.data.splits import Dataset, DatasetName
from fmnist.runs.config import TrainConfig
from fmnist.training.data import TrainingData
from fmnist.training.distillation import Teachers, read_teachers
from fmnist.training.errors import TrainingError
from fmnist.training.group import Group, choose_device
from fmnist.training.optim import resolve_dtype
from fmnist.training.step import Stepper


@dataclass(frozen=True)
class Plan:
    """What the other processes need of a run, so that they need no folder of it."""

    config: TrainConfig
    dataset: str  # its checksum
    corrections: Corrections | None
    teachers: tuple[str, ...]  # checksums of their weights

    @classmethod
    def of(
        cls,
        config: TrainConfig,
        dataset: Dataset,
        corrections: Corrections | None,
        teachers: Teachers | None,
    ) -> "Plan":
        """The plan of a run that is about to be trained."""
        return cls(config, dataset.checksum, corrections, teachers.checksums if teachers else ())

    def to_bytes(self) -> bytes:
        """As JSON."""
        corrections = self.corrections.to_bytes().decode() if self.corrections else None
        values = {
            "config": self.config.to_json(),
            "dataset": self.dataset,
            "corrections": corrections,
            "teachers": self.teachers,
        }
        return json.dumps(values).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Plan":
        """Reverse of `to_bytes`."""
        values = json.loads(content)
        corrections = values["corrections"]
        return cls(
            TrainConfig.from_json(values["config"]),
            values["dataset"],
            Corrections.from_bytes(corrections.encode()) if corrections else None,
            tuple(values["teachers"]),
        )


def follow(
    group: Group, load_dataset: Callable[[DatasetName], Dataset], *, device: str | None = None
) -> None:
    """Take the steps of the run that the process of rank 0 trains, until it ends or pauses.

    Parameters
    ----------
    group : Group
        This process is not its rank 0.
    load_dataset : callable
        Returns the data set with a given name.
    device : str, optional
        Where to compute; by default this process's GPU if torch sees one, else the processor.

    Raises
    ------
    TrainingError
        If this machine has another data set or other teachers than that of rank 0.
    fmnist.errors.ToldError
        If it has none.
    """
    content = group.receive()
    if not content:  # the run has finished already
        return
    plan = Plan.from_bytes(content)
    config = plan.config
    dataset = load_dataset(config.dataset)
    if dataset.checksum != plan.dataset:
        raise TrainingError("The data set of this machine is another than that of the first one.")
    where = choose_device(device)
    teachers = read_teachers(config, where)
    if teachers and teachers.checksums != plan.teachers:
        raise TrainingError("A teacher on this machine is another than that of the first one.")
    if group.hear() != "continue":  # rank 0 has prepared the data: they may be in the cache now
        return
    data = TrainingData(config, dataset, where, lambda _done, _total: None, plan.corrections)
    dtype = resolve_dtype(config.precision, where)
    stepper = Stepper.create(config, data, teachers, device=where, dtype=dtype, group=group)
    stepper.begin()
    if config.compile:
        stepper.compile()
    state = stepper.state
    while group.hear() == "continue":
        state.model.train()
        for chosen in state.remaining_batches():
            if group.hear() != "continue":
                stepper.gather_sums()
                return
            stepper.step(chosen)
            stepper.take_sums()
        state.begin_next_epoch()
