"""The form's choice of corrections."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from fmnist.dashboard.train.settings import _corrections
from fmnist.data.corrections import Corrections
from fmnist.runs import corrections


def test_the_label_says_why_selected_corrections_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMNIST_ARTIFACTS", str(tmp_path))
    kept = Corrections.of("fashion-mnist", excluded=[1])
    corrections.keep(kept)

    def label(dataset: str, checksum: str) -> str:
        return _corrections(SimpleNamespace(dataset=dataset, corrections=checksum))[checksum]

    assert label("fashion-mnist", kept.checksum) == "1 excluded"
    other = label("synthetic-garments", kept.checksum)
    assert other == f"{kept.checksum[:8]} (of another data set)"
    assert label("fashion-mnist", "0" * 64) == "00000000 (gone)"
