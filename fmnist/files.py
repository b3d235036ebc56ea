"""Files that are either the old ones or the new ones, never half of each."""

import io
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

_FORMULA: Final = ("=", "+", "-", "@", "'")


def write_atomic(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file under a temporary name, flush it, and rename it into place.

    Parameters
    ----------
    path : Path
        Its folder is made where it is absent.
    content : bytes
    durable : bool
        Wait until the disk has it. Without, the file is still never seen half-written, but a
        power cut may bring back the old one; for what is soon written again.

    Raises
    ------
    OSError
        If it cannot be written (disk full, no permission); the old file is then untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        temporary.chmod(0o644)  # mkstemp's files are for their owner alone
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def append_line(path: Path, line: str) -> None:
    """Add a line to a text file, and wait until the disk has it.

    A crash meanwhile may leave a part of the line, without the line break at its end.

    Raises
    ------
    OSError
        If it cannot be written (disk full, no permission).
    """
    with path.open("a", encoding="utf-8") as stream:
        stream.write(f"{line}\n")
        stream.flush()
        os.fsync(stream.fileno())


def write_json(path: Path, values: object, *, durable: bool = True) -> None:
    """Write a JSON file, atomically."""
    write_atomic(path, (json.dumps(values, indent=2) + "\n").encode(), durable=durable)


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name} is no text") from error
    except RecursionError as error:
        raise ValueError(f"{path.name} is nested too deeply") from error


def shield_formula(text: str) -> str:
    """Prefix text that a spreadsheet would read as a formula with a quote; numbers stay."""
    return f"'{text}" if text.startswith(_FORMULA) and not _is_number(text) else text


def unshield_formula(text: str) -> str:
    """Text before `shield_formula`."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def png(picture: "Image.Image") -> bytes:
    """A picture as a PNG file."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of a `.npz` file; pickled objects are refused.

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If the file is damaged.
    """
    try:
        # opened here, since NumPy leaves the file open where the archive is damaged
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except OSError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy each have their own
        raise ValueError(f"the file {path.name} is damaged ({error}).") from error
