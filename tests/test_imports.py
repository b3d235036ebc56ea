"""Imports run downwards only, and nothing but the pages and their parts knows of Streamlit."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# every module has its place; a module imports from lower ranks, and from its own
RANKS = {
    "app": 9,
    "pages": 9,
    "fmnist.ui": 8,
    "fmnist.__main__": 7,
    "fmnist.charts": 7,
    "fmnist.cards": 7,
    "fmnist.bench": 7,
    "fmnist.ensembles": 7,
    "fmnist.trainer": 7,
    "fmnist.training": 7,
    "fmnist.augmentation": 3,
    "fmnist.schedules": 3,
    "fmnist.neighbours": 7,
    "fmnist.exports": 7,
    "fmnist.errors": 6,
    "fmnist.overview": 6,
    "fmnist.evaluation": 5,
    "fmnist.classifier": 4,
    "fmnist.runs": 4,
    "fmnist.download": 4,
    "fmnist.datasets": 3,
    "fmnist.models": 2,
    "fmnist.verdicts": 5,
    "fmnist.calibration": 3,
    "fmnist.comparison": 3,
    "fmnist.metrics": 2,
    "fmnist.garments": 2,
    "fmnist.sketches": 3,
    "fmnist.doodles": 3,
    "fmnist.strokes": 2,
    "fmnist.drawing": 5,
    "fmnist.drawings": 6,
    "fmnist.canvas": 3,
    "fmnist.gallery": 4,
    "fmnist.examples": 3,
    "fmnist.pictures": 2,
    "fmnist.config": 2,
    "fmnist.files": 1,
    "fmnist.classes": 1,
    "fmnist": 0,  # the package itself: it imports nothing until asked
}
# evaluation belongs to one rank with training in the design, but training uses it
FILES = sorted([*ROOT.glob("fmnist/**/*.py"), *ROOT.glob("pages/*.py"), ROOT / "app.py"])


def module_name(path: Path) -> str:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


def rank(module: str) -> int:
    """Rank of a module: its own entry, or that of the package it is in."""
    if module in RANKS:
        return RANKS[module]
    package = module.rpartition(".")[0]
    assert package in RANKS and package != "fmnist", f"give {module} a place in RANKS"
    return RANKS[package]


def imports(path: Path) -> Iterator[str]:
    """Modules that a file imports, anywhere in it, but for type checking only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            for alias in node.names:
                inner = f"{module}.{alias.name}"
                is_module = (ROOT / Path(*inner.split("."))).with_suffix(".py").exists() or (
                    ROOT / Path(*inner.split("."))
                ).is_dir()
                yield inner if is_module else module


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_imports_run_downwards(path: Path) -> None:
    own = module_name(path)
    for module in imports(path):
        if module.partition(".")[0] in ("fmnist", "pages", "app"):
            assert rank(module) <= rank(own), f"{own} imports {module}"


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_only_pages_import_streamlit(path: Path) -> None:
    if rank(module_name(path)) < 8:
        assert "streamlit" not in {module.partition(".")[0] for module in imports(path)}


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
