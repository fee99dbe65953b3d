"""The docstring of each folder of the package says which folders its modules may import."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src/prunegrid"
FOLDERS = {file.parent.name for file in PACKAGE.glob("*/__init__.py")}


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "prunegrid":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("prunegrid."):
            yield node.module.split(".")[1]


@pytest.mark.parametrize("folder", sorted(FOLDERS))
def test_says_what_it_may_import(folder: str) -> None:
    docstring = ast.get_docstring(ast.parse((PACKAGE / folder / "__init__.py").read_text(encoding="utf-8")))
    what, _, sentence = docstring.partition("\n\nIt may import ")
    assert re.fullmatch(r"[A-Z].*\.", what)
    used = {name for file in (PACKAGE / folder).rglob("*.py") for name in imported(file)}
    said = re.findall(r"`(\w+)`", sentence.partition(".")[0])
    assert set(said) == used & FOLDERS - {folder}
