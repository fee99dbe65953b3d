"""Check the Arrow types of a file's columns by family, such as text or integer, and not exactly."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa

from prunegrid.errors import DataError

_LISTS = (pa.ListType, pa.LargeListType, pa.FixedSizeListType, pa.ListViewType, pa.LargeListViewType)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _is_list(kind: pa.DataType, of: Callable[[pa.DataType], bool]) -> bool:
    """Tell whether a type is a list of some type, in any of the ways in which writers store lists."""
    if not isinstance(kind, _LISTS):
        return False
    item = _stored(kind.value_type)
    return pa.types.is_null(item) or of(item)


def _is_image(kind: pa.DataType) -> bool:
    if _is_list(kind, _is_image):
        # A list of one, as sets for several images a row have it.
        return True
    if pa.types.is_struct(kind):
        return any(field.name in ("bytes", "path") for field in kind)
    return _is_binary(kind) or _is_text(kind)


FAMILIES: dict[str, Callable[[pa.DataType], bool]] = {
    "text": _is_text,
    # Frames make floats of whole numbers where one is missing: the rows say which are whole.
    "integer": _is_number,
    "number": _is_number,
    "list of text": lambda kind: _is_list(kind, _is_text),
    "list of numbers": lambda kind: _is_list(kind, _is_number),
    "image": _is_image,
}


def is_stored_image(name: str, kind: pa.DataType) -> bool:
    """Tell whether a column of any data set holds pictures: the hub's struct, a list of it, or named so."""
    kind = _stored(kind)
    if isinstance(kind, _LISTS):
        return is_stored_image(name, kind.value_type)
    if pa.types.is_struct(kind):
        return {field.name for field in kind} in ({"bytes", "path"}, {"bytes"}, {"path"})
    return name in ("image", "images") and _is_image(kind)


def may_name_files(kind: pa.DataType) -> bool:
    """Tell whether cells of a type may hold an image's path: texts, and objects with a `path`."""
    kind = _stored(kind)
    if pa.types.is_struct(kind):
        return any(field.name == "path" for field in kind)
    return _is_text(kind) or _is_list(kind, may_name_files)


def _stored(kind: pa.DataType) -> pa.DataType:
    """Return the type of values that are stored once each, or under another name."""
    if isinstance(kind, pa.BaseExtensionType):
        return _stored(kind.storage_type)
    encoded = pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind)
    return _stored(kind.value_type) if encoded else kind


def fits(kind: pa.DataType, family: str) -> bool:
    """Tell whether an Arrow type is of a family, or of one of several joined by " or ".

    An all-null column fits every family: its rows fail or pass one by one.
    """
    kind = _stored(kind)
    return pa.types.is_null(kind) or any(FAMILIES[name](kind) for name in family.split(" or "))


def check_columns(file: Path, found: Mapping[str, pa.DataType], required: Mapping[str, str]) -> None:
    """Refuse a file without the required columns, or with columns of another type.

    Parameters
    ----------
    file : Path
        For the message.
    found : mapping
        Column name in the file -> Arrow type.
    required : mapping
        Column name in the file -> family.

    Raises
    ------
    DataError
        Naming the file, what is missing or of the wrong type, and what was found.
    """
    missing = [name for name in required if name not in found]
    wrong = [
        f"{name!r} is {found[name]}, must be {family}"
        for name, family in required.items()
        if name in found and not fits(found[name], family)
    ]
    faults = []
    if missing:
        faults.append(f"missing columns: {', '.join(f'{name} ({required[name]})' for name in missing)}")
    if wrong:
        faults.append(f"wrong types: {'; '.join(wrong)}")
    if faults:
        raise DataError(
            f"{file}: {'; '.join(faults)}. Found: {', '.join(found)}. "
            "If a column has another name, say so with `columns: {name: name in the file}`"
        )
