"""Every room is under the import rule, and no module holds state that can change."""

import ast
import os
import re
import subprocess
import sys
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


def run_fresh(code: str, **environment: str) -> str:
    """What a new Python process prints."""
    inherited = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, env=inherited | environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return result.stdout.strip()


@pytest.mark.parametrize(
    ("module", "avoided"),
    [
        ("fmnist", "numpy torch streamlit"),
        ("fmnist.dashboard.navigation", "numpy pandas PIL torch"),
        ("fmnist.dashboard.layout", "pandas scipy torch matplotlib"),
    ],
)
def test_the_first_words_wait_for_no_slow_import(module: str, avoided: str) -> None:
    code = f"import sys, {module}; print(*(set({avoided.split()}) & set(sys.modules)))"
    assert run_fresh(code) == ""


@pytest.mark.parametrize("own", ["", "ACTIVE"])
def test_threads_sleep_while_they_wait_unless_a_person_says_otherwise(own: str) -> None:
    # at the moment at which torch, and OpenMP with it, begins to be imported
    code = """
import importlib.abc, os, sys

class Spy(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "torch":
            print(os.environ.get("OMP_WAIT_POLICY"), flush=True)
            os._exit(0)

sys.meta_path.insert(0, Spy())
import fmnist
fmnist.FashionCNN
"""
    assert run_fresh(code, **({"OMP_WAIT_POLICY": own} if own else {})) == (own or "PASSIVE")


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
