"""What the classes of a Python file derive from, declare and define. Nothing is imported to read them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from prunegrid.source.imports import Import, imports_in, leaf_of, module_of, tree_of


@dataclass(frozen=True)
class Attribute:
    """A name that a class assigns or annotates.

    Attributes
    ----------
    annotation : str or None
        As written.
    value : expr or None
        What it is set to, if it is.
    """

    annotation: str | None
    value: ast.expr | None

    @property
    def is_class_variable(self) -> bool:
        """Whether it is no field of a dataclass."""
        return self.annotation is None or "ClassVar" in self.annotation


@dataclass(frozen=True)
class ClassSource:
    """A class as it is written.

    Attributes
    ----------
    file : Path
        Where it is defined.
    name : str
        Its name there.
    """

    file: Path
    name: str

    @cached_property
    def node(self) -> ast.ClassDef:
        """Its syntax tree."""
        return _classes(self.file)[self.name]

    @property
    def attributes(self) -> dict[str, Attribute]:
        """Name -> attribute, in the order of the source."""
        found = {}
        for statement in self.node.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                annotation = ast.unparse(statement.annotation)
                found[statement.target.id] = Attribute(annotation, statement.value)
            elif isinstance(statement, ast.Assign):
                names = [target.id for target in statement.targets if isinstance(target, ast.Name)]
                found |= dict.fromkeys(names, Attribute(None, statement.value))
        return found

    @property
    def methods(self) -> dict[str, ast.FunctionDef]:
        """Name -> method, in the order of the source."""
        return {one.name: one for one in self.node.body if isinstance(one, ast.FunctionDef)}

    def lineage(self) -> list["ClassSource"]:
        """Return the class and all that it derives from whose source can be found, nearest first."""
        found = [self]
        for expression in self.node.bases:
            base = _named(self.file, ast.unparse(expression).partition("[")[0])
            if base is not None and base not in found:
                found += [one for one in base.lineage() if one not in found]
        return found


def public_classes(file: Path) -> list[ClassSource]:
    """Return the classes of a file whose names begin with no underscore."""
    return [ClassSource(file, name) for name in _classes(file) if not name.startswith("_")]


def imported_class(file: Path, level: int, module: str, name: str) -> ClassSource | None:
    """Return the class that `from module import name` stands for in a file, wherever it is defined."""
    place = module_of(file, level, module, installed=True)
    if place is not None and place.is_dir():
        place = leaf_of(place, name) or place / "__init__.py"
    if place is None or place == file or place.suffix != ".py" or not place.is_file():
        return None
    return _named(place, name)


def _named(file: Path, dotted: str) -> ClassSource | None:
    """Return the class that a name stands for in a file."""
    if dotted in _classes(file):
        return ClassSource(file, dotted)
    *modules, name = dotted.split(".")
    for one, rest in _binding(file, modules or [name]):
        if not modules and one.name is not None:
            return imported_class(file, one.level, one.module, one.name)
        if modules:
            parts = [one.module, *([one.name] if one.name else []), *rest]
            return imported_class(file, one.level, ".".join(filter(None, parts)), name)
    return None


def _binding(file: Path, dotted: list[str]) -> Iterator[tuple[Import, list[str]]]:
    """Yield the imports of a file that bind the beginning of a dotted name, and the rest of it."""
    for one in imports_in(file):
        bound = (one.bound or one.module).split(".")
        if dotted[: len(bound)] == bound:
            yield one, dotted[len(bound) :]


def _classes(file: Path) -> dict[str, ast.ClassDef]:
    return {node.name: node for node in tree_of(file).body if isinstance(node, ast.ClassDef)}
