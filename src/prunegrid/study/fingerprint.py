"""What a result depends on, as hashes: exactly the code it uses, its data and its model.

Comments, docstrings, time stamps and the place of a checkout do not count.
"""

import ast
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from prunegrid.files import write_text
from prunegrid.plugins import PACKAGE


def digest(value: Any) -> str:
    """Return a short hash of a JSON value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


class Code:
    """What modules mean and import, remembered by content, so that no file is parsed twice.

    Parameters
    ----------
    file : Path, optional
        Where it is remembered between processes. An entry counts only for the bytes, the Python and the
        version of this module that it was made of, so it is never stale, and processes that write at one
        time lose no more than each other's entries.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._known: dict[str, list[Any]] = {}
        if file is not None:
            with suppress(OSError, ValueError, TypeError):
                self._known = dict(json.loads(file.read_text(encoding="utf-8")))
        self._new = False
        self._seen: dict[Path, tuple[str, tuple[Path, ...]]] = {}
        self._closures: dict[Path, frozenset[Path]] = {}

    def hash(self, entries: Iterable[Path], alone: Iterable[Path] = ()) -> str:
        """Return the hash of files and of every module of prunegrid that they import, directly or not.

        Plug-ins are imported by name at run time, so they count only where they are given. Of files given
        as `alone`, such as scripts, what they import does not count.
        """
        files = frozenset[Path]().union(*(self.closure(Path(entry)) for entry in entries), alone)
        found = digest(sorted((file.parent.name, file.name, self._look(file)[0]) for file in files))
        if self._new and self._file is not None:
            write_text(self._file, json.dumps(self._known))
            self._new = False
        return found

    def closure(self, file: Path) -> frozenset[Path]:
        """Return a file and all modules of prunegrid that it imports, directly or not."""
        if file not in self._closures:
            found: set[Path] = set()
            waiting = [file]
            while waiting:
                at = waiting.pop()
                if at not in found:
                    found.add(at)
                    waiting += self._look(at)[1]
            self._closures[file] = frozenset(found)
        return self._closures[file]

    def _look(self, file: Path) -> tuple[str, tuple[Path, ...]]:
        """Return a hash of what a file means, and the files of prunegrid that it imports."""
        if file not in self._seen:
            content = file.read_bytes()
            if file.suffix == ".py":
                meaning, names = self._parsed(str(file), content)
            else:
                meaning, names = hashlib.sha256(content).hexdigest(), ()
            self._seen[file] = meaning, tuple(sorted({path for name in names for path in _modules(name)}))
        return self._seen[file]

    def _parsed(self, name: str, content: bytes) -> tuple[str, Sequence[str]]:
        state = hashlib.sha256(_made_by() + content).hexdigest()
        if self._known.get(name, [None])[0] != state:
            self._known[name] = [state, *parse(content, name)]
            self._new = True
        _, meaning, names = self._known[name]
        return meaning, names


@cache
def _made_by() -> bytes:
    """Return what, beside a file, decides what `parse` makes of it."""
    return sys.version.encode() + Path(__file__).read_bytes()


@cache
def parse(content: bytes, name: str) -> tuple[str, tuple[str, ...]]:
    """Return a hash of a module's syntax tree without docstrings, and the names it imports of us.

    Parameters
    ----------
    content : bytes
        Its source.
    name : str
        Its file, for errors.
    """
    tree = ast.parse(content, filename=name)
    imports: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            imports.update([node.module, *(f"{node.module}.{alias.name}" for alias in node.names)])
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                first.value.value = ""
    ours = sorted(module for module in imports if module.split(".")[0] == PACKAGE.name)
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), tuple(ours)


@cache
def _modules(name: str) -> tuple[Path, ...]:
    """Return the files that a dotted name of prunegrid may stand for."""
    at = PACKAGE.joinpath(*name.split(".")[1:])
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
