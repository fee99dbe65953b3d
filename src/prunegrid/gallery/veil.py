"""The veil over the patches whose tokens were dropped: a tiny picture with one pixel per token."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

# On a picture as dark as this, mean of 0 to 255, a dark veil could not be seen.
_DARK = 80
_DARK_VEIL, _LIGHT_VEIL = (12, 14, 22), (236, 238, 244)
# Opacity, of 255: what was dropped can still be recognized.
_OPACITY = 200


def veil_colour(image: Image | None) -> tuple[int, int, int]:
    """Return the colour of a picture's veil: light on a dark picture; dark where there is none."""
    if image is None:
        return _DARK_VEIL
    brightness = float(np.asarray(image.convert("L").resize((16, 16))).mean())
    return _LIGHT_VEIL if brightness < _DARK else _DARK_VEIL


def veil(kept: np.ndarray, colour: tuple[int, int, int] = _DARK_VEIL) -> Image:
    """Return a picture with one pixel per token: nothing where it was kept, the veil where it was dropped.

    Parameters
    ----------
    kept : ndarray of bool, shape (rows, columns)
    colour : (int, int, int)
        Of `veil_colour`.

    Returns
    -------
    PIL.Image.Image
        Of mode P, columns x rows.
    """
    from PIL import Image as Images

    drawn = Images.fromarray((~kept).astype(np.uint8)).convert("P")
    drawn.putpalette([0, 0, 0, *colour])
    drawn.info["transparency"] = bytes([0, _OPACITY])
    return drawn


def veil_png(kept: np.ndarray, colour: tuple[int, int, int] = _DARK_VEIL) -> bytes:
    """Return the same as a PNG file of some hundred bytes."""
    written = io.BytesIO()
    drawn = veil(kept, colour)
    drawn.save(written, "PNG", bits=1, transparency=drawn.info["transparency"], optimize=True)
    return written.getvalue()
