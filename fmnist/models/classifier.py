"""A classifier: weights, normalization and temperature, from images to probabilities."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fmnist.checksums import verify, write_checked
from fmnist.data.labels import (
    CLASS_NAMES,
    IMAGE_SIZE,
    NO_GARMENT,
    NUM_CLASSES,
    check_own_classes,
)
from fmnist.errors import DamagedFileError
from fmnist.models.ensemble import Ensemble
from fmnist.models.registry import RENAMED, create_model, describe

_BATCH: Final = 500  # images a forward pass: larger ones leave the processor's cache


@dataclass(frozen=True)
class Normalization:
    """Takes pixels 0 … 255 to the range a model was trained on.

    Attributes
    ----------
    mean, std : float
        Of pixels scaled to [0, 1]; the default takes them to [-1, 1].
    """

    mean: float = 0.5
    std: float = 0.5

    def __call__(self, images: Tensor) -> Tensor:  # uint8 (N, 28, 28) -> float32 (N, 1, 28, 28)
        scale, shift = 1 / (255 * self.std), self.mean / self.std
        return images.unsqueeze(1).float().mul_(scale).sub_(shift)


class Classifier:
    """Turns images into probabilities.

    Parameters
    ----------
    model : torch.nn.Module
        From normalized float32 (N, 1, 28, 28) to logits float32 (N, outputs): of the ten classes;
        of "no garment", if the network knows it; of own classes. Put into evaluation mode.
    models : sequence of str
        Its name in `fmnist.models.registry.MODELS`; of an ensemble, those of its networks.
    normalization : Normalization
    temperature : float
        Above 0; logits are divided by it before softmax.
    own_classes : sequence of str
        Names of classes that a person has added to the ten.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        models: Sequence[str],
        normalization: Normalization = Normalization(),
        temperature: float = 1.0,
        own_classes: Sequence[str] = (),
    ) -> None:
        # processors' kernels prefer channels_last; training uses it too, so that a model gives
        # bit-equal logits while it trains and after it is loaded
        self.model = model.eval().to(memory_format=torch.channels_last)
        self.models = tuple(models)
        self.normalization = normalization
        self.temperature = temperature
        self.own_classes = tuple(own_classes)

    def logits(
        self,
        images: NDArray[np.uint8],
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> NDArray[np.float32]:
        """Logits of the ten classes and of own ones, before the temperature.

        Parameters
        ----------
        images : uint8 (N, 28, 28)
            White garment on black.
        progress : callable, optional
            Called now and then with (images done, images in all).

        Returns
        -------
        float32 (N, C)
            In the order of `class_names`.

        Raises
        ------
        ValueError
            If the images have another shape or type.
        """
        return self._in_batches(
            lambda batch: self.named_logits(self.model(batch)),
            images,
            width=len(self.class_names),
            progress=progress,
        )

    def named_logits(self, outputs: Tensor) -> Tensor:
        """Logits of the classes, (N, C), among all that the network gives, (N, outputs)."""
        if not self.own_classes:
            return outputs[:, :NUM_CLASSES]  # a view, which training needs
        return outputs[:, list(self.named_outputs)]

    @property
    def named_outputs(self) -> tuple[int, ...]:
        """Which of the network's logits each of `class_names` has."""
        return tuple(n for n, name in enumerate(self.output_names) if name != NO_GARMENT)

    @property
    def outputs(self) -> int:
        """Length of the network's logits: 10, one more with "no garment", and own classes."""
        return self.last_layer.out_features

    @property
    def class_names(self) -> tuple[str, ...]:
        """The ten classes, then own ones."""
        return (*CLASS_NAMES, *self.own_classes)

    @property
    def output_names(self) -> tuple[str, ...]:
        """What each of the network's logits is of."""
        other = (NO_GARMENT,) if self.has_ood_class else ()
        return (*CLASS_NAMES, *other, *self.own_classes)

    @property
    def has_ood_class(self) -> bool:
        """Whether the network has learned to tell garments from other things."""
        return self.outputs - len(self.own_classes) > NUM_CLASSES

    def in_distribution_scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """How much images look like any garment.

        Parameters
        ----------
        images : uint8 (N, 28, 28)

        Returns
        -------
        float32 (N,)
            Probability, in [0, 1], that the image does not belong to the class of other things;
            own classes do not.

        Raises
        ------
        ValueError
            If the network knows no such class, or the images have another shape or type.
        """
        if not self.has_ood_class:
            raise ValueError("The network has not learned what is no garment.")
        logits = self._in_batches(self.model, images, width=self.outputs, progress=None)
        return self.scores_of(logits)

    def scores_of(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """In-distribution scores of all logits of the network, float32 (N, outputs)."""
        from scipy import special

        logits = _finite(logits)
        probabilities = special.softmax(logits.astype(np.float64), axis=1)
        scores: NDArray[np.float32] = (1 - probabilities[:, NUM_CLASSES]).astype(np.float32)
        return scores

    @cached_property
    def last_layer(self) -> nn.Linear:
        """The layer that makes logits of features; of an ensemble, that of its last network."""
        network = self.model
        if isinstance(network, Ensemble):
            network = network.networks[-1]
        # torchvision's networks have it in their head, which is not the last of their modules
        head = getattr(network, "head", network)
        return [m for m in head.modules() if isinstance(m, nn.Linear)][-1]

    def features(
        self,
        images: NDArray[np.uint8],
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> NDArray[np.float32]:
        """Features of images: the input of the network's last layer.

        Parameters
        ----------
        images, progress
            As in `logits`.

        Returns
        -------
        float32 (N, F)

        Raises
        ------
        ValueError
            If the images have another shape or type.
        """
        return self._in_batches(
            self.model.forward_features,  # type: ignore[arg-type]
            images,
            width=self.last_layer.in_features,
            progress=progress,
        )

    def _in_batches(
        self,
        compute: Callable[[Tensor], Tensor],
        images: NDArray[np.uint8],
        *,
        width: int,
        progress: Callable[[int, int], None] | None,
    ) -> NDArray[np.float32]:
        """Float32 (N, width) of images, a batch at a time."""
        if images.ndim != 3 or images.shape[1:] != (IMAGE_SIZE, IMAGE_SIZE):
            raise ValueError(f"images must have shape (N, 28, 28), not {images.shape}.")
        if images.dtype != np.uint8:
            raise ValueError(f"images must be uint8 (0 to 255), not {images.dtype}.")
        device = next(self.model.parameters()).device
        self.model.eval()
        parts = []
        with torch.inference_mode():
            for start in range(0, len(images), _BATCH):
                # a copy, since torch warns about arrays that it may not write to
                batch = torch.tensor(images[start : start + _BATCH]).to(device)
                parts.append(compute(self.normalization(batch)))
                if progress:
                    progress(min(start + _BATCH, len(images)), len(images))
            if not parts:
                return np.zeros((0, width), dtype=np.float32)
            values: NDArray[np.float32] = torch.cat(parts).float().cpu().numpy()
        return values

    def predict_proba(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities of the ten classes and of own ones, given that an image shows one of them.

        Parameters
        ----------
        images : uint8 (N, 28, 28)

        Returns
        -------
        float32 (N, C)
            In the order of `class_names`. Rows in [0, 1] that sum to 1.

        Raises
        ------
        DamagedFileError
            If the logits are not finite.
        ValueError
            If the images have another shape or type.
        """
        return self._softmax(self.logits(images))

    def named_probabilities(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """The same of all logits of the network, float32 (N, outputs)."""
        return self._softmax(logits[:, list(self.named_outputs)])

    def _softmax(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        from scipy import special  # here, since training needs the logits alone

        scaled = _finite(logits).astype(np.float64) / self.temperature
        probabilities: NDArray[np.float32] = special.softmax(scaled, axis=1).astype(np.float32)
        return probabilities

    def save(
        self, path: Path, *, dtype: torch.dtype | None = None, half_if_exact: bool = False
    ) -> None:
        """Write weights, normalization and temperature to one `.safetensors` file, atomically.

        Parameters
        ----------
        path : Path
        dtype : torch.dtype, optional
            Number format in the file, such as float16; by default that of the weights. `load`
            gives float32 again.
        half_if_exact : bool
            Whether to write as float16 the tensors that lose nothing by it, such as those that
            were read from float16.
        """
        import safetensors.torch  # here and below, since the GPU benchmark runs without it

        tensors = {}
        for name, tensor in self.model.state_dict().items():
            own = tensor.detach().cpu()
            kept = own.to(dtype) if dtype and own.is_floating_point() else own
            if half_if_exact and own.is_floating_point() and torch.equal(own.half().to(own), own):
                kept = own.half()
            tensors[name] = kept.contiguous()
        description = {
            "models": self.models,
            "mean": self.normalization.mean,
            "std": self.normalization.std,
            "temperature": self.temperature,
            "outputs": self.outputs,
        }
        if self.own_classes:
            description["own_classes"] = self.own_classes
        metadata = {"fmnist": json.dumps(description)}
        write_checked(path, safetensors.torch.save(tensors, metadata=metadata))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file that `save` wrote.

        Raises
        ------
        OSError
            If there is no such file.
        DamagedFileError
            If the file is damaged, or holds something else or numbers that are not finite.
        """
        import safetensors

        verify(path)
        try:
            with safetensors.safe_open(path, framework="pt") as archive:
                description = json.loads((archive.metadata() or {})["fmnist"])
                tensors = {name: archive.get_tensor(name) for name in archive.keys()}  # noqa: SIM118
            mean, std, temperature = (float(description[k]) for k in ("mean", "std", "temperature"))
            if not (abs(mean) < 1e3 and 1e-3 < std < 1e3 and 0.01 <= temperature <= 100):
                raise ValueError("its normalization or temperature is impossible")
            if not all(bool(t.isfinite().all()) for t in tensors.values()):
                raise ValueError("they are not all finite numbers")
            names = _names(description)
            outputs = description.get("outputs", NUM_CLASSES)
            own_classes = check_own_classes(description.get("own_classes", ()))
            if outputs - len(own_classes) not in (NUM_CLASSES, NUM_CLASSES + 1):
                raise ValueError(f"it has {outputs!r} outputs")
            model = create_model(*names, seed=0, num_classes=outputs)
            try:
                model.load_state_dict(tensors)
            except RuntimeError as error:  # which lists every tensor that is amiss
                raise ValueError(f"they do not fit the model {describe(*names).title}") from error
            return cls(
                model,
                models=names,
                normalization=Normalization(mean, std),
                temperature=temperature,
                own_classes=own_classes,
            )
        except OSError:
            raise
        except (
            safetensors.SafetensorError,
            KeyError,
            OverflowError,
            TypeError,
            ValueError,
            RuntimeError,
        ) as error:
            problem = " ".join(str(error).split())[:200]
            raise DamagedFileError(f"the weights in {path} cannot be read ({problem}).") from error


def _names(description: Mapping[str, Any]) -> list[str]:
    """Names of the networks; earlier versions joined those of an ensemble."""
    names = description.get("models") or str(description["model"]).split("+")
    return [RENAMED.get(name, name) for name in names]


def _finite(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logits; softmax would make something of those that are no numbers, too."""
    if not np.isfinite(logits).all():
        raise DamagedFileError(
            "the model's outputs are not finite numbers; choose another model, or train it again."
        )
    return logits
