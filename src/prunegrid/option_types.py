"""Check options of plug-ins against the types that their fields declare."""

import ast
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any


def option_faults(options: Mapping[str, Any], types: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with options: `'no' is not true or false`.

    Parameters
    ----------
    options : mapping
        Option -> value.
    types : mapping
        Option -> annotation; one of another form than those known here is not checked.

    Returns
    -------
    dict
        Option -> fault, of those that have one.
    """
    found = {}
    for key, value in options.items():
        annotation = types.get(key, "")
        if valid := _listed(annotation):
            if value not in valid:
                found[key] = f"{value!r} is not one of {', '.join(map(str, valid))}"
        elif annotation in _TYPES and not _TYPES[annotation][1](value):
            found[key] = f"{value!r} is not {_TYPES[annotation][0]}"
    return found


def words(annotation: str) -> list[Any]:
    """Return the values that `Literal[...]` lists."""
    listed = ast.literal_eval(annotation.removeprefix("Literal"))
    if not isinstance(listed, list):
        raise ValueError(f"not a list of values: {annotation}")
    return listed


def _listed(annotation: str) -> list[Any]:
    """Return the values of `Literal[...]`; [] of another annotation, one of several parts among them."""
    try:
        return words(annotation) if annotation.startswith("Literal[") else []
    except (ValueError, SyntaxError):
        return []


def field_types(plugin: Any) -> dict[str, str]:
    """Return the fields of a plug-in, class or instance, with their annotations as written."""
    fields = dataclasses.fields(plugin) if dataclasses.is_dataclass(plugin) else ()
    return {field.name: _written(field.type) for field in fields}


def _written(annotation: Any) -> str:
    """Return an annotation as text; without `from __future__ import annotations` it is the type itself."""
    if isinstance(annotation, str):
        return annotation
    if isinstance(annotation, type) and not hasattr(annotation, "__args__"):
        return annotation.__name__
    return str(annotation).replace("collections.abc.", "").replace("typing.", "")


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_numbers(value: Any) -> bool:
    return _is_list(value) and all(map(_is_number, value)) and len(value) > 0


def _or_null(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or check(value)


# Annotation of an option -> how to call its values, and what tells them.
_TYPES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "bool": ("true or false", lambda value: isinstance(value, bool)),
    "int": ("a whole number", _is_whole),
    "float": ("a number", _is_number),
    "str": ("a name", lambda value: isinstance(value, str)),
    "str | None": ("a name or null", _or_null(lambda value: isinstance(value, str))),
    "float | None": ("a number or null", _or_null(_is_number)),
    "Sequence[float]": ("a list of numbers", _is_numbers),
    "Sequence[float] | None": ("a list of numbers or null", _or_null(_is_numbers)),
    "Sequence[str]": (
        "a list of names",
        lambda value: _is_list(value) and all(isinstance(one, str) for one in value),
    ),
}
