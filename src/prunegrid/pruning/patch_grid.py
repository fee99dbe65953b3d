"""Grids of patches that a vision tower runs on, and of image tokens. Imports no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prunegrid.errors import PruningError

# A model's whole configuration, as `model.config.to_dict()` gives it.
Config = Mapping[str, Any]
# Of one image: tiles (or frames), rows and columns of patches in each.
PatchGrid = tuple[int, int, int]


@dataclass(frozen=True)
class TokenGrid:
    """Image tokens that follow each other in the prompt, row by row of a picture or of a tile.

    Attributes
    ----------
    rows, columns : int
        Of tokens.
    ends : bool
        The last column are learned ends of rows, which stand for no part of the picture.
    """

    rows: int
    columns: int
    ends: bool = False


def pair(size: int | Sequence[int]) -> tuple[int, int]:
    """Return height and width of a size that may be one number for both."""
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def default_grid(config: Config) -> PatchGrid:
    """Return the grid of a whole image at the tower's own size: one tile.

    Raises
    ------
    PruningError
        If the tower has no size of its own.
    """
    vision = config["vision_config"]
    if "image_size" not in vision:
        raise PruningError(f"{config['model_type']!r}: its vision_config has no image_size")
    height, width = pair(vision["image_size"])
    rows, columns = pair(vision["patch_size"])
    return 1, height // rows, width // columns
