"""Sizes of the models, counted once and kept."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fmnist.models import sizes
from fmnist.models.sizes import Size

FASHION_CNN = Size(1_625_866, 9 * 32 * 784 + 9 * 32 * 64 * 784 + 12_544 * 128 + 1_280)


def test_counted_from_the_module() -> None:
    assert sizes.count(["fashion-cnn", "logistic"]) == {
        "fashion-cnn": FASHION_CNN,
        "logistic": Size(7_850, 7_840),
    }


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ValueError, match="no model 'vgg'"):
        sizes.count(["vgg"])


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "sizes.json"
    assert sizes.load_sizes(path) == {}
    sizes.save_sizes(path, {"fashion-cnn": FASHION_CNN})
    assert sizes.load_sizes(path) == {"fashion-cnn": FASHION_CNN}


def test_sizes_of_other_code_are_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "sizes.json"
    sizes.save_sizes(path, {"fashion-cnn": FASHION_CNN})
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"code": "other"}))
    assert sizes.load_sizes(path) == {}


@pytest.mark.parametrize("damage", ["", "[]", "{}", "not json", '{"code": 1}'])
def test_a_damaged_file_is_counted_anew(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "sizes.json"
    path.write_text(damage)
    assert sizes.load_sizes(path) == {}


@pytest.mark.parametrize("told", [
        "{}", '{"mlp": {}}', '{"mlp": 3}', "[1]",
        *(
            f'{{"mlp": {{"parameters": {number}, "multiply_adds": 1}}}}'
            for number in ("-1", "1.5", "NaN", "Infinity", "true", "null", '"3"', "1" * 400)
        ),
    ],
)  # fmt: skip
def test_damaged_sizes_are_counted_anew(tmp_path: Path, told: str) -> None:
    path = tmp_path / "sizes.json"
    sizes.save_sizes(path, {})
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"sizes": json.loads(told)}))
    assert sizes.load_sizes(path) == {}


def test_reading_needs_no_torch() -> None:
    code = "import sys; from fmnist.models import sizes; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
