"""Read task files: YAML with `include`, and with functions of Python files beside it.

The format is that of lmms-eval, whose reader imports its harness.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from prunegrid.errors import ConfigError
from prunegrid.nearest import nearest

_NAME = re.compile(r"^\s*task:[ \t]*[\"']?([^\s\"'#\[]+)[\"']?[ \t]*(#.*)?$", re.M)
_GROUP = re.compile(r"^\s*group:[ \t]*[\"']?([^\s\"'#\[]+)", re.M)
_INCLUDE = re.compile(r"^\s*include:[ \t]*[\"']?([^\s\"'#]+)", re.M)
# In a hint; there are more than a thousand.
_SHOWN = 8


@dataclass(frozen=True)
class FunctionReference:
    """A function that a task file names: `!function utils.doc_to_text`.

    Attributes
    ----------
    file : Path
        The Python file.
    name : str
        The function, or class.
    """

    file: Path
    name: str


@cache
def task_files(folder: Path) -> dict[str, Path]:
    """Return task -> its file, of all files in a folder and those below it."""
    found: dict[str, Path] = {}
    for file in sorted(folder.rglob("*.yaml")):
        name = None if _group(file) else _named(file, _NAME)
        if name is not None:
            found.setdefault(name, file)
    return found


@cache
def groups(folder: Path) -> frozenset[str]:
    """Return the names of groups of tasks."""
    return frozenset(name for file in folder.rglob("*.yaml") if (name := _group(file)) is not None)


def file_of(folder: Path, task: str) -> Path:
    """Return the file of a task.

    Raises
    ------
    ConfigError
        If there is none, with the nearest names.
    """
    files = task_files(folder)
    if task in files:
        return files[task]
    if task in groups(folder):
        members = _members(folder, task)
        raise ConfigError(f"task {task!r} is a group of tasks: name one of them: {', '.join(members)}")
    raise ConfigError(f"unknown task {task!r}: {_hint(task, files)}")


def _hint(task: str, files: dict[str, Path]) -> str:
    """Return the nearest name, and the others that begin alike: all of them would be a page."""
    told = nearest(task, files)
    lead, _, _ = told.partition("valid: ")
    alike = [name for name in sorted(files) if name[:3].lower() == task[:3].lower()][:_SHOWN]
    return f"{lead}{len(files)} are known" + (f", among them {', '.join(alike)}" if alike else "")


def _members(folder: Path, group: str) -> list[str]:
    file = next(file for file in sorted(folder.rglob("*.yaml")) if _group(file) == group)
    listed = read(file).get("task") or []
    named = [one if isinstance(one, str) else str(one.get("task")) for one in listed]
    return [name for name in named if name in task_files(folder)] or named


def _group(file: Path) -> str | None:
    """Return the group that a file defines; a task may also say of which group it is."""
    text = _text(file)
    found = _GROUP.search(text)
    return found[1] if found and not _NAME.search(text) and not _INCLUDE.search(text) else None


def _named(file: Path, pattern: re.Pattern[str]) -> str | None:
    """Return what a file, or one that it includes, says of itself."""
    while True:
        text = _text(file)
        if found := pattern.search(text):
            return found[1]
        included = _INCLUDE.search(text)
        if included is None or not (file := file.parent / included[1]).is_file():
            return None


@cache
def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def read(file: Path) -> dict[str, Any]:
    """Return the settings of a task file, over those of the file that it includes.

    Raises
    ------
    ConfigError
        Naming the file, if it or one that it includes is no such YAML.
    """
    own = _loaded(file)
    included = own.pop("include", None)
    names = [included] if isinstance(included, str) else list(included or ())
    settings: dict[str, Any] = {}
    for name in names:
        settings |= read(file.parent / name)
    return settings | own


def files_read(file: Path) -> list[Path]:
    """Return a task file and all that it includes."""
    included = _loaded(file).get("include")
    names = [included] if isinstance(included, str) else list(included or ())
    return [file, *(one for name in names for one in files_read(file.parent / name))]


def _loaded(file: Path) -> dict[str, Any]:
    class Loader(yaml.SafeLoader):
        """Knows functions of files beside the one that is read."""

    def function(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> FunctionReference:
        module, _, name = str(loader.construct_scalar(node)).strip().rpartition(".")
        return FunctionReference(file.parent.joinpath(*module.split(".")).with_suffix(".py"), name)

    Loader.add_constructor("!function", function)
    try:
        found = yaml.load(_text(file), Loader)
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{file}: cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{file}: must be a mapping of settings")
    return found
