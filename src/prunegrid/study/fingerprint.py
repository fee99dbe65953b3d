"""What a result depends on, as hashes: exactly the code it uses, its data and its model.

Comments, docstrings, wording, time stamps and the place of files do not count.
"""

import ast
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from prunegrid.files import is_regular_file, leads_nowhere, read_sealed, write_sealed
from prunegrid.plugin_folders import plugin_folders
from prunegrid.source.imports import PACKAGE, Import, files_of, imports_of, parsed
from prunegrid.source.meaning import computing

# Where a study remembers what the files of its code compute: below its folder, in which its jobs run.
REMEMBERED = Path(".snakemake", "prunegrid-code.json")


def digest(value: Any) -> str:
    """Return a short hash of a JSON value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


class Code:
    """What modules compute and import, remembered by content, so that no file is parsed twice.

    Parameters
    ----------
    file : Path, optional
        Where it is remembered between processes. An entry counts only for the bytes, the Python and the
        version of the code that it was made of, so it is never stale, and processes that write at one
        time lose no more than each other's entries.
    read : callable
        File -> its text: what lies there, or what a job has imported (`source.imported`).
    """

    def __init__(self, file: Path | None = None, read: Callable[[Path], bytes] = Path.read_bytes) -> None:
        self._file, self._read = file, read
        self._known: dict[str, list[Any]] = {} if file is None else read_sealed(file)
        self._new = False
        self._seen: dict[Path, tuple[str, str, frozenset[Path]]] = {}
        self._closures: dict[Path, frozenset[Path]] = {}

    def hash(self, entries: Iterable[Path], alone: Iterable[Path] = ()) -> str:
        """Return the hash of files and of every module that they import, directly or not.

        Followed are modules of prunegrid, those of plug-in folders, and any other that is neither installed
        nor of the standard library. Plug-ins are imported by name at run time, so they count only where they
        are given. Of files given as `alone`, such as scripts, what they import does not count.

        Raises
        ------
        ConfigError
            If a file is no Python.
        """
        files = frozenset[Path]().union(*(self.closure(Path(entry)) for entry in entries), alone)
        found = digest(sorted(self._look(file)[:2] for file in files))
        if self._new and self._file is not None:
            write_sealed(self._file, self._known)
            self._new = False
        return found

    def closure(self, file: Path) -> frozenset[Path]:
        """Return a file and all modules that it imports, directly or not; see `hash`."""
        if file not in self._closures:
            found: set[Path] = set()
            waiting = {file}
            while waiting:
                at = waiting.pop()
                found.add(at)
                waiting |= self._look(at)[2] - found
            self._closures[file] = frozenset(found)
        return self._closures[file]

    def _look(self, file: Path) -> tuple[str, str, frozenset[Path]]:
        """Return what a file is called, a hash of what it computes, and the files that it imports."""
        if file not in self._seen:
            content = self._read(file)
            imports: Sequence[Sequence[Any]] = ()
            if file.suffix == ".py":
                meaning, imports = self._parsed(str(file), content)
            else:
                meaning = hashlib.sha256(content).hexdigest()
            files = (files_of(file, Import(*one)) for one in imports)
            self._seen[file] = _label(file), meaning, frozenset[Path]().union(*files)
        return self._seen[file]

    def _parsed(self, name: str, content: bytes) -> tuple[str, Sequence[Sequence[Any]]]:
        state = hashlib.sha256(_made_by() + content).hexdigest()
        if self._known.get(name, [None])[0] != state:
            self._known[name] = [state, *parse(content, name)]
            self._new = True
        _, meaning, imports = self._known[name]
        return meaning, imports


@cache
def _made_by() -> bytes:
    """Return what, beside a file, decides what `parse` makes of it."""
    sources = sorted((PACKAGE / "source").glob("*.py"))
    return sys.version.encode() + b"".join(file.read_bytes() for file in [Path(__file__), *sources])


@cache
def parse(content: bytes, name: str) -> tuple[str, tuple[Import, ...]]:
    """Return a hash of what a module computes, and its imports; see `prunegrid.source.meaning`.

    Parameters
    ----------
    content : bytes
        Its source.
    name : str
        Its file, for errors.
    """
    tree = computing(parsed(content, name))
    imports = sorted(set(imports_of(tree)), key=repr)
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), tuple(imports)


def _label(file: Path) -> str:
    """Return what a file is called, wherever it lies."""
    for folder in plugin_folders():
        if file.is_relative_to(folder.path):
            return file.relative_to(folder.path).as_posix()
    return file.name


def data_files(path: Path) -> list[Path]:
    """Return a file, or the files of a folder that carry data: prose and what is hidden do not count.

    Hidden are `.git`, whose index `git status` rewrites, `.cache` of the hub's client, and what editors and
    copying programs leave. Files may be links, as all are in the hub's cache; what is not found behind links,
    `unfollowed_links` tells.
    """
    if path.is_file():
        return [path]
    return sorted(file for _, names in _visible(path) for file in names if is_regular_file(file))


def unfollowed_links(path: Path) -> tuple[list[Path], list[Path]]:
    """Return links of a folder to folders, and links to nothing: `data_files` has not what they stand for."""
    found = [*_visible(path)]
    to_folders = sorted(one for folders, _ in found for one in folders if one.is_symlink())
    return to_folders, sorted(one for _, files in found for one in files if leads_nowhere(one))


def _visible(path: Path) -> Iterator[tuple[list[Path], list[Path]]]:
    """Yield the folders and the files of a folder and of those below it, without prose and what is hidden."""
    for folder, subfolders, names in os.walk(path):
        subfolders[:] = [name for name in subfolders if not name.startswith((".", "__pycache__"))]
        carry = [name for name in names if not name.startswith(".") and name[-3:] != ".md"]
        yield [Path(folder, name) for name in subfolders], [Path(folder, name) for name in carry]


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
        self._known: dict[str, list[str]] = read_sealed(file)

    def of(self, name: str, files: Sequence[Path]) -> str:
        """Return the hash of the contents and names of files that are known together as `name`."""
        state = digest([(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files])
        if self._known.get(name, [None])[0] != state:
            self._known[name] = [state, files_hash(files)]
            write_sealed(self._file, self._known)
        return str(self._known[name][1])
