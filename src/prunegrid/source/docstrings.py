"""The first paragraphs of docstrings, read without importing their files."""

import ast

from prunegrid.source.classes import ClassSource
from prunegrid.source.imports import tree_of


def first_paragraphs(source: ClassSource) -> tuple[str, str]:
    """Return the first paragraphs of the docstrings of a class's file and of the class, each on one line.

    Parameters
    ----------
    source : ClassSource
        The class; what has no docstring gives "".
    """
    return _first(ast.get_docstring(tree_of(source.file))), _first(ast.get_docstring(source.node))


def _first(docstring: str | None) -> str:
    return " ".join((docstring or "").partition("\n\n")[0].split())
