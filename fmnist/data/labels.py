"""The ten classes of Fashion-MNIST, a person's own classes, and the size of the images."""

from collections.abc import Sequence
from typing import Final

from fmnist.errors import ToldError
from fmnist.text import one_line

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

NO_GARMENT: Final = "No garment"
"""Label of drawings of other things."""

MAX_OWN_CLASSES: Final = 5
OWN_NAME_LENGTH: Final = 30
"""Characters of the name of a person's own class."""


class OwnClassError(ToldError, ValueError):
    """An own class that cannot be; the message says what to do."""


def check_own_classes(names: Sequence[str]) -> tuple[str, ...]:
    """Check the names of a person's own classes.

    Parameters
    ----------
    names : sequence of str

    Returns
    -------
    tuple of str
        The same names.

    Raises
    ------
    OwnClassError
        If there are more than five; if a name is empty, longer than 30 characters or no plain
        text; if it is that of another class, whatever its capitals.
    """
    if len(names) > MAX_OWN_CLASSES:
        raise OwnClassError(f"There can be at most {MAX_OWN_CLASSES} own classes.")
    taken = {name.casefold() for name in (*CLASS_NAMES, NO_GARMENT)}
    for name in names:
        if not 1 <= len(name) <= OWN_NAME_LENGTH:
            raise OwnClassError(f"Give the class a name of 1 to {OWN_NAME_LENGTH} characters.")
        if one_line(name, OWN_NAME_LENGTH) != name:
            raise OwnClassError("The name of a class is one line of plain text.")
        if name.casefold() in taken:
            raise OwnClassError(f"There is a class {name!r} already; choose another name.")
        taken.add(name.casefold())
    return tuple(names)


def class_name(label: int, names: Sequence[str] = CLASS_NAMES) -> str:
    """Name of a class, also of one that another model has and this one lacks.

    Parameters
    ----------
    label : int
        At least 0.
    names : sequence of str
        Those of the model.
    """
    return names[label] if label < len(names) else f"Own class {label - NUM_CLASSES + 1}"


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
