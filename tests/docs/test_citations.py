"""What docstrings and comments refer to exists: pages of docs/ with sections, modules and their names."""

import re

from tests.docs.pages import DOCS, HOME, PACKAGE, anchors
from tests.docs.symbols import symbols

FILES = [
    file
    for folder in ("src", "workflow", "tests", "perf")
    for file in (HOME / folder).rglob("*")
    if file.suffix in (".py", ".smk", ".yaml") and file.parent != HOME / "tests/docs"
]
TEXTS = {file: file.read_text(encoding="utf-8") for file in FILES}
FOLDERS = {file.parent.name for file in PACKAGE.glob("*/__init__.py")}


def test_pages_and_their_sections():
    cited = {}
    for text in TEXTS.values():
        for page, headings in re.findall(r"docs/([\w-]+\.md)(?:, ([A-Z][\w ]+?))?(?=[).:;]|$)", text, re.M):
            cited.setdefault(page, set()).update(filter(None, headings.split(" and ")))
    assert "definitions.md" in cited
    for page, headings in cited.items():
        known = {heading.lower().replace(" ", "-") for heading in headings}
        assert known <= anchors(DOCS / page), page


def test_modules_and_their_names():
    cited = {
        (file.relative_to(HOME), name)
        for file, text in TEXTS.items()
        for name in re.findall(r"`(?:prunegrid\.)?(\w+(?:\.\w+)+)`", text)
        if name.split(".")[0] in FOLDERS
    }
    assert cited
    wrong = [f"{file}: `{name}`" for file, name in cited if not is_there(name)]
    assert not wrong


def is_there(name: str) -> bool:
    """Return whether a dotted name below prunegrid is a module, or a name that one defines."""
    folder, module, *names = name.split(".")
    file = PACKAGE / folder / f"{module}.py"
    if not file.is_file():
        return (PACKAGE / folder / module).is_dir()
    return not names or ".".join(names) in symbols(file)
