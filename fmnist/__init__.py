"""Train, look into and play with image classifiers on Fashion-MNIST.

The names below are imported when they are first used, so that `import fmnist` does not wait for
torch.
"""

import importlib
import os
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from fmnist.models.classifier import Classifier
    from fmnist.models.networks.fashion_cnn import FashionCNN
    from fmnist.runs.config import TrainConfig
    from fmnist.runs.loading import load_pretrained, load_run

__version__: Final = "0.4.0"

# Threads of OpenMP that wait for each other sleep instead of spinning. On some machines, spinning
# makes a training several times slower where others need the cores; on the one of
# benchmarks/speed.md it does not, and sleeping costs up to a sixth there. OpenMP reads this when
# torch is imported, so it is set here, before any of the package's modules can import it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__all__ = ["Classifier", "FashionCNN", "TrainConfig", "__version__", "load_pretrained", "load_run"]

_HOMES: Final = {
    "Classifier": "fmnist.models.classifier",
    "FashionCNN": "fmnist.models.networks.fashion_cnn",
    "TrainConfig": "fmnist.runs.config",
    "load_pretrained": "fmnist.runs.loading",
    "load_run": "fmnist.runs.loading",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
