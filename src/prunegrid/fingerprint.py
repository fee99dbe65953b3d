"""What a result depends on, as hashes: exactly the code it uses, its data and its model.

Comments, docstrings, time stamps and the place of a checkout do not count.
"""

import ast
import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from prunegrid.files import write_text
from prunegrid.plugins import PACKAGE


def digest(value: Any) -> str:
    """Return a short hash of a JSON value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def code_hash(entries: Iterable[Path], alone: Iterable[Path] = ()) -> str:
    """Return the hash of the given files and of every module of prunegrid that they import, directly or not.

    Plug-ins are imported by name at run time, so they count only where they are given. Of files given as
    `alone`, such as scripts, what they import does not count.
    """
    files = frozenset[Path]().union(*(closure(Path(entry)) for entry in entries), alone)
    return digest(sorted((file.parent.name, file.name, _source(file)[0]) for file in files))


@cache
def closure(file: Path) -> frozenset[Path]:
    """Return a file and all modules of prunegrid that it imports, directly or not."""
    found: set[Path] = set()
    waiting = [file]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += _source(file)[1]
    return frozenset(found)


@cache
def _source(file: Path) -> tuple[str, tuple[Path, ...]]:
    """Return a hash of what a file means, its syntax tree without docstrings, and what it imports of us."""
    if file.suffix != ".py":
        return hashlib.sha256(file.read_bytes()).hexdigest(), ()
    tree = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
    imports: set[Path] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports.update(*(_modules(alias.name) for alias in node.names))
        elif isinstance(node, ast.ImportFrom) and node.module:
            imports.update(_modules(node.module), *(_modules(f"{node.module}.{n.name}") for n in node.names))
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                first.value.value = ""
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), tuple(sorted(imports))


@cache
def _modules(name: str) -> tuple[Path, ...]:
    """Return the files of prunegrid that a dotted name may stand for."""
    parts = name.split(".")
    if parts[0] != PACKAGE.name:
        return ()
    at = PACKAGE.joinpath(*parts[1:])
    return tuple(file for file in (at.with_suffix(".py"), at / "__init__.py") if file.is_file())


def data_files(path: Path) -> list[Path]:
    """Return a file, or the files of a folder that carry data: prose does not count."""
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and file.suffix != ".md")


def files_hash(files: Sequence[Path]) -> str:
    """Return a hash of the contents of files and of their names below the folder that holds all of them."""
    files = [file.absolute() for file in files]
    folder = os.path.commonpath([file.parent for file in files]) if files else ""
    return digest([(str(file.relative_to(folder)), _file_hash(file)) for file in files])


def _file_hash(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


class HashCache:
    """Content hashes remembered by size and time stamp, so that large files are read once.

    A touched file is read again and has the same hash as before.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            self._known = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._known = {}

    def of(self, name: str, files: Sequence[Path]) -> str:
        """Return the hash of the contents and names of files that are known together as `name`."""
        state = digest([(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files])
        if self._known.get(name, [None])[0] != state:
            self._known[name] = [state, files_hash(files)]
            write_text(self._file, json.dumps(self._known))
        return self._known[name][1]
