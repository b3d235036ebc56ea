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


def check_label(label: int) -> None:
    """Check that a label is a class.

    Parameters
    ----------
    label : int
        Index into ``CLASS_NAMES``.

    Raises
    ------
    ValueError
        If the label is outside 0 to 9.
    """
    if not 0 <= label < NUM_CLASSES:
        raise ValueError(
            f"A label is a number from 0 ({CLASS_NAMES[0]}) to {NUM_CLASSES - 1}"
            f" ({CLASS_NAMES[-1]}), not {label}."
        )
