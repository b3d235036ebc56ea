"""Attributions: how much each pixel or region of an image speaks for a class; through captum."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import numpy as np
import torch
from captum.attr import IntegratedGradients, LayerGradCam, Occlusion
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from fmnist.data.labels import IMAGE_SIZE
from fmnist.explain.feature_maps import working_copy
from fmnist.models.classifier import Classifier

MethodName = Literal["grad-cam", "occlusion", "integrated-gradients"]

_ACTIVATIONS: Final = "torch.nn.modules.activation"

_PASSES: Final = 256  # images in one forward pass


@dataclass(frozen=True)
class Layer:
    """A convolution that Grad-CAM can explain.

    Attributes
    ----------
    name : str
        Its name in the network.
    title : str
        For people; differs from those of the network's other layers.
    size : tuple of int
        Height and width of its maps; at least 2.
    explained : str
        Name of the module whose output is explained: its activation, where that is a module that
        is used once, since the paper takes rectified maps; else the convolution itself.
    """

    name: str
    title: str
    size: tuple[int, int]
    explained: str

    @property
    def is_members(self) -> bool:
        """Whether it belongs to a member of an ensemble."""
        return self.name.startswith("networks.")


@dataclass(frozen=True)
class Settings:
    """How images are explained.

    Attributes
    ----------
    method : {"grad-cam", "occlusion", "integrated-gradients"}
    layer : str or None
        For Grad-CAM: name of a convolution; None for the last one.
    relu : bool
        For Grad-CAM: whether to keep only what speaks for the class, as published.
    window : int
        For occlusion: side of the hidden square, in pixels, from 1 to 28.
    stride : int
        For occlusion: pixels from one square to the next, from 1 to `window`.
    steps : int
        For integrated gradients: number of images on the way from black.
    """

    method: MethodName = "grad-cam"
    layer: str | None = None
    relu: bool = True
    window: int = 5
    stride: int = 2
    steps: int = 50

    @property
    def is_signed(self) -> bool:
        """Whether a map can be negative."""
        return self.method != "grad-cam" or not self.relu


@dataclass(frozen=True, eq=False)
class Targets:
    """What is explained of each image: the logit of a class, or a difference of two.

    Attributes
    ----------
    labels : int64 (N,)
    against : int64 (N,) or None
        Classes whose logits are subtracted: why the one and not the other?
    """

    labels: NDArray[np.int64]
    against: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, label: int, against: int | None = None, *, images: int = 1) -> "Targets":
        """The same classes for each of `images` images."""
        return cls(
            np.full(images, label, np.int64),
            None if against is None else np.full(images, against, np.int64),
        )

    def __getitem__(self, part: slice) -> "Targets":
        return Targets(self.labels[part], None if self.against is None else self.against[part])

    def tensors(self, device: torch.device) -> tuple[Tensor, ...]:
        """The classes as captum passes them on to the score."""
        found = (self.labels,) if self.against is None else (self.labels, self.against)
        return tuple(torch.tensor(labels, dtype=torch.int64, device=device) for labels in found)


class Explainer:
    """Attributions for a classifier.

    Explains logits divided by the classifier's temperature. An ensemble's are the logarithms of
    its mean probabilities.

    Parameters
    ----------
    classifier : Classifier
        Stays as it is: a copy of its network is explained. In-place ReLUs would overwrite the
        values before them, which Grad-CAM reads; those of the copy do not.

    Attributes
    ----------
    layers : tuple of Layer
        Convolutions with maps of at least 2 × 2, in the order in which the network applies them.
    """

    def __init__(self, classifier: Classifier) -> None:
        self._network = working_copy(classifier.model)
        self._normalization = classifier.normalization
        self._temperature = classifier.temperature
        self._named = classifier.named_logits
        first = next(self._network.parameters())
        self._device, self._dtype = first.device, first.dtype
        # captum hooks into the network, which several threads of a server would share
        self._lock = threading.Lock()
        self.layers = self._find_layers()

    @property
    def methods(self) -> tuple[MethodName, ...]:
        """The methods that apply to the network."""
        every: tuple[MethodName, ...] = get_args(MethodName)
        return every if self.layers else tuple(name for name in every if name != "grad-cam")

    def layer(self, name: str | None) -> Layer:
        """A convolution by its name, or the last one.

        Raises
        ------
        ValueError
            If the network has no such convolution.
        """
        for layer in reversed(self.layers):
            if name in (None, layer.name):
                return layer
        raise ValueError(f"The network has no convolution {name or ''}".rstrip() + ".")

    def finer(self, layer: Layer) -> Layer | None:
        """The last convolution with larger maps before a layer; None if there is none."""
        before = self.layers[: self.layers.index(layer)]
        return next((other for other in reversed(before) if other.size > layer.size), None)

    def scores(self, images: NDArray[np.uint8], targets: Targets) -> NDArray[np.float32]:
        """What is explained of each image, float32 (N,): a logit, or a difference of two."""
        with torch.inference_mode(), self._lock:
            parts = [
                self._score(self._inputs(images[part]), *targets[part].tensors(self._device))
                for part in _slices(len(images), _PASSES)
            ]
        return _array(torch.cat(parts))

    def attribute(
        self,
        images: NDArray[np.uint8],
        targets: Targets,
        settings: Settings = Settings(),
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> NDArray[np.float32]:
        """A map for each image, by the method of the settings.

        Parameters
        ----------
        images : uint8 (N, 28, 28)
        targets : Targets
            Of N images.
        settings : Settings
        progress : callable, optional
            Called now and then with (images done, images in all).

        Returns
        -------
        float32 (N, 28, 28)
            Above 0 where the image speaks for the class. Grad-CAM's maps are enlarged.

        Raises
        ------
        ValueError
            If the method does not apply to the network.
        """
        several = max(1, _PASSES // settings.steps) if settings.method != "grad-cam" else 64
        parts = []
        for part in _slices(len(images), several):
            parts.append(self._attribute(images[part], targets[part], settings))
            if progress:
                progress(min(part.stop, len(images)), len(images))
        return np.concatenate(parts)

    def _attribute(
        self, images: NDArray[np.uint8], targets: Targets, settings: Settings
    ) -> NDArray[np.float32]:
        if settings.method == "occlusion":
            return self.occlusion(images, targets, settings.window, settings.stride)
        if settings.method == "integrated-gradients":
            return self.integrated_gradients(images, targets, settings.steps)
        coarse = self.grad_cam_channels(images, targets, settings.layer).sum(1)
        if settings.relu:
            coarse = np.maximum(coarse, 0)
        return enlarge(coarse)

    def grad_cam_channels(
        self, images: NDArray[np.uint8], targets: Targets, layer: str | None = None
    ) -> NDArray[np.float32]:
        """The parts of which Grad-CAM is the sum: each channel of a layer times its weight.

        The weight is the gradient of the score by the channel, averaged over the positions
        (Selvaraju et al. 2017, "Grad-CAM"). The published map is the sum over the channels after
        a ReLU, which captum leaves out, and so does this.

        Parameters
        ----------
        images : uint8 (N, 28, 28)
        targets : Targets
            Of N images.
        layer : str or None
            Name of a convolution; None for the last one.

        Returns
        -------
        float32 (N, C, h, w)

        Raises
        ------
        ValueError
            If the network has no such convolution.
        """
        module = self._network.get_submodule(self.layer(layer).explained)
        with self._lock:
            found = LayerGradCam(self._score, module).attribute(
                self._inputs(images),
                additional_forward_args=targets.tensors(self._device),
                attr_dim_summation=False,
            )
        return _array(found)

    def occlusion(
        self, images: NDArray[np.uint8], targets: Targets, window: int = 5, stride: int = 2
    ) -> NDArray[np.float32]:
        """How much the score falls when a square of the image is painted black.

        A pixel gets the mean over the squares that cover it (Zeiler and Fergus 2014, "Visualizing
        and Understanding Convolutional Networks").

        Parameters
        ----------
        images : uint8 (N, 28, 28)
        targets : Targets
            Of N images.
        window, stride : int
            Side of the square, and pixels from one to the next.

        Returns
        -------
        float32 (N, 28, 28)
        """
        inputs = self._inputs(images)
        with self._lock, torch.inference_mode():
            found = Occlusion(self._score).attribute(
                inputs,
                sliding_window_shapes=(1, window, window),
                strides=(1, stride, stride),
                baselines=self._black(),
                additional_forward_args=targets.tensors(self._device),
                perturbations_per_eval=max(1, _PASSES // len(images)),
            )
        return _array(found[:, 0])

    def integrated_gradients(
        self, images: NDArray[np.uint8], targets: Targets, steps: int = 50
    ) -> NDArray[np.float32]:
        """Each pixel times the mean gradient on the straight way from black to the image.

        The values of a map sum to the score of the image minus that of a black one, up to the
        error of the sum over the steps (Sundararajan et al. 2017, "Axiomatic Attribution for Deep
        Networks").

        Parameters
        ----------
        images : uint8 (N, 28, 28)
        targets : Targets
            Of N images.
        steps : int
            Number of images on the way.

        Returns
        -------
        float32 (N, 28, 28)
        """
        with self._lock:
            found = IntegratedGradients(self._score).attribute(
                self._inputs(images),
                baselines=self._black(),
                additional_forward_args=targets.tensors(self._device),
                n_steps=steps,
                internal_batch_size=_PASSES,
            )
        return _array(found[:, 0])

    def _score(self, inputs: Tensor, labels: Tensor, against: Tensor | None = None) -> Tensor:
        logits = self._named(self._network(inputs)) / self._temperature
        score: Tensor = logits.gather(1, labels[:, None])[:, 0]
        return score if against is None else score - logits.gather(1, against[:, None])[:, 0]

    def _inputs(self, images: NDArray[np.uint8]) -> Tensor:
        # a copy, since torch warns about arrays that it may not write to
        pixels = torch.tensor(images, device=self._device)
        return self._normalization(pixels).to(self._dtype)

    def _black(self) -> float:
        """What normalization makes of a black pixel."""
        return float(self._normalization(torch.zeros(1, 1, 1, dtype=torch.uint8)))

    def _find_layers(self) -> tuple[Layer, ...]:
        noise = np.random.default_rng(0).integers(0, 256, (1, IMAGE_SIZE, IMAGE_SIZE), np.uint8)
        calls = _record_calls(self._network, self._inputs(noise))
        found, number = [], 0
        for place, call in enumerate(calls):
            if not call.is_convolution:
                continue
            number += 1
            explained = _activation(calls, place) or call
            if min(explained.size) > 1:
                title = _title(call, number, explained.size)
                found.append(Layer(call.name, title, explained.size, explained.name))
        return tuple(found)


@dataclass(frozen=True)
class _Call:
    """One call of a module that makes maps; `name` is that of the module."""

    name: str
    channels: int
    size: tuple[int, int]
    is_convolution: bool
    is_activation: bool


def _record_calls(network: nn.Module, inputs: Tensor) -> list[_Call]:
    """The modules that make maps, in the order in which they end."""
    calls: list[_Call] = []

    def recorder(name: str) -> Callable[..., None]:
        def record(module: nn.Module, _inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor) and output.ndim == 4:
                _, channels, height, width = output.shape
                # a block may end with a ReLU that is no module
                ends_with_relu = (
                    next(module.children(), None) is not None
                    and bool((output >= 0).all())
                    and bool(output.any())
                )
                is_activation = type(module).__module__ == _ACTIVATIONS or ends_with_relu
                is_convolution = isinstance(module, nn.Conv2d)
                calls.append(_Call(name, channels, (height, width), is_convolution, is_activation))

        return record

    hooks = [m.register_forward_hook(recorder(name)) for name, m in network.named_modules()]
    with torch.inference_mode():
        network(inputs)
    for hook in hooks:
        hook.remove()
    return calls


def _activation(calls: Sequence[_Call], place: int) -> _Call | None:
    """The activation of a convolution, before the next one; None if no module used once has it."""
    convolution = calls[place]
    for call in calls[place + 1 :]:
        if call.is_convolution or call.channels != convolution.channels:
            return None
        if call.is_activation and [other.name for other in calls].count(call.name) == 1:
            return call
    return None


def _title(convolution: _Call, number: int, size: tuple[int, int]) -> str:
    prefix, _, rest = convolution.name.partition(".")
    member = f"member {int(rest.split('.')[0]) + 1}, " if prefix == "networks" else ""
    return f"Convolution {number}: {member}{convolution.channels} channels, {size[0]}×{size[1]}"


def enlarge(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Coarse maps, float32 (N, h, w), at the size of the images, float32 (N, 28, 28); bilinear."""
    tensor = torch.from_numpy(maps)[:, None]
    size = (IMAGE_SIZE, IMAGE_SIZE)
    return _array(functional.interpolate(tensor, size, mode="bilinear", align_corners=False)[:, 0])


def _slices(total: int, size: int) -> Sequence[slice]:
    return [slice(start, start + size) for start in range(0, total, size)]


def _array(values: Tensor) -> NDArray[np.float32]:
    found: NDArray[np.float32] = values.detach().float().cpu().numpy()
    return found


@dataclass(frozen=True)
class Method:
    """What a method claims, for people.

    Attributes
    ----------
    title : str
    claims : str
        What a map shows, to be read after "shows".
    limits : str
        What it does not show, in sentences.
    source : str
    """

    title: str
    claims: str
    limits: str
    source: str


METHODS: Final[Mapping[MethodName, Method]] = {
    "grad-cam": Method(
        "Grad-CAM",
        "regions whose features raise the score of the class, at the resolution of one layer.",
        "It does not say which pixels matter: a cell of the layer sees many, and enlarging it "
        "adds no detail. What later layers make of the position is averaged away.",
        "Selvaraju et al. 2017",
    ),
    "occlusion": Method(
        "Occlusion",
        "how much the score falls when a square there is painted black.",
        "Black is background here, so hiding background changes little, though a bright spot "
        "there could matter. Two regions of which one is enough both look unimportant.",
        "Zeiler and Fergus 2014",
    ),
    "integrated-gradients": Method(
        "Integrated gradients",
        "a share of the score for each pixel; the shares sum to the score of the image minus that "
        "of a black image.",
        "A black pixel always gets 0, however important it is that it is black. The map therefore "
        "shows the outline of the garment whatever the network has learned.",
        "Sundararajan et al. 2017",
    ),
}
"""The methods by name."""
