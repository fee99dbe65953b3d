"""Import the functions that task files name, without the harness around them."""

import hashlib
import importlib
import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from prunegrid.errors import ConfigError
from prunegrid.lmms_tasks.installation import PACKAGE, how_to_install
from prunegrid.lmms_tasks.task_files import FunctionReference

# Packages whose `__init__` imports the harness, with its sixty packages: their modules do without.
_BARE = ("tasks", "filters")


def load(reference: FunctionReference) -> Any:
    """Return the function or class that a task file names.

    Raises
    ------
    ConfigError
        If its file cannot be imported: for a package that is missing, with the command that installs it.
    """
    where = f"{reference.file.parent.name}/{reference.file.name}"
    if not reference.file.is_file():
        raise ConfigError(f"{reference.file}: is not there, and a task file names it")
    try:
        module = _module(reference.file)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{where} needs the package {error.name!r}: {how_to_install(str(error.name))}"
        ) from error
    except Exception as error:
        # The file is another's: it may raise anything.
        raise ConfigError(f"{where} cannot be imported: {type(error).__name__}: {error}") from error
    try:
        return getattr(module, reference.name)
    except AttributeError:
        raise ConfigError(f"{where} has no {reference.name!r}, which a task file names") from None


@cache
def _module(file: Path) -> ModuleType:
    tasks = _installed_tasks()
    if tasks is not None and file.is_relative_to(tasks):
        parts = file.relative_to(tasks).with_suffix("").parts
        if not any("." in part for part in parts):
            return importlib.import_module(".".join((PACKAGE, "tasks", *parts)))
    name = f"{__name__}_{hashlib.sha256(str(file).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def _installed_tasks() -> Path | None:
    """Return the installed package's folder of tasks; modules in it then import without its harness."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        return None
    folder = Path(next(iter(found.submodule_search_locations)))
    parent = importlib.import_module(PACKAGE)
    for name in _BARE:
        full = f"{PACKAGE}.{name}"
        if full not in sys.modules:
            bare = ModuleType(full)
            bare.__path__ = [str(folder / name)]
            sys.modules[full] = bare
            setattr(parent, name, bare)
    _quiet()
    return folder / "tasks"


def _quiet() -> None:
    """Silence what the package logs by loguru, a line a sample in some tasks."""
    try:
        loguru = importlib.import_module("loguru")
    except ModuleNotFoundError:
        return
    loguru.logger.disable(PACKAGE)
