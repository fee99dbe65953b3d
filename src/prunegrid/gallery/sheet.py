"""Several pictures of one question as one picture: side by side, with all of their image tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from prunegrid.errors import PruningError
from prunegrid.gallery.layout import PictureLayout, View, lay_out
from prunegrid.gallery.seen import seen_box
from prunegrid.pruning.patch_grid import PatchGrid

if TYPE_CHECKING:
    from PIL.Image import Image

# Highest sheet, in pixels: the page shows less of it, and a photograph has thousands.
_MOST_HIGH = 1024


def side_by_side(images: Sequence[Image], widths: Sequence[float] | None = None) -> Image:
    """Return pictures side by side at one height.

    Parameters
    ----------
    images : sequence of Image
        RGB.
    widths : sequence of float, optional
        Width of each over its height; by default its own.
    """
    from PIL import Image as Images

    high = min(_MOST_HIGH, max(image.height for image in images))
    shapes = widths or [image.width / image.height for image in images]
    wide = [max(1, round(high * shape)) for shape in shapes]
    sheet = Images.new("RGB", (sum(wide), high))
    for number, image in enumerate(images):
        sheet.paste(image.resize((wide[number], high)), (sum(wide[:number]), 0))
    return sheet


def lay_out_several(
    n_tokens: int,
    grids: Sequence[PatchGrid],
    config: Mapping[str, Any],
    images: Sequence[Image],
    settings: Mapping[str, Any],
) -> tuple[Image, PictureLayout]:
    """Return what the model saw of several pictures, side by side, and where all image tokens lie in that.

    Of a picture in tiles the tiles are shown; tokens of the whole picture beside them are laid out nowhere.

    Parameters
    ----------
    n_tokens, grids, config : int, sequence of (int, int, int), mapping
        As of `lay_out`, with a grid for each picture.
    images : sequence of Image
        As `as_given` returns them.
    settings : mapping
        Of `settings_of` or `stored_settings`.

    Raises
    ------
    PruningError
        If it is not known whose tokens they are, or those of one cannot be laid out.
    """
    layouts, parts, numbers, beside = [], [], [], []
    counts = _tokens_of_each(n_tokens, grids, len(images))
    for count, grid, image in zip(counts, grids, images, strict=True):
        layout = lay_out(count, [grid], config, image.size)
        left, top, right, bottom = seen_box(image.size, layout, settings)
        width, height = image.size
        layouts.append(layout)
        parts.append(
            image.crop(
                (round(left * width), round(top * height), round(right * width), round(bottom * height))
            )
        )
    high = max(len(layout.views[0].numbers) for layout in layouts)
    for layout, start in zip(layouts, np.cumsum([0, *counts[:-1]]), strict=True):
        own = layout.views[0].numbers
        rows, columns = own.shape
        wide = max(1, round(columns * high / rows))
        # A token may be drawn as several: pictures of fewer rows are drawn as high as the others.
        numbers.append(
            int(start) + own[np.ix_(np.arange(high) * rows // high, np.arange(wide) * columns // wide)]
        )
        beside += [int(start) + view.numbers.ravel() for view in layout.views[1:]]
        beside.append(int(start) + layout.beside)
    widths = [part.shape[1] for part in numbers]
    lines = (1, len(widths)) if len(set(widths)) == 1 else (1, 1)
    whole = PictureLayout((View(np.hstack(numbers), lines),), np.concatenate(beside))
    return side_by_side(parts, [wide / high for wide in widths]), whole


def _tokens_of_each(n_tokens: int, grids: Sequence[PatchGrid], n_pictures: int) -> list[int]:
    """Return how many image tokens each picture has: as many as its share of all patches."""
    if len(grids) != n_pictures:
        raise PruningError(
            f"{n_tokens} image tokens of {n_pictures} pictures, whose tiles are not told apart: they cannot "
            "be laid out"
        )
    patches = [tiles * rows * columns for tiles, rows, columns in grids]
    shares = [Fraction(n_tokens * own, sum(patches)) for own in patches]
    if any(share.denominator != 1 for share in shares):
        raise PruningError(
            f"{n_tokens} image tokens of {n_pictures} pictures are not in proportion to their patches: they "
            "cannot be laid out"
        )
    return [int(share) for share in shares]
