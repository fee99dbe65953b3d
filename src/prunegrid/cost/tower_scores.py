"""FLOPs of what criteria read of a vision tower beside its features: attention rows. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prunegrid.pruning.families import family_of
from prunegrid.pruning.patch_grid import Config, PatchGrid
from prunegrid.pruning.vision_maps import tower_layer, tower_layers

# Words of a criterion's `cost`: products of all patches' rows, or of the class token's row (as attention, or
# with heads joined), with the keys that each sees. The layer follows after "@"; without one it is the last.
ALL_ROWS, CLASS_ROWS = "tower_rows", ("cls_row", "cls_joined_row")


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
        What is computed before each cut: words joined by "+".
    """
    words = {word for cost in costs if cost for word in cost.split("+")}
    total = 0
    for word in words:
        kind, _, layer = word.partition("@")
        if kind not in (ALL_ROWS, *CLASS_ROWS):
            continue
        family, vision = family_of(config["model_type"]), config["vision_config"]
        width = vision.get("embed_dim", vision["hidden_size"])
        for grid in grids:
            seen = grid[0] * (grid[1] * grid[2] + 1)
            if kind == ALL_ROWS:
                at = tower_layer(float(layer or -1), tower_layers(vision) or 0)
                seen = family.tower_seen(config, grid, at)
            total += 2 * width * seen
    return float(total)


def tower_key_widths(config: Config) -> tuple[int, int]:
    """Return the width of a patch's key in the tower, all heads and one of them; 0 where there is no tower.

    Parameters
    ----------
    config : mapping
        The model's whole configuration.
    """
    vision = config.get("vision_config")
    if not vision:
        return 0, 0
    width = vision.get("embed_dim", vision.get("hidden_size", 0))
    return width, width // vision.get("num_attention_heads", vision.get("num_heads", 1))
