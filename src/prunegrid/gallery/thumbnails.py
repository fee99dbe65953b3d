"""Pictures small enough for a page: WebP of bounded size, larger where a picture is full of fine detail."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

# Longest side in pixels: of most pictures, and of those with text, whose letters must be read.
_SIDE, _FINE_SIDE = 448, 896
# Most bytes of a file: of most pictures, and of all in a model's part of the page together.
MOST_BYTES, MOST_IN_ALL = 32_000, 3_000_000
# As many times the bytes for fine detail.
_FINE = 4
# Drawn pictures as small as this are kept exactly.
_TINY = 128
_QUALITIES = (80, 65, 50, 35)
_SMALLEST = 16
# Neighbouring pixels that differ by so much are an edge; text on paper has many.
_EDGE, _FINE_SHARE = 64, 0.08


def is_fine(image: Image) -> bool:
    """Return whether a picture is full of sharp edges, as text, tables and charts are.

    Parameters
    ----------
    image : Image
        RGB.
    """
    if max(image.size) <= _TINY:
        return False
    small = image.convert("L")
    small.thumbnail((_SIDE, _SIDE))
    grey = np.asarray(small, dtype=int)
    share = [np.mean(np.abs(np.diff(grey, axis=axis)) > _EDGE) for axis in (0, 1) if grey.shape[axis] > 1]
    return bool(share and np.mean(share) > _FINE_SHARE)


def thumbnail(image: Image, most_bytes: int = MOST_BYTES, *, fine: bool = False) -> bytes:
    """Return a picture as a WebP file of at most so many bytes: of lower quality, then smaller.

    Parameters
    ----------
    image : Image
        RGB.
    most_bytes : int
        A picture of 16 pixels is returned in any case.
    fine : bool
        Whether letters must be read: twice the width.
    """
    side = _FINE_SIDE if fine else _SIDE
    if max(image.size) <= _TINY and len(exact := _webp(image, lossless=True)) <= most_bytes:
        return exact
    while True:
        small = image.copy()
        small.thumbnail((side, side))
        for quality in _QUALITIES:
            found = _webp(small, quality=quality)
            if len(found) <= most_bytes or side <= _SMALLEST:
                return found
        side = side * 3 // 4


def thumbnails(images: Mapping[str, Image]) -> dict[str, bytes]:
    """Return the pictures by their names, of at most `MOST_IN_ALL` bytes together.

    Parameters
    ----------
    images : mapping
        Name -> RGB image.
    """
    weights = {name: _FINE if is_fine(image) else 1 for name, image in images.items()}
    each = min(MOST_BYTES, MOST_IN_ALL // max(1, sum(weights.values())))
    return {
        name: thumbnail(image, each * weights[name], fine=weights[name] > 1) for name, image in images.items()
    }


def data_uri(file: bytes, kind: str) -> str:
    """Return a picture as a URI that holds it; `kind` is webp or png."""
    return f"data:image/{kind};base64,{base64.b64encode(file).decode('ascii')}"


def _webp(image: Image, quality: int = 80, *, lossless: bool = False) -> bytes:
    written = io.BytesIO()
    image.save(written, "WEBP", quality=quality, lossless=lossless, method=4)
    return written.getvalue()
