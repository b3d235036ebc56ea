"""The glossary, and what the texts link to."""

import re
from pathlib import Path

import pytest

from fmnist import paths
from fmnist.reports.glossary import TERMS
from tools import docs

TEXTS = sorted([*paths.PROJECT.glob("*.md"), *docs.DOCS.glob("*.md")])


def test_the_glossary_says_what_the_code_says() -> None:
    written = (docs.DOCS / "glossary.md").read_text(encoding="utf-8")
    assert written == docs.glossary(), "run python -m tools.docs"


def test_terms_are_sentences_in_the_order_of_their_titles() -> None:
    titles = [term.title for term in TERMS.values()]
    assert titles == sorted(titles, key=str.lower)
    assert all(term.short.endswith(".") for term in TERMS.values())


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_pages_take_their_help_texts_from_the_glossary() -> None:
    dashboard = paths.PROJECT / "fmnist" / "dashboard"
    code = "".join(path.read_text(encoding="utf-8") for path in dashboard.rglob("*.py"))
    assert [term.title for term in TERMS.values() if term.short in code] == []
    assert code.count("glossary.short(") >= 3
