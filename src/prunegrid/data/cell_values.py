"""Values of cells as their writer meant them: what data frames make of numbers, missing values and lists.

A frame has one type for a column. As soon as a value is missing, whole numbers become 2.0 and the missing one
NaN; what was a list of texts becomes its Python or JSON spelling.
"""

import ast
import json
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

# Above, not every whole number is a float of 64 bits.
_MOST_EXACT = 2**53
# How pandas spells a missing value that was made a text.
_MISSING = ("nan", "<NA>")


def without_nan(value: Any) -> Any:
    """Return a value with NaN as None, which is how frames write what is missing; in lists too."""
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, list):
        return [without_nan(item) for item in value]
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    return value


def from_arrow(scalar: pa.Scalar) -> Any:
    """Return the Python value of an Arrow scalar, NaN as None, a short float as the number that it shows."""
    value = scalar.as_py()
    if isinstance(value, (float, list)):
        return without_nan(_short(value, scalar.type))
    return value


def _short(value: Any, kind: pa.DataType) -> Any:
    """Return 0.1, and not 0.10000000149011612, for a float of 32 bits that is shown as 0.1."""
    if isinstance(value, list):
        return [_short(item, kind.value_type) for item in value] if hasattr(kind, "value_type") else value
    narrow = {16: np.float16, 32: np.float32}.get(kind.bit_width) if pa.types.is_floating(kind) else None
    return value if narrow is None or value is None else float(str(narrow(value)))


def is_number(value: Any) -> bool:
    """Tell whether a value is a number; true and false are none."""
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def whole(value: Any) -> int | None:
    """Return a number as the integer that it is for certain; None if it is not whole or too large."""
    if not is_number(value) or not math.isfinite(value) or value != int(value):
        return None
    return None if isinstance(value, float) and abs(value) > _MOST_EXACT else int(value)


def spelled(value: float | Decimal) -> str:
    """Return a finite number in digits: 2 for 2.0, since a frame makes 2.0 of 2."""
    integer = whole(value)
    if integer is not None:
        return str(integer)
    return format(value.normalize(), "f") if isinstance(value, Decimal) else str(value)


def is_missing(text: str) -> bool:
    """Tell whether a text is a missing value that a frame made a text."""
    return text.strip() in _MISSING


def looks_like_a_list(text: str) -> bool:
    """Tell whether a text is a list of quoted texts: "['a', 'b']", or NumPy's "['a' 'b']"."""
    text = text.strip()
    return text[:2] in ("['", '["') and text[-2:] in ("']", '"]')


def list_of(text: str) -> list[str] | None:
    """Return the texts of a list that was written as text by Python or as JSON, None if it is none."""
    text = text.strip()
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(found, list) and found and all(isinstance(item, str) for item in found):
            # Python reads "['a' 'b']", which NumPy writes, as ['ab'].
            return found if read is json.loads or str(found) == text else None
    return None
