"""Plug-ins found by name: `criteria/norm.py` is the criterion `norm`, and so for every other kind.

A plug-in file defines one public class that derives from `Plugin` (through the base of its kind) and
takes its options as dataclass fields. Looking at names and at literal class attributes reads the
source only, so that planning a grid never imports torch.
"""

import ast
import importlib
import inspect
from functools import cache
from pathlib import Path
from typing import Any

from prunegrid.errors import ConfigError
from prunegrid.nearest import nearest

PACKAGE = Path(__file__).parent
KINDS = ("criteria", "strategies", "benchmarks", "scorers", "models")
# Files that define what plug-ins of a kind are.
_BASES = {
    "criteria": "pruning/criterion.py",
    "strategies": "pruning/strategy.py",
    "benchmarks": "data/adapter.py",
    "scorers": "scoring/scorer.py",
    "models": "pruning/family.py",
}
_SINGULAR = {
    "criteria": "criterion",
    "strategies": "strategy",
    "benchmarks": "adapter",
    "scorers": "scorer",
    "models": "model family",
}


class Plugin:
    """Base of all plug-ins; its only purpose is to be recognised."""


def name_of(plugin: Plugin) -> str:
    """Return the name of a plug-in: its file's."""
    return type(plugin).__module__.rpartition(".")[2]


def path(kind: str, name: str) -> Path:
    """Return the file of plug-in `name`; raise ConfigError with the valid names if there is none."""
    file = PACKAGE / kind / f"{name}.py"
    if not _is_plugin(file) or not file.is_file():
        raise ConfigError(f"unknown {_SINGULAR[kind]} {name!r}: {nearest(name, names(kind))}")
    return file


def names(kind: str) -> list[str]:
    """Return the names of all plug-ins of a kind, sorted."""
    if kind not in KINDS:
        raise ValueError(f"unknown kind of plug-in {kind!r}: {nearest(kind, KINDS)}")
    return sorted(file.stem for file in (PACKAGE / kind).glob("*.py") if _is_plugin(file))


def _is_plugin(file: Path) -> bool:
    return not file.stem.startswith("_")


def load(kind: str, name: str) -> type:
    """Import plug-in `name` and return its class."""
    path(kind, name)
    module = importlib.import_module(f"prunegrid.{kind}.{name}")
    classes = [
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, Plugin)
        and member.__module__ == module.__name__
        and not member.__name__.startswith("_")
    ]
    if len(classes) != 1:
        found = ", ".join(c.__name__ for c in classes) or "none"
        raise ConfigError(
            f"{module.__file__}: a plug-in file defines exactly one public class, found {found}"
        )
    return classes[0]


def build(kind: str, name: str, options: dict[str, Any] | None = None) -> Any:
    """Return an instance of plug-in `name` with `options`; ConfigError names an option it does not take."""
    plugin = load(kind, name)
    valid = inspect.signature(plugin).parameters
    for key in options or {}:
        if key not in valid:
            raise ConfigError(f"{_SINGULAR[kind]} {name!r} has no option {key!r}: {nearest(key, valid)}")
    try:
        return plugin(**(options or {}))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{_SINGULAR[kind]} {name!r}: {error}") from error


@cache
def describe(kind: str, name: str) -> dict[str, Any]:
    """Return the literal class attributes and option names of a plug-in, without importing it.

    Follows base classes within the same folder.

    Returns
    -------
    dict
        Attribute or option -> literal (default) value; under `options` the set of option names, under `types`
        their annotations.
    """
    found: dict[str, Any] = {"options": set(), "types": {}}
    _describe(PACKAGE / _BASES[kind], kind, found)
    _describe(path(kind, name), kind, found)
    return found


def _describe(file: Path, kind: str, found: dict[str, Any]) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"prunegrid.{kind}."):
            parent = PACKAGE / kind / f"{node.module.rsplit('.', 1)[1]}.py"
            if parent != file:
                _describe(parent, kind, found)
    for body in (node.body for node in tree.body if isinstance(node, ast.ClassDef)):
        for statement in body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                target = statement.target.id
                annotation = ast.unparse(statement.annotation)
                if "ClassVar" not in annotation:
                    found["options"].add(target)
                    found["types"][target] = annotation
            elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                target = statement.targets[0].id
            else:
                continue
            if statement.value is None:
                continue
            try:
                found[target] = ast.literal_eval(statement.value)
            except (ValueError, TypeError):
                continue
