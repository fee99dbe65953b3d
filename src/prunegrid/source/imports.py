"""Which files the import statements of a Python file stand for. Nothing is imported to find them."""

import ast
import importlib.util
import sys
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple

from prunegrid.errors import ConfigError

PACKAGE = Path(__file__).parents[1]
# Group of the entry points by which installed packages announce plug-ins.
GROUP = "prunegrid.plugins"
# Name of the dictionary by which a package's __init__ says where its lazy names are defined: name -> module.
LAZY = "_EXPORTS"
# Our folders whose classes can be imported from the folder: `from prunegrid.criteria import Norm`.
LEAVES = ("criteria", "strategies", "methods")
_ENDINGS = (".py", *EXTENSION_SUFFIXES)
_INSTALLED = {"site-packages", "dist-packages"}


class Import(NamedTuple):
    """One imported name.

    Attributes
    ----------
    level : int
        Leading dots of a relative import, 0 for an absolute one.
    module : str
        Dotted module, empty in `from . import x`.
    name : str or None
        What is taken from the module; None in `import module`.
    bound : str
        What it is called in the importing file; empty if that is not one plain name.
    """

    level: int
    module: str
    name: str | None
    bound: str


def imports_of(tree: ast.Module) -> list[Import]:
    """Return all imports in a module, inside functions too, without those of the standard library."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or ("" if "." in alias.name else alias.name)
                found.append(Import(0, alias.name, None, bound))
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            found += [Import(node.level, module, a.name, a.asname or a.name) for a in node.names]
    found += _lazy(tree)
    return [one for one in found if one.level or one.module.split(".")[0] not in sys.stdlib_module_names]


def tree_of(file: Path) -> ast.Module:
    """Return the syntax tree of a file, remembered by content: it must not be changed.

    Raises
    ------
    ConfigError
        If it is no Python, naming the line.
    """
    return _tree(file.read_bytes(), str(file))


@cache
def _tree(content: bytes, name: str) -> ast.Module:
    return parsed(content, name)


def imports_in(file: Path) -> list[Import]:
    """Return all imports of a file, remembered by content; see `imports_of`."""
    return _imports(file.read_bytes(), str(file))


@cache
def _imports(content: bytes, name: str) -> list[Import]:
    return imports_of(_tree(content, name))


def parsed(content: bytes, name: str) -> ast.Module:
    """Return the syntax tree of a source; `name` is its file, for the ConfigError if it is no Python."""
    try:
        return ast.parse(content, filename=name)
    except SyntaxError as error:
        raise ConfigError(f"{name}: line {error.lineno} is no Python: {error.msg}") from error
    except ValueError as error:
        raise ConfigError(f"{name}: is no Python: {error}") from error


def files_of(importer: Path, imported: Import) -> frozenset[Path]:
    """Return the files that an import runs, of all that lies neither in the standard library nor installed.

    Installed packages that announce plug-ins count, too. A name taken from a package is looked up in its
    `__init__`, which itself counts only for what it defines.

    Parameters
    ----------
    importer : Path
        The importing file.
    imported : Import
        What it imports.
    """
    place = module_of(importer, imported.level, imported.module)
    if place is None:
        return frozenset()
    if not place.is_dir() or imported.name is None:
        return _whole(place)
    inside = _inside(place, imported.name)
    if inside is not None:
        return _whole(inside)
    start = place / "__init__.py"
    if not start.is_file() or start == importer:
        return frozenset()
    for one in imports_in(start):
        if one.bound == imported.name:
            return files_of(start, one)
    leaf = leaf_of(place, imported.name)
    return frozenset([start] if leaf is None else [leaf])


def leaf_of(folder: Path, class_name: str) -> Path | None:
    """Return the file of a class that one of our folders of plug-ins finds by its name, None elsewhere."""
    if folder not in [PACKAGE / name for name in LEAVES]:
        return None
    classes = ((file, node) for file in sorted(folder.glob("*.py")) for node in tree_of(file).body)
    return next(
        (f for f, node in classes if isinstance(node, ast.ClassDef) and node.name == class_name), None
    )


def module_of(importer: Path, level: int, dotted: str, *, installed: bool = False) -> Path | None:
    """Return the file or package folder that a module's name stands for in a file; None if unknown.

    Parameters
    ----------
    importer : Path
        The importing file.
    level : int
        Leading dots of a relative import.
    dotted : str
        The name behind the dots.
    installed : bool
        Look among all installed packages, too, not only among those that announce plug-ins.
    """
    parts = dotted.split(".") if dotted else []
    if level:
        place: Path | None = importer.parents[level - 1] if level <= len(importer.parents) else None
    else:
        place = PACKAGE if parts[0] == PACKAGE.name else _top(parts[0], tuple(sys.path))
        if place is not None and not installed and is_installed(place) and parts[0] not in announced():
            return None
        parts = parts[1:]
    for part in parts:
        place = _inside(place, part) if place is not None else None
    return place


def is_installed(place: Path) -> bool:
    """Return whether a file or folder lies among installed packages."""
    return bool(_INSTALLED & set(place.parts))


def _whole(place: Path) -> frozenset[Path]:
    file = place / "__init__.py" if place.is_dir() else place
    return frozenset([file]) if file.is_file() else frozenset()


def _inside(folder: Path, name: str) -> Path | None:
    """Return the package folder or module file of a name, with Python's precedence."""
    package = folder / name
    if (package / "__init__.py").is_file():
        return package
    modules = (folder / f"{name}{ending}" for ending in _ENDINGS)
    return next((m for m in modules if m.is_file()), package if package.is_dir() else None)


@cache
def _top(name: str, paths: tuple[str, ...]) -> Path | None:
    """Return the file or package folder of a top-level module, None if it has none or is not to be found."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    folders = list(spec.submodule_search_locations or [])
    if not folders and not spec.has_location:
        return None
    return Path(folders[0] if folders else str(spec.origin))


@cache
def announced() -> dict[str, list[str]]:
    """Return the installed packages that announce plug-ins: top-level name -> modules, by entry point."""
    found: dict[str, list[str]] = {}
    for point in entry_points(group=GROUP):
        found.setdefault(point.module.split(".")[0], []).append(point.module)
    return found


def _lazy(tree: ast.Module) -> list[Import]:
    """Return what a package's `__init__` imports when it is asked for."""
    for node in tree.body:
        names = [ast.unparse(target) for target in node.targets] if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.Assign) and LAZY in names:
            modules = ast.literal_eval(node.value)
            return [Import(0, module, name, name) for name, module in modules.items()]
    return []
