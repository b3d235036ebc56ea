"""Folders that environment variables name."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from fmnist import cli, paths
from fmnist.paths import PathError

VARIABLES = {"FMNIST_ARTIFACTS": paths.artifacts_folder, "FMNIST_DOWNLOADS": paths.downloads_folder}


@pytest.mark.parametrize(("variable", "folder"), VARIABLES.items())
def test_home_is_expanded(
    variable: str, folder: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(variable, "~/not there yet")
    assert folder() == tmp_path / "not there yet"
    assert paths.runs_folder().parent == paths.artifacts_folder()
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv(variable, "")
    assert folder().parent == paths.PROJECT


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("~nosuchuser/x", "~nosuchuser/x names a home folder that is unknown; write it out."),
        (
            "/" + "x" * 5000,
            r"/x{199}… cannot be used, since the name is too long; .*",
        ),
        (__file__, "test_paths.py is a file; name a folder."),
    ],
)
def test_what_cannot_be_used_is_told_in_a_sentence(
    variable: str,
    named: str,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(variable, named)
    with pytest.raises(PathError, match=f"^{variable}: .*{says}$"):
        paths.check()
    assert cli.main(["runs"]) == 1
    assert re.fullmatch(f"{variable}: .*{says}\n", capsys.readouterr().err)


def test_paths_on_the_command_line_are_expanded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cli.make_parser().parse_args(["download", "--data=~/x"]).data == tmp_path / "x"
    with pytest.raises(SystemExit, match="2"):
        cli.main(["download", "--data=~nosuchuser/x"])
    assert "~nosuchuser/x names a home folder that is unknown" in capsys.readouterr().err
