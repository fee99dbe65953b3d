"""LLaVA-1.5 (arXiv 2310.03744): CLIP tower, projector, Llama decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from prunegrid.cost.vit import has_class_token, pooling_head_flops, vit_flops
from prunegrid.pruning.family import Family
from prunegrid.pruning.patch_grid import default_grid

if TYPE_CHECKING:
    from prunegrid.pruning.patch_grid import Config, PatchGrid


class Llava(Family):
    """Every picture is one tile, every patch one token; the tower is CLIP or SigLIP."""

    one_tile: ClassVar[bool] = True

    def vision_flops(self, config: Config, grid: PatchGrid) -> int:
        """Return the FLOPs of tower and projector for one image."""
        vision, width = config["vision_config"], config["text_config"]["hidden_size"]
        tiles, rows, columns = grid
        class_token = has_class_token(vision)
        layers = config["vision_feature_layer"]
        features = vision["hidden_size"] * (len(layers) if isinstance(layers, list | tuple) else 1)
        whole = class_token and config["vision_feature_select_strategy"] == "full"
        projected = tiles * (rows * columns + whole)
        tower = vit_flops(vision, grid, class_token=class_token) + pooling_head_flops(vision, grid)
        projector: int = 2 * projected * (features * width + width**2)
        return tower + projector

    def tile_tokens(self, config: Config) -> int:
        """Return the image tokens of one tile."""
        _, rows, columns = default_grid(config)
        first_left_out = bool(config["vision_feature_select_strategy"] == "default")
        return rows * columns + has_class_token(config["vision_config"]) - first_left_out
