"""FLOPs of what criteria read of a vision tower beside its features: attention rows. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prunegrid.pruning.families import family_of
from prunegrid.pruning.patch_grid import Config, PatchGrid
from prunegrid.pruning.vision_maps import tower_layer, tower_layers

# Words of a criterion's `cost`: products of all patches' rows, of these and the class token's, or of that one
# (as attention, or with heads joined), with the keys that each sees. The layer follows after "@"; without one
# it is the last.
PATCH_ROWS, ALL_ROWS, CLASS_ROWS = "tower_rows", "tower_all_rows", ("cls_row", "cls_joined_row")


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
    total = 0
    for word in _words(costs):
        kind, _, layer = word.partition("@")
        if kind not in (PATCH_ROWS, ALL_ROWS, *CLASS_ROWS):
            continue
        family, vision = family_of(config["model_type"]), config["vision_config"]
        width = tower_width(config)
        for grid in grids:
            of_class = grid[0] * (grid[1] * grid[2] + 1)
            seen = of_class if kind in CLASS_ROWS else 0
            if kind not in CLASS_ROWS:
                at = tower_layer(float(layer or -1), tower_layers(vision))
                seen = family.tower_seen(config, grid, at)
            if kind == ALL_ROWS and family.has_class_token(config):
                seen += of_class
            total += 2 * width * seen
    return float(total)


def _words(costs: Iterable[str | None]) -> set[str]:
    return {word for cost in costs if cost for word in cost.split("+")}


@dataclass(frozen=True)
class TowerWidths:
    """Widths of what is compared and joined by a tower's maps.

    Attributes
    ----------
    features : int
        Of a layer's output.
    keys, head : int
        Of a patch's key: all heads, one of them.
    projector : int
        Of what the projector is given of a token.
    """

    features: int = 0
    keys: int = 0
    head: int = 0
    projector: int = 0


def tower_widths(config: Config, costs: Iterable[str | None]) -> TowerWidths:
    """Return the widths that the words of some costs ask for.

    Parameters
    ----------
    config : mapping
        The model's whole configuration.
    costs : iterable of str or None
        See `tower_score_flops`.
    """
    words = _words(costs)
    if not words & {"tower_cosines", "joined_keys", "mean_keys", "weighted_inputs"}:
        return TowerWidths()
    vision = config["vision_config"]
    # A key of all heads is as wide as a layer's output.
    width = tower_width(config)
    heads = vision.get("num_attention_heads", vision.get("num_heads", 1))
    inputs = "weighted_inputs" in words and family_of(config["model_type"]).projector_width(config)
    return TowerWidths(width, width, width // heads, int(inputs))
