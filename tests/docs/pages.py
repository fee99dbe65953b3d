"""Read the pages under docs/: their sections, tables and code."""

import re
from collections.abc import Iterator
from pathlib import Path

HOME = Path(__file__).parents[2]
DOCS = HOME / "docs"
PACKAGE = HOME / "src/prunegrid"
PAGES = sorted(DOCS.glob("*.md"))


def text(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def section(page: str, heading: str) -> str:
    """Return what stands below a heading, up to the next one of its level or above."""
    found, level = [], 0
    for line, mark, name in _lines(text(page)):
        if level and mark and len(mark) <= level:
            break
        if level:
            found.append(line)
        elif name == heading:
            level = len(mark)
    assert level, f"docs/{page} has no section {heading!r}"
    return "".join(found)


def _lines(page: str) -> Iterator[tuple[str, str, str]]:
    """Yield each line, and of a heading its marks and its text; lines of code are no headings."""
    in_code = False
    for line in page.splitlines(keepends=True):
        in_code ^= line.startswith("```")
        heading = None if in_code else re.match(r"(#+) (.*)", line)
        yield line, *(heading.groups() if heading else ("", ""))


def prose(page: str, heading: str) -> str:
    """Return a section as one line, wherever its lines are broken."""
    return " ".join(section(page, heading).split())


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
    headings = [name for _, mark, name in _lines(page.read_text(encoding="utf-8")) if mark]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
