"""A run as a zip archive, to be kept elsewhere."""

import io
import zipfile
from pathlib import Path

from fmnist import checksums
from fmnist.runs.run import Run


def zip_run(run: Run) -> bytes:
    """A zip archive of the folder, without the lock, temporary files, links and exports.

    A training may go on meanwhile.

    Raises
    ------
    OSError
        If a file cannot be read.
    """
    buffer = io.BytesIO()
    known: checksums.Checksums = {}
    # weights and logits hardly shrink: storing them is ten times as fast
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:

        def add(path: Path, content: bytes) -> None:
            name = Path(run.run_id) / path.relative_to(run.folder)
            # a date that the format does not know becomes the nearest one that it knows
            entry = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
            archive.writestr(entry, content)

        for path in _own_files(run):
            try:
                content, expected = checksums.read_checked(path)
                add(path, content)
            except FileNotFoundError:
                continue  # the training has removed it since
            if expected:
                known[path.relative_to(run.folder).as_posix()] = expected
        if known:  # of the files as they are in the archive
            add(run.folder / checksums.FILE, checksums.to_bytes(known))
    return buffer.getvalue()


def _own_files(run: Run) -> list[Path]:
    """The files of a run, without those for the moment, its checksums, links and exports."""
    # what a link leads to is not the run's, and may be private
    return [
        path
        for path in sorted(run.folder.rglob("*"))
        if path.is_file()
        and not path.is_symlink()
        and not path.name.startswith(".")
        and path != run.folder / checksums.FILE
        and run.exports_folder not in path.parents
    ]
