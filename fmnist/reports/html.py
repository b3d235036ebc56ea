"""Self-contained HTML files: their templates, tables, pictures and Markdown."""

import base64
import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jinja2
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

import fmnist
from fmnist.files import png
from fmnist.reports.glossary import TERMS
from fmnist.reports.text import is_number

if TYPE_CHECKING:
    from markdown_it.token import Token

_TEMPLATES: Final = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Table:
    """A table for people.

    Attributes
    ----------
    caption : str
    titles : sequence of str
        One per column; the first column has the headings of the rows.
    rows : sequence of sequence of str
        Plain text.
    colors : sequence of str
        A color before the heading of each row; empty for none.
    is_by_run : bool
        Whether the titles are names of runs, which may be long.
    """

    caption: str
    titles: Sequence[str]
    rows: Sequence[Sequence[str]]
    colors: Sequence[str] = ()
    is_by_run: bool = False

    @property
    def numeric(self) -> list[bool]:
        """Whether all cells of a column are numbers."""
        return [all(map(is_number, column)) for column in zip(*self.rows, strict=True)]


@dataclass(frozen=True)
class Tile:
    """An image with its labels.

    Attributes
    ----------
    source : str
        As `picture` gives it; empty where the pixels are not on this machine.
    alt : str
    title : str
    lines : sequence of str
        Text below the title.
    colors : sequence of str
        A color before each line; empty for none.
    """

    source: str
    alt: str
    title: str
    lines: Sequence[str]
    colors: Sequence[str] = ()


def render(template: str, **values: Any) -> str:
    """A whole file from one of the templates; text is escaped, equal values give equal files.

    Parameters
    ----------
    template : str
        Its name in the folder `templates`.
    **values
        What it shows.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
    environment.globals |= {
        "terms": TERMS,
        "version": fmnist.__version__,
        "matplotlib": importlib.metadata.version("matplotlib"),
    }
    return environment.get_template(template).render(**values)


def picture(image: NDArray[np.uint8]) -> str:
    """An image, uint8 (28, 28), as an address that holds all its pixels."""
    return f"data:image/png;base64,{base64.b64encode(png(Image.fromarray(image))).decode()}"


def from_markdown(text: str, *, level: int) -> Markup:
    """Markdown as HTML that loads nothing and leads nowhere: no HTML of its own, pictures, links.

    Parameters
    ----------
    text : str
    level : int
        Level of the highest heading, 1 to 6.
    """
    from markdown_it import MarkdownIt  # here, since only reports need it

    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = parser.parse(text)
    _lower_headings(tokens, level)
    for token in tokens:
        token.children = [t for t in token.children or () if not t.type.startswith("link_")]
    rendered = parser.renderer.render(tokens, parser.options, {})
    scrolled = rendered.replace(
        "<table>", '<div class="scroll" tabindex="0" role="region" aria-label="Table"><table>'
    )
    return Markup(scrolled.replace("</table>", "</table></div>"))  # its HTML is off


def _lower_headings(tokens: "Sequence[Token]", level: int) -> None:
    headings = [token for token in tokens if token.type in ("heading_open", "heading_close")]
    highest = min((int(token.tag[1]) for token in headings), default=1)
    for token in headings:
        token.tag = f"h{min(6, int(token.tag[1]) - highest + level)}"
