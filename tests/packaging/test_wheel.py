"""The wheel, installed outside the checkout: what it holds, the README's example, a table of scored cells.

`make test` lends it the packages that the tests run with. `make test-wheel` (PRUNEGRID_EMPTY_ENVIRONMENT=1)
gives it an environment of its own, in which pip installs what the wheel asks for: for the example the library
alone, for the table `[workflow]`.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.readme import blocks
from tests.tables import worlds

HOME = Path(__file__).parents[2]
EMPTY = bool(os.environ.get("PRUNEGRID_EMPTY_ENVIRONMENT"))
SECONDS_TO_IMPORT = 0.3

TABLE = """
import json
from pathlib import Path
from prunegrid.scoring.score import score_cells, write_scores
from prunegrid.tables.build import build_tables

cells, ledgers = json.loads(Path("cells.json").read_text())
files = {cell["folder"]: Path(cell["folder"], "predictions.parquet") for cell in cells}
for folder, scores in score_cells("vqa", files, replicates=100):
    write_scores(folder, scores, ledgers[folder])
build_tables(cells, [], "tables", {"replicates": 100})
"""


def pip(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", *map(str, arguments)], check=True, timeout=1800)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Build it from a copy: setuptools leaves folders beside what it builds."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(HOME / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(HOME / name, folder)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder / "dist", folder)
    (file,) = (folder / "dist").glob("*.whl")
    return file


class Environment:
    """A virtual environment that holds the wheel, and a folder outside the checkout to run it in."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder, self.wheel = folder, wheel
        self.python = folder / "environment/bin/python"
        venv.create(folder / "environment", symlinks=True)
        if EMPTY:
            self.install()
        else:
            pip("--python", self.python, "install", "--no-deps", wheel)
            (packages,) = (folder / "environment/lib").glob("python*/site-packages")
            # A folder to import from. Editable installs that it lists are not followed.
            (packages / "lent.pth").write_text(sysconfig.get_path("purelib"))

    def install(self, extra: str = "") -> None:
        pip(
            *("--python", self.python, "install", "--constraint", HOME / "envs/lock.txt"),
            f"prunegrid{extra} @ {self.wheel.as_uri()}",
        )

    def run(self, program: str) -> str:
        """Run a program without the caller's PYTHONPATH and return what it prints."""
        done = subprocess.run(
            [self.python, "-I", "-c", program],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory, wheel) -> Environment:
    return Environment(tmp_path_factory.mktemp("outside"), wheel)


def test_the_wheel_holds_the_package_and_neither_demo_nor_tests(wheel):
    files = set(zipfile.ZipFile(wheel).namelist())
    sources = {
        file.relative_to(HOME / "src").as_posix()
        for package in ("prunegrid", "snakemake_logger_plugin_prunegrid")
        for file in (HOME / "src" / package).rglob("*")
        if file.is_file() and not {"__pycache__", "demo"} & set(file.parts[len(HOME.parts) :])
    }
    assert {"prunegrid/py.typed", "prunegrid/tables/style.css"} < sources
    assert {file for file in files if ".dist-info/" not in file} == sources
    assert any(file.endswith("/licenses/LICENSE") for file in files)


def test_it_is_imported_from_outside_the_checkout_and_fast(environment):
    program = (
        "import time; start = time.perf_counter(); import prunegrid; "
        "print(time.perf_counter() - start, prunegrid.__file__)"
    )
    runs = [environment.run(program).split() for _ in range(4)]
    assert {Path(file).is_relative_to(environment.folder) for _, file in runs} == {True}
    assert min(float(seconds) for seconds, _ in runs) < SECONDS_TO_IMPORT


def test_its_version_is_that_of_the_project(environment):
    project = (HOME / "pyproject.toml").read_text(encoding="utf-8")
    (version,) = re.findall(r'^version = "(.+)"$', project, re.M)
    assert environment.run("import prunegrid; print(prunegrid.__version__)").strip() == version


def test_the_readme_example_runs(environment):
    (example,) = [block for block in blocks("python") if "import prunegrid" in block]
    assert '"demo/model"' in example
    model = json.dumps(str(HOME / "demo/model"))
    assert environment.run(example.replace('"demo/model"', model)).startswith("[(1, ")


def test_a_table_is_built_from_scored_cells(environment):
    if EMPTY:
        environment.install("[workflow]")
    cells = worlds.grid(environment.folder / "results", 20, ["easy"], [0.5], [0])
    ledgers = {cell["folder"]: worlds.ledger(cell) for cell in cells}
    (environment.folder / "cells.json").write_text(json.dumps([cells, ledgers], default=str))
    environment.run(TABLE)
    page = (environment.folder / "tables/strategy.html").read_text(encoding="utf-8")
    assert (HOME / "src/prunegrid/tables/style.css").read_text(encoding="utf-8").strip() in page
    assert "hierarchical" in (environment.folder / "tables/strategy.md").read_text(encoding="utf-8")
