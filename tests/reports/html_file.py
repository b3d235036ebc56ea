"""An HTML file as tests read it: its tables, its texts, and whatever it would load."""

import itertools
import re
from html.parser import HTMLParser
from typing import Final

from markupsafe import Markup

_VOID: Final = {"meta", "link", "img", "br", "input", "hr"}


class HtmlFile(HTMLParser):
    """A parsed file.

    Attributes
    ----------
    tables : dict of str to list of list of str
        Cells of each table by its caption, titles first.
    sources : list of str
        Values of all `src` and `href` attributes.
    tags : list of tuple
        Each tag with its attributes.
    text : str
        All that people read.
    unclosed : list of str
        Tags that were not closed in order.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.tables: dict[str, list[list[str]]] = {}
        self.sources: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.unclosed: list[str] = []
        self._open: list[str] = []
        self._rows: list[list[str]] = []
        self._caption = ""
        self.feed(html)
        self.close()
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.sources += [value or "" for name, value in attrs if name.endswith(("src", "href"))]
        if tag == "table":
            self._rows, self._caption = [], ""
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.sources += [value or "" for name, value in attrs if name.endswith(("src", "href"))]

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.unclosed.append(tag)
        if tag == "table":
            self.tables[self._caption] = self._rows

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        self.text += data
        if "td" in self._open or "th" in self._open:
            self._rows[-1][-1] += data
        elif "caption" in self._open:
            self._caption += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every tag of a name."""
        return [attributes for name, attributes in self.tags if name == tag]


def check_self_contained(html: str) -> HtmlFile:
    """Assert that a file is whole, loads nothing, runs nothing, and is not too large."""
    file = HtmlFile(html)
    assert not file.unclosed
    assert all(source.startswith(("#", "data:")) for source in file.sources), file.sources
    assert not re.search(r"url\((?!#)|@import|<script|<iframe|<object|javascript:|\son\w+=", html)
    assert len(html.encode()) <= 5e6
    ids = [attributes["id"] for _, attributes in file.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {s[1:] for s in file.sources if s.startswith("#")} <= set(ids)
    assert all(attributes.get("alt") for attributes in file.all("img"))
    assert all(attributes.get("aria-label") for attributes in file.all("svg"))
    levels = [int(tag[1]) for tag, _ in file.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels))
    assert len(file.all("main")) == len(file.all("header")) == len(file.all("footer")) == 1
    return file


def empty_chart(key: str, height: float, draw: object, alt: str) -> Markup:
    """In place of `fmnist.reports.svg._drawn`, where a test is not about charts."""
    return Markup('<svg id="chart-{}" aria-label="{}"></svg>').format(key, alt)
