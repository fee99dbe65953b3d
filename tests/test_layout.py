"""How the tests are laid out: beside what they test, and each module for itself."""

import ast
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1]
TESTS = HOME / "tests"
# Folders that test no folder of the package, but its data, pages, wheel and families, or the whole of it.
OTHERS = {"cluster", "docs", "families", "fixtures", "gpu", "packaging", "workflow"}


def imported(source):
    """Return the dotted names of all that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def of_tests(names):
    """Return those that are, or are in, a module of tests or a conftest."""
    return {
        name
        for name in names
        if name.startswith("tests.")
        and any(part.startswith("test_") or part == "conftest" for part in name.split("."))
    }


def test_helpers_are_not_in_test_modules():
    """A module that several tests need stands beside them, so that no file is collected for another."""
    files = [*TESTS.rglob("*.py"), *(HOME / "perf").rglob("*.py")]
    found = {str(file.relative_to(HOME)): of_tests(imported(file.read_text())) for file in files}
    assert {file: names for file, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "source",
    ["from tests.a.test_b import c", "from tests.a import test_b", "import tests.conftest"],
)
def test_each_way_to_import_a_test_module_is_seen(source):
    assert of_tests(imported(source))


def test_folders_are_those_of_the_package():
    package = {folder.parent.name for folder in (HOME / "src/prunegrid").glob("*/__init__.py")}
    here = {folder.name for folder in TESTS.iterdir() if folder.is_dir() and folder.name != "__pycache__"}
    assert here - package == OTHERS
