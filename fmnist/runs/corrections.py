"""Where corrections of labels are kept: by their checksum for all runs, and with each run."""

from pathlib import Path
from typing import Final

from fmnist import paths
from fmnist.data.corrections import Corrections, CorrectionsError
from fmnist.files import write_atomic

FILE: Final = "corrections.json"
"""Name of the file in a run's folder."""
_MAX_BYTES: Final = 2**21  # 60,000 images with labels take half of it


def folder() -> Path:
    """Where the corrections of this machine are kept."""
    return paths.artifacts_folder() / "corrections"


def keep(corrections: Corrections) -> None:
    """Keep corrections, so that runs can be trained with them.

    Raises
    ------
    OSError
        If they cannot be written.
    """
    path = folder() / f"{corrections.checksum}.json"
    write_atomic(path, corrections.to_bytes(), make_folder=True)


def load(checksum: str, *, run_folder: Path | None = None) -> Corrections:
    """Corrections by their checksum: from a run's folder, else from those that are kept.

    Raises
    ------
    CorrectionsError
        If there are none, or they are damaged.
    OSError
        If they cannot be read.
    """
    places = [folder() / f"{checksum}.json"]
    if run_folder is not None:
        places.insert(0, run_folder / FILE)
    for path in places:
        try:
            with path.open("rb") as stream:
                found = Corrections.from_bytes(stream.read(_MAX_BYTES))
        except FileNotFoundError:
            continue
        if found.checksum != checksum:
            raise CorrectionsError(f"The file {path.name} is damaged.")
        return found
    raise CorrectionsError(f"There are no corrections {checksum[:12]}… on this machine.")


def read(path: Path) -> Corrections:
    """Corrections from any file.

    Raises
    ------
    CorrectionsError
        If there are none in it; the sentence names the file.
    OSError
        If it cannot be read.
    """
    with path.open("rb") as stream:
        content = stream.read(_MAX_BYTES)
    try:
        return Corrections.from_bytes(content)
    except CorrectionsError as error:
        raise CorrectionsError(f"{path.name}: {error}") from error


def known() -> dict[str, Corrections]:
    """The corrections that are kept, by checksum, the newest first; damaged ones are left out."""
    files = [path for path in folder().glob("*.json") if len(path.stem) == 64]
    found = {}
    for path in sorted(files, key=lambda path: path.stat().st_mtime, reverse=True):
        try:
            found[path.stem] = load(path.stem)
        except (CorrectionsError, OSError):
            continue
    return found
