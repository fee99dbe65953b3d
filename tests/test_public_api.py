"""The package's own names: what a user imports, and what importing it costs."""

import ast
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import prunegrid

HOME = Path(__file__).parents[1]
INIT = HOME / "src/prunegrid/__init__.py"
# Each run in a process of its own, without the packages installed beside Python.
BARE = {**os.environ, "PYTHONPATH": str(HOME / "src")}


@pytest.mark.parametrize("name", prunegrid.__all__)
def test_every_public_name_is_there_and_documented(name):
    assert getattr(prunegrid, name) is getattr(prunegrid, name)
    assert name in dir(prunegrid)
    assert name in prunegrid.__doc__


def test_type_checkers_and_the_code_hash_see_the_same_names():
    tree = ast.parse(INIT.read_text(encoding="utf-8"))
    typed = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == prunegrid._EXPORTS
    assert sorted([*typed, "errors", "__version__"]) == sorted(prunegrid.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'prnue'"):
        prunegrid.prnue  # noqa: B018


def test_importing_the_package_imports_nothing_heavy():
    code = "import json, sys; import prunegrid; dir(prunegrid); print(json.dumps(sorted(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], env=BARE, capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in json.loads(found.stdout)}
    assert not loaded & {"torch", "transformers", "numpy", "pandas", "pyarrow", "PIL"}


def test_a_source_tree_that_is_not_installed_has_the_version_of_its_pyproject():
    # Without site-packages no installed metadata can answer.
    found = subprocess.run(
        [sys.executable, "-S", "-c", "import prunegrid; print(prunegrid.__version__)"],
        env=BARE, capture_output=True, text=True, check=True,
    )  # fmt: skip
    project = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert found.stdout.strip() == project["version"]
