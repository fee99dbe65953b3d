"""Read boxes in a text, and compare them."""

import re
from collections.abc import Sequence

Box = tuple[float, float, float, float]

_NUMBER = r"(-?\d+(?:\.\d+)?)"
# Between the corners: a comma, or Qwen-VL's "),(".
_BETWEEN = r"\s*(?:\)\s*,?\s*\(|,|\s)\s*"
_ANY = re.compile(
    r"[\[(]\s*"
    + _NUMBER
    + r"\s*[,\s]\s*"
    + _NUMBER
    + _BETWEEN
    + _NUMBER
    + r"\s*[,\s]\s*"
    + _NUMBER
    + r"\s*[\])]"
)
_LMMS = re.compile(r"\[\s*" + r",\s*".join([_NUMBER] * 4) + r"\s*\]")


def boxes(text: str) -> list[Box]:
    """Return all boxes in a text: four numbers in brackets, or two pairs in parentheses.

    Such as `[0.1, 0.2, 0.3, 0.4]`, `<box>[[10, 20, 30, 40]]</box>`, `{"bbox_2d": [10, 20, 30, 40]}` and
    `(10,20),(30,40)`.
    """
    return [_numbers(found) for found in _ANY.finditer(text)]


def lmms(text: str) -> Box:
    """Return what lmms-eval 0.7.3 reads: the first four numbers in square brackets, or four zeros."""
    found = _LMMS.search(text)
    return _numbers(found) if found else (0.0, 0.0, 0.0, 0.0)


def _numbers(found: re.Match[str]) -> Box:
    left, top, right, bottom = (float(number) for number in found.groups())
    return left, top, right, bottom


def iou(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the intersection over union of two boxes (left, top, right, bottom).

    0 where one has no area, such as one whose right side lies left of its left side.
    """
    if _area(one) <= 0 or _area(other) <= 0:
        return 0.0
    shared = _area(
        (max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3]))
    )
    return shared / (_area(one) + _area(other) - shared)


def _area(box: Sequence[float]) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def holds_centre(box: Sequence[float], other: Sequence[float]) -> bool:
    """Return whether the centre of another box lies in a box, its edges included."""
    x, y = (other[0] + other[2]) / 2, (other[1] + other[3]) / 2
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]
