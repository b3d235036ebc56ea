"""Teachers: networks whose probabilities a run learns from beside the labels."""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fmnist.errors import reason
from fmnist.files import read_json, write_json
from fmnist.models.classifier import Classifier, Normalization
from fmnist.models.ensemble import Ensemble
from fmnist.runs.config import TrainConfig
from fmnist.runs.migration import migrate_document
from fmnist.runs.run import Run
from fmnist.runs.teachers import teachers_of
from fmnist.training.data import num_outputs
from fmnist.training.errors import TrainingError


class Teachers:
    """Networks that take turns at random, one a batch.

    The loss is linear in its target, so that on average it is that of the mean probabilities, for
    the work of one network.

    Parameters
    ----------
    networks : sequence of torch.nn.Module
        At least one, in evaluation mode.
    checksums : sequence of str
        SHA-256 (hex) of the weights of each run among the teachers.
    """

    def __init__(self, networks: Sequence[nn.Module], checksums: Sequence[str]) -> None:
        self._networks = networks
        self.checksums = tuple(checksums)

    @torch.no_grad()
    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Probabilities of images (B, 1, 28, 28), float32 (B, C), at temperature 1."""
        network = self._networks[0]
        if len(self._networks) > 1:
            number = torch.randint(
                len(self._networks), (), generator=generator, device=generator.device
            )
            network = self._networks[int(number)]
        probabilities: Tensor = network(images).float().softmax(1)
        return probabilities


def load_teachers(run: Run, config: TrainConfig, device: torch.device) -> Teachers | None:
    """The teachers of a run; None where it learns from the labels alone.

    Their checksums are written to config.json when the run first starts.

    Raises
    ------
    TrainingError
        If one cannot be used, or is no longer the network it was when the run began.
    fmnist.runs.run.RunError
        If there is none of a name, or if it has seen images that the settings keep apart.
    """
    teachers = read_teachers(config, device)
    if teachers:
        _check_unchanged(run, config.teachers, teachers.checksums)
    return teachers


def read_teachers(config: TrainConfig, device: torch.device) -> Teachers | None:
    """The teachers that settings name; None where they name none.

    Raises
    ------
    TrainingError, fmnist.runs.run.RunError
        As for `load_teachers`.
    """
    if not config.teachers:
        return None
    networks: list[nn.Module] = []
    checksums = []
    for teacher in teachers_of(config):
        try:
            checksums.append(hashlib.sha256(teacher.weights_path.read_bytes()).hexdigest())
            classifier = Classifier.load(teacher.weights_path)
        except (OSError, ValueError) as error:
            raise TrainingError(
                f"The teacher {teacher.run_id!r} cannot be loaded; choose a finished run with "
                f"weights ({reason(error)})."
            ) from error
        if classifier.outputs != num_outputs(config) or (
            classifier.normalization != Normalization()
        ):
            raise TrainingError(
                f"The teacher {teacher.run_id!r} has other classes or another normalization than "
                "this run; choose another teacher."
            )
        model = classifier.model.requires_grad_(False).to(device)
        networks += model.networks if isinstance(model, Ensemble) else [model]
    for network in networks:
        network.to(memory_format=torch.channels_last)
    return Teachers(networks, checksums)


def _check_unchanged(run: Run, names: Sequence[str], checksums: Sequence[str]) -> None:
    """Compare the teachers with those of the run's first start, which are then written down."""
    document = migrate_document(read_json(run.config_path))
    if "teachers" not in document:
        pairs = zip(names, checksums, strict=True)
        document["teachers"] = [{"run_id": name, "weights": weights} for name, weights in pairs]
        write_json(run.config_path, document)
    for teacher, weights in zip(document["teachers"], checksums, strict=True):
        if teacher["weights"] != weights:
            raise TrainingError(
                f"The teacher {teacher['run_id']!r} has changed since the run began; start a new "
                "run."
            )
