"""Corrections are kept by checksum and with each run, and a run repeats with them."""

from dataclasses import replace
from pathlib import Path

import pytest

from fmnist.data.corrections import Corrections, CorrectionsError
from fmnist.runs import corrections, store
from fmnist.runs.config import TrainConfig

CHANGES = Corrections.of("synthetic-garments", relabeled={3: 4}, excluded=[1, 2])
CONFIG = TrainConfig(dataset="synthetic-garments", corrections=CHANGES.checksum)


@pytest.fixture(autouse=True)
def artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path))
    return tmp_path


def test_a_run_takes_them_along(artifacts: Path) -> None:
    corrections.keep(CHANGES)
    assert corrections.known() == {CHANGES.checksum: CHANGES}
    run = store.create_run(artifacts / "runs", CONFIG)
    (corrections.folder() / f"{CHANGES.checksum}.json").unlink()
    assert corrections.load(CHANGES.checksum, run_folder=run.folder) == CHANGES


def test_without_them_there_is_no_run(artifacts: Path) -> None:
    with pytest.raises(CorrectionsError, match="There are no corrections"):
        store.create_run(artifacts / "runs", CONFIG)
    assert not (artifacts / "runs").exists()


def test_those_of_another_data_set_make_no_run(artifacts: Path) -> None:
    corrections.keep(CHANGES)
    with pytest.raises(CorrectionsError, match="of another data set"):
        store.create_run(artifacts / "runs", replace(CONFIG, dataset="fashion-mnist"))
    assert not (artifacts / "runs").exists()


def test_damage_is_told_and_not_listed(artifacts: Path) -> None:
    corrections.keep(CHANGES)
    path = corrections.folder() / f"{CHANGES.checksum}.json"
    path.write_bytes(replace(CHANGES, excluded=(1,)).to_bytes())
    with pytest.raises(CorrectionsError, match="is damaged"):
        corrections.load(CHANGES.checksum)
    assert corrections.known() == {}
