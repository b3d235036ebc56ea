"""Train, look into and play with image classifiers on Fashion-MNIST.

The names below are imported when they are first used, so that `import fmnist` does not wait for
torch.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from fmnist.classifier import Classifier, load_pretrained, load_run
    from fmnist.config import TrainConfig
    from fmnist.models.fashion_cnn import FashionCNN

__version__: Final = "0.1.0"

__all__ = ["Classifier", "FashionCNN", "TrainConfig", "__version__", "load_pretrained", "load_run"]

_HOMES: Final = {
    "Classifier": "fmnist.classifier",
    "FashionCNN": "fmnist.models.fashion_cnn",
    "TrainConfig": "fmnist.config",
    "load_pretrained": "fmnist.classifier",
    "load_run": "fmnist.classifier",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
