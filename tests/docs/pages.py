"""Read the pages under docs/: their sections, tables and code."""

import re
from pathlib import Path

HOME = Path(__file__).parents[2]
DOCS = HOME / "docs"
PACKAGE = HOME / "src/prunegrid"
PAGES = sorted(DOCS.glob("*.md"))


def text(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def section(page: str, heading: str) -> str:
    """Return what stands below a heading, up to the next one of its level or above."""
    found = re.search(rf"^(#+) {re.escape(heading)}\n(.*)", text(page), re.M | re.S)
    assert found, f"docs/{page} has no section {heading!r}"
    level = len(found[1])
    return re.split(rf"^#{{1,{level}}} ", found[2], maxsplit=1, flags=re.M)[0]


def tables(part: str) -> list[list[list[str]]]:
    """Return the tables of a text: rows of fields, without head and rule."""
    found = re.findall(r"(?:^\|.*\n)+", part, re.M)
    return [[_fields(line) for line in table.splitlines()[2:]] for table in found]


def _fields(line: str) -> list[str]:
    return [field.strip() for field in line.strip().strip("|").split("|")]


def codes(part: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`\n]+)`", part)


def blocks(part: str, language: str = "text") -> list[str]:
    """Return the code blocks of a language, without their last line end."""
    return re.findall(rf"```{language}\n(.*?)\n```", part, re.S)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
