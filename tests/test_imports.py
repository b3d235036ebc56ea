"""Every room is under the import rule, and no module holds state that can change."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from fmnist import paths

ROOT = paths.PROJECT

FILES = sorted([*ROOT.glob("fmnist/**/*.py"), *ROOT.glob("pages/*.py"), ROOT / "app.py"])


def module_name(path: Path) -> str:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


def test_every_room_is_named_in_the_contract() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = contract["tool"]["importlinter"]["contracts"][0]["layers"]
    named = {room.strip("() ") for layer in layers for room in re.split("[|:]", layer)}
    there = {p.stem for p in (ROOT / "fmnist").iterdir() if p.suffix == ".py" or p.is_dir()}
    assert there - {"__init__", "__main__", "__pycache__"} <= named


DISPLAYS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
MAKERS = ("list", "dict", "set", "bytearray", "defaultdict", "deque", "Counter", "OrderedDict")


def mutable_names(tree: ast.Module) -> Iterator[str]:
    """Module-level names that are bound to something that can change."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            yield from node.names
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            continue
        value = node.value
        made = isinstance(value, ast.Call) and ast.unparse(value.func).split(".")[-1] in MAKERS
        # Final says that the name stays; for a table it is taken for a promise about the value
        constant = isinstance(node, ast.AnnAssign) and "Final" in ast.unparse(node.annotation)
        if (isinstance(value, DISPLAYS) and not constant) or made:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (name for t in targets if (name := ast.unparse(t)) != "__all__")


# app.py and pages are scripts: each visit runs them in a namespace of its own
@pytest.mark.parametrize(
    "path", [f for f in FILES if (ROOT / "fmnist") in f.parents], ids=module_name
)
def test_no_module_level_mutable_state(path: Path) -> None:
    assert list(mutable_names(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    "code",
    [
        "x = []", "x = {}", "x: dict[str, int] = {}", "x = dict()", "x = y = {1}",
        "x: Final = collections.defaultdict(list)", "x = [i for i in y]",
        "x = 0\ndef f():\n    global x\n    x = 1",
    ],
)  # fmt: skip
def test_mutable_state_is_seen(code: str) -> None:
    assert "x" in mutable_names(ast.parse(code))


@pytest.mark.parametrize(
    "code",
    ["x = ()", "x: Final = {}", "__all__ = []", "x = threading.Lock()", "def f():\n    x = []"],
)
def test_what_cannot_change_is_let_be(code: str) -> None:
    assert list(mutable_names(ast.parse(code))) == []
