"""Draw which image tokens were kept over the picture itself: of one grid, of merged patches, or of tiles."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from prunegrid.errors import PruningError
from prunegrid.gallery.layout import View, lay_out
from prunegrid.gallery.seen import WHOLE, Box, as_given, seen_box, settings_of
from prunegrid.gallery.sheet import lay_out_several
from prunegrid.gallery.veil import veil, veil_colour
from prunegrid.pruning.patch_grid import PatchGrid

if TYPE_CHECKING:
    from PIL.Image import Image

_GAP = 8
_LINE = (128, 128, 128)


def draw_kept(
    image: Image | Sequence[Image],
    kept: Collection[int],
    n_image_tokens: int,
    grids: Sequence[PatchGrid],
    config: Mapping[str, Any] | None = None,
    *,
    processor: Any = None,
    width: int | None = None,
) -> Image:
    """Return a picture with a veil over the patches whose image tokens were dropped.

    Of a picture that was cut into tiles, the tiles are put together, with lines between them, and the whole
    picture, which such models see as well, stands to the right of them. Tokens that show no part of it, such
    as LLaVA-NeXT's ends of rows, are not drawn. Several pictures stand side by side, each as much of it as
    the model saw.

    Parameters
    ----------
    image : PIL.Image.Image, or sequence of them
        As it was given to the model's processor; all pictures of the prompt, where it has several.
    kept : collection of int
        Numbers of the tokens that were kept, from 0 in their original order.
    n_image_tokens : int
        N, image tokens of the prompt.
    grids : sequence of (int, int, int)
        What the vision tower ran on: tiles, rows and columns of patches; one for each picture.
    config : mapping, optional
        The model's whole configuration, as `model.config.to_dict()` gives it. Models that end the rows of
        tiles with a token (LLaVA-NeXT, LLaVA-OneVision) need it.
    processor : optional
        The model's processor. It says whether it crops or pads the picture; without it, neither.
    width : int, optional
        Width of the drawing of the tiles, in pixels; by default the image's.

    Returns
    -------
    PIL.Image.Image
        RGB.

    Raises
    ------
    PruningError
        If a number is that of no token, pictures and grids are unequally many, or no known layout has so
        many tokens.

    Examples
    --------
    >>> with prunegrid.prune(model, "hierarchical", "attention", ratio=0.75) as pruning:
    ...     model.generate(**processor(images=image, text=prompt, return_tensors="pt"))
    >>> layer, kept = pruning.kept[0][-1]
    >>> prunegrid.draw_kept(image, kept, pruning.n_image_tokens[0], pruning.grids, model.config.to_dict())
    """
    from PIL import Image as Images

    strange = sorted(number for number in kept if not 0 <= number < n_image_tokens)
    if strange:
        raise PruningError(f"{strange[0]} is the number of none of {n_image_tokens} image tokens")
    settings = settings_of(processor)
    images = [image] if isinstance(image, Images.Image) else list(image)
    all_given = [as_given(one.convert("RGB"), "processor", settings) for one in images]
    if len(all_given) == 1:
        given = all_given[0]
        layout = lay_out(n_image_tokens, grids, config or {}, given.size)
        box = seen_box(given.size, layout, settings)
    else:
        given, layout = lay_out_several(n_image_tokens, grids, config or {}, all_given, settings)
        box = WHOLE
    is_kept = np.isin(np.arange(n_image_tokens), list(kept))
    colour = veil_colour(given)
    size = given.size if width is None else (width, max(1, round(width * given.height / given.width)))
    drawn = [_drawn(given.resize(size), view, is_kept[view.numbers], box, colour) for view in layout.views]
    if len(drawn) == 1:
        return drawn[0]
    sheet = Images.new("RGB", (2 * size[0] + _GAP, size[1]), "white")
    for number, one in enumerate(drawn):
        sheet.paste(one, (number * (size[0] + _GAP), 0))
    return sheet


def _drawn(image: Image, view: View, kept: np.ndarray, box: Box, colour: tuple[int, int, int]) -> Image:
    """Return a copy of an image with the veil of one view, and lines between its tiles."""
    from PIL import Image as Images
    from PIL import ImageDraw

    rows, columns = kept.shape
    left, right = (round(share * image.width) for share in (box[0], box[2]))
    top, bottom = (round(share * image.height) for share in (box[1], box[3]))
    # Every pixel has the patch that its centre lies in.
    row = (np.arange(bottom - top) + 0.5) * rows // max(1, bottom - top)
    column = (np.arange(right - left) + 0.5) * columns // max(1, right - left)
    # What the processor cut off is dropped before any cut.
    shown = np.zeros((image.height, image.width), dtype=bool)
    shown[top:bottom, left:right] = kept[np.ix_(row.astype(int), column.astype(int))]
    over = veil(shown, colour).convert("RGBA")
    drawn = Images.alpha_composite(image.convert("RGBA"), over).convert("RGB")
    lines = ImageDraw.Draw(drawn)
    for number in range(1, view.tiles[0]):
        at = top + round(number * (bottom - top) / view.tiles[0])
        lines.line([(left, at), (right, at)], fill=_LINE)
    for number in range(1, view.tiles[1]):
        at = left + round(number * (right - left) / view.tiles[1])
        lines.line([(at, top), (at, bottom)], fill=_LINE)
    return drawn
