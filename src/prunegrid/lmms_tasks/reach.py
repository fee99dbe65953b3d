"""What functions of task files use, from their source: which files, and which names. Nothing is imported."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from prunegrid.lmms_tasks.installation import PACKAGE
from prunegrid.lmms_tasks.task_files import FunctionReference
from prunegrid.source.imports import imports_in, tree_of

# Where a name that a file binds comes from: dotted module, and the name in it (None for the module itself).
_Bound = tuple[str, str | None]
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def words(references: Iterable[FunctionReference]) -> frozenset[str]:
    """Return the names, attributes, modules and texts in functions and in what they call, file by file.

    Of classes only `__init__` counts: of many methods one is called, and which one the caller tells. Texts of
    classes and of a module's constants do not count: they are settings, used or not.
    """
    found: set[str] = set()
    seen: set[tuple[Path, str]] = set()
    waiting = [(reference.file, reference.name) for reference in references]
    while waiting:
        file, name = waiting.pop()
        if (file, name) in seen or not file.is_file():
            continue
        seen.add((file, name))
        own, bound = _definitions(file), _bindings(file)
        for node in own.get(name, ()):
            for word in _words(node, texts=isinstance(node, _FUNCTIONS)):
                found.add(word)
                if word in own:
                    waiting.append((file, word))
                elif word in bound:
                    module, inner = bound[word]
                    found |= {module, module.split(".")[0]} | ({inner} if inner else set())
                    place = _place(file, module)
                    if place is not None and inner is not None:
                        waiting.append((place, inner))
    return frozenset(found)


def files_used(references: Iterable[FunctionReference]) -> list[Path]:
    """Return the Python files of functions, and those of lmms-eval that they import, directly or not."""
    found: set[Path] = set()
    waiting = [reference.file for reference in references]
    while waiting:
        file = waiting.pop()
        if file in found or not file.is_file():
            continue
        found.add(file)
        for one in imports_in(file):
            dotted = one.module if not one.level else _absolute(file, one.level, one.module)
            names = [dotted, f"{dotted}.{one.name}"] if one.name else [dotted]
            waiting += [place for name in names if (place := _place(file, name)) is not None]
    return sorted(found)


@cache
def _definitions(file: Path) -> dict[str, list[ast.AST]]:
    """Return top-level name -> what defines it."""
    found: dict[str, list[ast.AST]] = {}
    for node in _statements(tree_of(file)):
        if isinstance(node, _FUNCTIONS):
            found.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.ClassDef):
            inits = [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"]
            # Its statements: it is no function by itself.
            found.setdefault(node.name, []).extend(part for one in inits for part in one.body)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(node.value)
    return found


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield top-level statements, those under `if` and `try` too."""
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        node = waiting.pop(0)
        yield node
        if isinstance(node, (ast.If, ast.Try, ast.With)):
            waiting += node.body + getattr(node, "orelse", [])
            for handler in getattr(node, "handlers", []):
                waiting += handler.body


@cache
def _bindings(file: Path) -> dict[str, _Bound]:
    """Return name -> where it is imported from, imports inside functions too."""
    found: dict[str, _Bound] = {}
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.split(".")[0]] = (alias.name, None)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                module = _absolute(file, node.level, module)
            for alias in node.names:
                found[alias.asname or alias.name] = (module, alias.name)
    return found


def _absolute(file: Path, level: int, module: str) -> str:
    """Return the dotted name that a relative import stands for, by the folders above the file."""
    folder = file.parents[level - 1]
    parts = folder.parts
    at = len(parts) - 1 - parts[::-1].index(PACKAGE) if PACKAGE in parts else len(parts) - 1
    return ".".join((*parts[at:], *([module] if module else [])))


def _place(file: Path, module: str) -> Path | None:
    """Return the file of a module of lmms-eval, found beside the importing one; None for any other."""
    parts = module.split(".")
    root = next((folder for folder in file.parents if folder.name == parts[0]), None)
    if root is None:
        return None
    place = root.joinpath(*parts[1:]).with_suffix(".py")
    return place if place.is_file() else None


def _words(node: ast.AST, *, texts: bool) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            yield inner.id
        elif isinstance(inner, ast.Attribute):
            yield inner.attr
        elif texts and isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value
