"""A picture of the image tokens that a pruned model kept, over the image itself."""

from __future__ import annotations

from collections.abc import Collection
from math import isqrt
from typing import TYPE_CHECKING, Any

from prunegrid.errors import PruningError

if TYPE_CHECKING:
    from PIL.Image import Image

    from prunegrid.pruning.context import Pruning

# Left, top, right and bottom in pixels.
Box = tuple[int, int, int, int]
# How much of a dropped patch's brightness is left.
_DIMMED = 0.25


def picture(pruning: Pruning, image: Image, row: int = 0, cut: int = -1, *, processor: Any = None) -> Image:
    """Return an image in which the patches of dropped image tokens are dimmed.

    Parameters
    ----------
    pruning : Pruning
        Of `prunegrid.prune`; its last prefill is shown.
    image : PIL.Image.Image
        The image of that batch row, as it was given to the model's processor.
    row : int
        The batch row.
    cut : int
        After which cut, from 0; -1: after the last one.
    processor : optional
        The model's processor. It says whether it stretches an image to the tower's shape, or crops it;
        without it, an image of another shape than the grid of tokens is refused.

    Returns
    -------
    PIL.Image.Image
        RGB, of the image's size. What the processor cut off is black.

    Raises
    ------
    PruningError
        If there was no prefill with pixels, no such row or cut, or if the row's tokens are no plain grid of
        one picture: it was cut into tiles, or there are several.

    Examples
    --------
    >>> with prunegrid.prune(model, "hierarchical", "attention", ratio=0.75) as pruning:
    ...     model.generate(**processor(images=image, text=prompt, return_tensors="pt"))
    >>> prunegrid.picture(pruning, image, processor=processor).save("kept.png")
    """
    rows, columns = token_grid(pruning, row)
    kept = _kept(pruning, row, cut)
    box = _seen(image, rows, columns, processor)
    return _drawn(image.convert("RGB"), box, rows, columns, set(kept))


def token_grid(pruning: Pruning, row: int) -> tuple[int, int]:
    """Return how many rows and columns of image tokens the picture of a batch row has."""
    counts, kind = pruning.n_image_tokens, pruning.model.config.model_type
    if not -len(counts) <= row < len(counts):
        raise PruningError(f"row {row} is not among the {len(counts)} rows of the last prefill")
    # Rows without an image have no picture.
    place = sum(count > 0 for count in counts[: row % len(counts)])
    n_tokens = counts[row]
    if not n_tokens:
        raise PruningError(f"row {row} has no image tokens")
    if not pruning.grids:
        raise PruningError(
            "the last prefill was given image features, not pixels: the grid of patches is unknown"
        )
    if len(pruning.grids) != sum(count > 0 for count in counts):
        raise PruningError(
            f"{kind!r}: {len(pruning.grids)} pictures or tiles for {len(counts)} rows: only rows of one "
            "picture that is not cut into tiles can be drawn"
        )
    tiles, patch_rows, patch_columns = pruning.grids[place]
    # Towers merge s x s patches into a token.
    side = isqrt(patch_rows * patch_columns // n_tokens)
    whole = side and not patch_rows % side and not patch_columns % side
    if tiles != 1 or not whole or patch_rows * patch_columns != side**2 * n_tokens:
        raise PruningError(
            f"{kind!r} made {n_tokens} image tokens of {tiles} x {patch_rows} x {patch_columns} patches: "
            "tokens of tiles, or beside the patches, are no plain grid of the picture and cannot be drawn"
        )
    return patch_rows // side, patch_columns // side


def _kept(pruning: Pruning, row: int, cut: int) -> Collection[int]:
    """Return the numbers of the tokens that are present after a cut."""
    cuts = pruning.kept[row]
    if not cuts:
        return range(pruning.n_image_tokens[row])
    if not -len(cuts) <= cut < len(cuts):
        layers = ", ".join(str(layer) for layer, _ in cuts)
        raise PruningError(f"cut {cut} is not among the {len(cuts)} of row {row}, before layers {layers}")
    return cuts[cut][1]


def _seen(image: Image, rows: int, columns: int, processor: Any) -> Box:
    """Return the part of an image that the tokens cover."""
    width, height = image.size
    if processor is not None:
        settings = getattr(processor, "image_processor", processor)
        if getattr(settings, "do_pad", False) and width * rows != height * columns:
            raise PruningError(f"{type(settings).__name__} pads images: give the image as it was padded")
        if not getattr(settings, "do_center_crop", False):
            return 0, 0, width, height
        # The shorter side is resized to the crop's: the largest box of the grid's shape, in the middle.
        wide = min(width, round(height * columns / rows))
        high = min(height, round(width * rows / columns))
        left, top = (width - wide) // 2, (height - high) // 2
        return left, top, left + wide, top + high
    # Towers that take images at their own shape round it to whole tokens.
    if abs(width * rows / (height * columns) - 1) > 1 / min(rows, columns):
        raise PruningError(
            f"the image has {width} x {height} pixels, its tokens {columns} columns and {rows} rows: give "
            "the processor, which says whether it stretched or cropped it"
        )
    return 0, 0, width, height


def _drawn(image: Image, box: Box, rows: int, columns: int, kept: set[int]) -> Image:
    from PIL import Image as Images

    left, top, right, bottom = box
    drawn = Images.new("RGB", image.size)
    part = image.crop(box)
    drawn.paste(Images.blend(Images.new("RGB", part.size), part, _DIMMED), (left, top))
    for number in kept:
        at, column = divmod(number, columns)
        patch = (
            left + round(column * (right - left) / columns),
            top + round(at * (bottom - top) / rows),
            left + round((column + 1) * (right - left) / columns),
            top + round((at + 1) * (bottom - top) / rows),
        )
        drawn.paste(image.crop(patch), patch[:2])
    return drawn
