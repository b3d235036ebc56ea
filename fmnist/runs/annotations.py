"""What people add to a run so that they find it again: tags, notes, a group, a star.

They are kept beside the run, in a file of their own: a training that goes on never writes it.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from fmnist.errors import ToldError, reason
from fmnist.files import PartlyDoneError, json_bytes, read_json, write_all, write_json
from fmnist.runs.names import partly
from fmnist.text import NAME_LENGTH, one_line

if TYPE_CHECKING:
    from fmnist.runs.run import Run

FILE: Final = "annotations.json"
TAG_LENGTH: Final = 40
"""Characters of a tag."""
MOST_TAGS: Final = 20
"""Tags of a run."""
NOTES_LENGTH: Final = 2000
"""Characters of the notes."""

# two windows that change a run at once would each keep only their own change
_CHANGING: Final = threading.Lock()


class AnnotationsError(ToldError):
    """Tags, notes or a group that cannot be kept; the message says what to do."""


@dataclass(frozen=True)
class Annotations:
    """What people added to a run.

    Attributes
    ----------
    tags : tuple of str
        At most 20, each of 1 to 40 characters without commas, none twice.
    notes : str
        At most 2,000 characters; may have line breaks.
    group : str or None
        Runs that belong together, such as the seeds of one setting, have the same; 1 to 80
        characters.
    favorite : bool

    Raises
    ------
    AnnotationsError
        If something is too long or too much.
    """

    tags: tuple[str, ...] = ()
    notes: str = ""
    group: str | None = None
    favorite: bool = False

    def __post_init__(self) -> None:
        tags = tuple(dict.fromkeys(filter(None, (one_line(tag, 100) for tag in self.tags))))
        if any(len(tag) > TAG_LENGTH or "," in tag for tag in tags):
            raise AnnotationsError(f"Give tags of 1 to {TAG_LENGTH} characters, without commas.")
        if len(tags) > MOST_TAGS:
            raise AnnotationsError(f"Give a run at most {MOST_TAGS} tags.")
        lines = (one_line(line, NOTES_LENGTH + 1) for line in self.notes.splitlines())
        notes = "\n".join(lines).strip()
        if len(notes) > NOTES_LENGTH:
            raise AnnotationsError(f"Keep the notes below {NOTES_LENGTH:,} characters.")
        group = one_line(self.group or "", NAME_LENGTH + 1) or None
        if group and len(group) > NAME_LENGTH:
            raise AnnotationsError(f"Give the group a name of 1 to {NAME_LENGTH} characters.")
        for name, value in (("tags", tags), ("notes", notes), ("group", group)):
            object.__setattr__(self, name, value)


def read(folder: Path) -> Annotations:
    """What people added to the run in a folder; nothing where they added nothing.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is damaged.
    """
    try:
        values = read_json(folder / FILE)
    except FileNotFoundError:
        return Annotations()
    from fmnist.runs.documents import AnnotationsDocument

    try:
        return Annotations(**AnnotationsDocument.parse(values).model_dump())
    except AnnotationsError as error:
        raise ValueError(reason(error)) from error


def problem_of(error: Exception) -> str:
    """The sentence for a file that `read` refuses."""
    told = one_line(reason(error), 300)
    return f"{FILE} cannot be read ({told}); restore it from a copy, or delete it."


def write(folder: Path, annotations: Annotations) -> None:
    """Write the file beside a run.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    write_json(folder / FILE, asdict(annotations))


def change(run: "Run", edit: Callable[[Annotations], Annotations]) -> None:
    """Change what was added to a run, as its file has it now.

    Parameters and errors are those of `change_all`.
    """
    change_all([run], edit)


def change_all(
    runs: "Sequence[Run]",
    edit: Callable[[Annotations], Annotations],
    *,
    besides: Mapping[Path, bytes] = MappingProxyType({}),
) -> None:
    """Change what was added to runs, as their files have it now: to all of them, or to none.

    Parameters
    ----------
    runs : sequence of Run
        One's own; those that come with the project stay as they are.
    edit : callable
        Makes the new annotations from the present ones, with `dataclasses.replace`.
    besides : mapping
        Further files of theirs, which are written with it.

    Raises
    ------
    AnnotationsError
        If `edit` gives what cannot be kept, a file is damaged, or a run is gone. If some were
        changed and cannot be changed back after a failure: the message names them.
    OSError
        If a file cannot be written.
    """
    with _CHANGING:
        contents = dict(besides)
        for run in runs:
            if not run.folder.is_dir():
                raise AnnotationsError(run.gone)
            try:
                present = read(run.folder)
            except (OSError, ValueError) as error:
                raise AnnotationsError(f"{run.name}: {problem_of(error)}") from error
            try:
                changed = edit(present)
            except AnnotationsError as error:
                raise AnnotationsError(
                    f"{run.name}: {error}" if runs[1:] else str(error)
                ) from error
            if changed != present:
                contents[run.folder / FILE] = json_bytes(asdict(changed))
        try:
            write_all(contents)
        except PartlyDoneError as error:
            folders = {path.parent for i, path in enumerate(contents) if i in error.done}
            done = [run for run in runs if run.folder in folders]
            left = [run for run in runs if run.folder not in folders]
            told = f"{runs[0].name} was changed in part: {reason(error.failure)}."
            if left:
                told = partly(done, left, "changed", error.failure)
            raise AnnotationsError(told) from error


def groups(runs: "Iterable[Run]") -> dict[str, list["Run"]]:
    """Runs by their group, in the order given; those of none are left out."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        if run.annotations.group:
            found.setdefault(run.annotations.group, []).append(run)
    return found
