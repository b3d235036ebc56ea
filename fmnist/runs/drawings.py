"""Drawings that a training follows: what it predicts for them before it begins, and every epoch.

The page writes which drawings a run follows; the training reads them at the end of each epoch, and
writes what it predicts. So each file has one writer, and a drawing can be added to a run that
trains.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fmnist.checksums import verify, write_checked
from fmnist.data.labels import IMAGE_SIZE, NUM_CLASSES
from fmnist.errors import DamagedFileError
from fmnist.files import arrays_as_bytes, load_arrays, save_arrays
from fmnist.runs.run import Run, RunError

MOST: Final = 5
"""Drawings that a run follows at most."""

_MAX_BYTES: Final = 2**24


def _no_images() -> NDArray[np.uint8]:
    return np.zeros((0, IMAGE_SIZE, IMAGE_SIZE), np.uint8)


@dataclass(frozen=True, eq=False)
class FollowedDrawings:
    """What a training has predicted for drawings.

    Attributes
    ----------
    images : uint8 (D, 28, 28)
        The drawings as model inputs.
    epochs : int32 (R,)
        After which epoch each prediction was made; 0 is before the first step.
    drawings : int32 (R,)
        Of which drawing it is: its position in `images`.
    probabilities : float32 (R, K)
        K classes.
    """

    images: NDArray[np.uint8] = field(default_factory=_no_images)
    epochs: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    drawings: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    probabilities: NDArray[np.float32] = field(
        default_factory=lambda: np.zeros((0, NUM_CLASSES), np.float32)
    )

    def of(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Epochs (E,) and probabilities (E, K) of a drawing; none where it is not followed yet."""
        same = (self.images == image).all(axis=(1, 2))  # (D,)
        rows = same[self.drawings]
        return self.epochs[rows], self.probabilities[rows]

    def up_to(self, epoch: int) -> "FollowedDrawings":
        """The predictions until an epoch."""
        rows = self.epochs <= epoch
        return FollowedDrawings(
            self.images, self.epochs[rows], self.drawings[rows], self.probabilities[rows]
        )

    def with_epoch(
        self, epoch: int, images: NDArray[np.uint8], probabilities: NDArray[np.float32]
    ) -> "FollowedDrawings":
        """These predictions, and those of another epoch.

        Parameters
        ----------
        epoch : int
            Later than all others.
        images : uint8 (N, 28, 28)
            The drawings followed now; new ones take their place behind the others.
        probabilities : float32 (N, K)
        """
        known = [image.tobytes() for image in self.images]
        new = [image for image in images if image.tobytes() not in known]
        known += [image.tobytes() for image in new]
        positions = np.array([known.index(image.tobytes()) for image in images], np.int32)
        return FollowedDrawings(
            np.concatenate([self.images, np.array(new, np.uint8).reshape(-1, *images.shape[1:])]),
            np.append(self.epochs, np.full(len(images), epoch, np.int32)),
            np.append(self.drawings, positions),
            np.concatenate([self.probabilities, probabilities])
            if len(self.epochs)
            else probabilities,
        )

    def save(self, path: Path) -> None:
        """Write to a `.npz` file, atomically."""
        write_checked(path, arrays_as_bytes(vars(self)))

    @classmethod
    def load(cls, path: Path) -> "FollowedDrawings":
        """Read a file that `save` wrote; an absent one holds none.

        Raises
        ------
        OSError
            If it cannot be read.
        DamagedFileError
            If it is damaged, or holds something else.
        """
        if not path.exists():
            return cls()
        verify(path)
        arrays = load_arrays(path, tuple(vars(cls())), max_bytes=_MAX_BYTES)
        found = cls(**arrays)
        if not found._is_sound():
            raise DamagedFileError(f"the file {path.name} is damaged.")
        return found

    def _is_sound(self) -> bool:
        rows = len(self.epochs)
        return (
            _are_images(self.images)
            and self.epochs.dtype == self.drawings.dtype == np.int32
            and self.probabilities.dtype == np.float32
            and self.epochs.shape == self.drawings.shape == (rows,)
            and self.probabilities.ndim == 2
            and len(self.probabilities) == rows
            and bool((np.diff(self.epochs) >= 0).all() and (self.epochs >= 0).all())
            and bool(((self.drawings >= 0) & (self.drawings < len(self.images))).all())
            # what is no number compares as false
            and bool(((self.probabilities >= 0) & (self.probabilities <= 1)).all())
        )


def _are_images(values: NDArray[np.uint8]) -> bool:
    return values.dtype == np.uint8 and values.shape[1:] == (IMAGE_SIZE, IMAGE_SIZE)


def chosen(run: Run) -> NDArray[np.uint8]:
    """The drawings that a run is to follow, uint8 (D, 28, 28), in the order they were added.

    Raises
    ------
    OSError
        If the file cannot be read.
    DamagedFileError
        If it is damaged, or holds something else.
    """
    try:
        images: NDArray[np.uint8] = load_arrays(
            run.chosen_drawings_path, ("images",), max_bytes=_MAX_BYTES
        )["images"]
    except FileNotFoundError:
        return _no_images()
    if not _are_images(images) or len(images) > MOST:
        raise DamagedFileError(f"the file {run.chosen_drawings_path.name} is damaged.")
    return images


def forget(run: Run, image: NDArray[np.uint8]) -> None:
    """Let a run follow a drawing no longer; what it has predicted for it is not shown any more.

    Parameters
    ----------
    run : Run
    image : uint8 (28, 28)
        The drawing as a model input; nothing happens if the run does not follow it.

    Raises
    ------
    OSError, DamagedFileError
        If the file cannot be read or written.
    """
    images = chosen(run)
    others = images[(images != image).any(axis=(1, 2))]
    if len(others) < len(images):
        save_arrays(run.chosen_drawings_path, {"images": others})


def choose(run: Run, image: NDArray[np.uint8]) -> None:
    """Let a run follow a drawing, from its next epoch on; one that it follows is not added again.

    Parameters
    ----------
    run : Run
    image : uint8 (28, 28)
        The drawing as a model input.

    Raises
    ------
    RunError
        If the run follows as many as it can.
    OSError, DamagedFileError
        If the file cannot be read or written.
    """
    images = chosen(run)
    if any(np.array_equal(image, other) for other in images):
        return
    if len(images) >= MOST:
        raise RunError(f"{run.name} follows {MOST} drawings already, which is the most.")
    save_arrays(run.chosen_drawings_path, {"images": np.append(images, image[None], axis=0)})
