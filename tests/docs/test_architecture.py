"""docs/architecture.md shows the folders in the order that lint holds, and names what is there."""

import re
import tomllib

import pytest

from tests.docs.pages import HOME, PACKAGE, blocks, codes, section, tables
from tests.docs.symbols import symbols

PAGE = "architecture.md"
INDEX = tables(section(PAGE, "Where do I find"))[0]


def layers_of_lint() -> list[set[str]]:
    settings = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = [c for c in settings["tool"]["importlinter"]["contracts"] if c["type"] == "layers"]
    return [set(re.findall(r"\w+", layer)) for layer in contract["layers"]]


def test_the_picture_has_the_layers_of_lint_in_their_order():
    (picture,) = blocks(section(PAGE, "Folders, and what each may import"))
    lines = [re.split(r"\s{2,}", line, maxsplit=1) for line in picture.splitlines() if line.strip() != "|"]
    assert [set(names.split(" | ")) for names, _ in lines] == layers_of_lint()


def test_every_module_of_the_root_has_its_place():
    there = {file.stem for file in PACKAGE.glob("*.py")}
    there |= {file.parent.name for file in PACKAGE.glob("*/__init__.py")}
    assert there - {"__init__"} == set().union(*layers_of_lint())


def test_the_way_of_a_cell_goes_through_files_that_exist():
    (steps,) = tables(section(PAGE, "How a cell travels"))
    for _, _, file in steps:
        (path,) = codes(file)
        assert (HOME / path).is_file(), path


@pytest.mark.parametrize("row", INDEX, ids=lambda row: row[0])
def test_what_the_index_names_is_there(row):
    _, file, names = row
    path = PACKAGE / codes(file)[0]
    files = [file for file in path.glob("*.py") if file.name != "__init__.py"] if path.is_dir() else [path]
    defined = set().union(*(symbols(file) for file in files))
    for name in codes(names):
        known = {symbol.rpartition(".")[2] for symbol in defined} if path.is_dir() else defined
        assert name in known, f"{name} is not defined in {path}"
