"""FLOPs of what criteria read of a vision tower beside its features: attention rows. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prunegrid.pruning.families import family_of
from prunegrid.pruning.patch_grid import Config, PatchGrid
from prunegrid.pruning.vision_maps import ALL_ROWS, CLASS_ROW


def tower_width(config: Config) -> int:
    """Return the width of a vision tower's features, of a model's whole configuration."""
    vision = config["vision_config"]
    width: int = vision.get("embed_dim", vision["hidden_size"])
    return width


def tower_score_flops(config: Config, grids: Sequence[PatchGrid], costs: Iterable[str | None]) -> float:
    """Return the FLOPs of attention rows that criteria ask for, once for a layer, however many cuts use it.

    The tower's own attention is fused, and shows no row: those that are asked for are computed again.

    Parameters
    ----------
    config : mapping
        The model's whole configuration.
    grids : sequence of (int, int, int)
        Per image: tiles or frames, rows and columns of patches.
    costs : iterable of str or None
        What is computed before each cut: words joined by "+", the tower's with "@" and the layer; without one
        it is the last.
    """
    words = {word for cost in costs if cost for word in cost.split("+")}
    total = 0
    for word in words:
        kind, _, layer = word.partition("@")
        if kind not in (CLASS_ROW, ALL_ROWS):
            continue
        family, width = family_of(config["model_type"]), tower_width(config)
        for grid in grids:
            seen = grid[0] * (grid[1] * grid[2] + 1)
            if kind == ALL_ROWS:
                seen = family.tower_seen(config, grid, int(layer or -1))
            total += 2 * width * seen
    return float(total)
