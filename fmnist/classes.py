"""The ten classes of Fashion-MNIST and the size of its images."""

from typing import Final

CLASS_NAMES: Final = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
"""Names of the classes; a label is an index into this tuple."""

NUM_CLASSES: Final = len(CLASS_NAMES)

IMAGE_SIZE: Final = 28
"""Height and width of an image in pixels."""
