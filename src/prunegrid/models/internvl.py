"""InternVL3 (arXiv 2504.10479): InternViT tiles, Qwen2 or Llama decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from prunegrid.cost.vit import vit_flops
from prunegrid.pruning.family import Family
from prunegrid.pruning.patch_grid import default_grid

if TYPE_CHECKING:
    from prunegrid.pruning.patch_grid import Config, PatchGrid


class InternVL(Family):
    """Tiles have one size; neighbouring patches are merged into tokens."""

    one_tensor: ClassVar[bool] = True
    # Its processor has a video part, which is built on torchvision.
    packages: ClassVar[tuple[str, ...]] = ("torchvision",)

    def vision_flops(self, config: Config, grid: PatchGrid) -> int:
        """Return the FLOPs of tower and projector for one image."""
        vision, width = config["vision_config"], config["text_config"]["hidden_size"]
        tiles, rows, columns = grid
        merged = round(1 / config["downsample_ratio"]) ** 2
        projected = tiles * rows * columns // merged
        projector: int = 2 * projected * (vision["hidden_size"] * merged * width + width**2)
        return vit_flops(vision, grid, class_token=True) + projector

    def tile_tokens(self, config: Config) -> int:
        """Return the image tokens of one tile."""
        _, rows, columns = default_grid(config)
        return round(rows * columns * float(config["downsample_ratio"]) ** 2)
