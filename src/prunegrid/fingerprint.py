"""What a result depends on, as hashes: exactly the code it uses, its data and its model.

Comments, docstrings, time stamps and the place of a checkout do not count.
"""

import ast
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from prunegrid.plugins import PACKAGE


def digest(value: Any) -> str:
    """Return a short hash of a JSON value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def code_hash(entries: Iterable[Path]) -> str:
    """Return the hash of the given files and of every module of prunegrid that they import, directly or not.

    Plug-ins are imported by name at run time, so they count only where they are given.
    """
    found: set[Path] = set()
    waiting = [Path(entry) for entry in entries]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += _imports(file)
    return digest(sorted((file.name, file.parent.name, _meaning(file)) for file in found))


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


@cache
def _meaning(file: Path) -> str:
    """Return a hash of what a file means: its syntax tree without docstrings."""
    if file.suffix != ".py":
        return hashlib.sha256(file.read_bytes()).hexdigest()
    tree = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            body[0].value.value = ""
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


@cache
def _imports(file: Path) -> tuple[Path, ...]:
    """Return the files of prunegrid that a file imports."""
    if file.suffix != ".py":
        return ()
    files: set[Path] = set()
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == PACKAGE.name:
                at = PACKAGE.joinpath(*parts[1:])
                files |= {
                    option for option in (at.with_suffix(".py"), at / "__init__.py") if option.is_file()
                }
    return tuple(sorted(files))


def data_files(path: Path) -> list[Path]:
    """Return a file, or the files of a folder that carry data: prose does not count."""
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and file.suffix != ".md")


def data_hash(path: Path) -> str:
    """Return a hash of the contents and names of `data_files(path)`."""
    return digest(
        [
            (file.name if file == path else str(file.relative_to(path)), _file_hash(file))
            for file in data_files(path)
        ]
    )


def _file_hash(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
