"""Write the glossary of docs/ from the code: python -m tools.docs"""

from typing import Final

from fmnist import paths
from fmnist.reports.glossary import TERMS

DOCS: Final = paths.PROJECT / "docs"


def glossary() -> str:
    """The text of docs/glossary.md."""
    lines = [
        "# Glossary",
        "",
        "Written by `python -m tools.docs` from `fmnist/reports/glossary.py`.",
    ]
    for term in sorted(TERMS.values(), key=lambda term: term.title.lower()):
        lines += ["", f"**{term.title}**", "", f"{term.short} {term.more}".strip()]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page."""
    (DOCS / "glossary.md").write_text(glossary(), encoding="utf-8")


if __name__ == "__main__":
    main()
