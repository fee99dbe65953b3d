"""Qwen2.5-VL (arXiv 2502.13923): Qwen2-VL with a gated tower, most blocks of which attend in windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunegrid.cost.qwen_vit import qwen_vit_flops
from prunegrid.models.qwen2_vl import Qwen2VL

if TYPE_CHECKING:
    from prunegrid.pruning.patch_grid import Config, PatchGrid


class Qwen25VL(Qwen2VL):
    """Inputs, positions and decoder are those of Qwen2-VL; the vision tower is another."""

    def vision_flops(self, config: Config, grid: PatchGrid) -> int:
        """Return the FLOPs of tower and merger for one image."""
        vision = config["vision_config"]
        frames, rows, columns = grid
        whole, windows = (rows * columns) ** 2, _windows(vision, grid)

        def seen(block: int) -> int:
            return frames * (whole if block in vision["fullatt_block_indexes"] else windows)

        return qwen_vit_flops(
            vision,
            grid,
            width=vision["hidden_size"],
            ffn=vision["intermediate_size"],
            matrices=3,
            out=vision["out_hidden_size"],
            seen=seen,
        )


def _windows(vision: Config, grid: PatchGrid) -> int:
    """Return the sum of squared window sizes, in patches, of one frame."""
    merge = vision["spatial_merge_size"]
    side = vision["window_size"] // merge // vision["patch_size"]

    def parts(length: int) -> list[int]:
        return [min(side, length - start) for start in range(0, length, side)]

    return sum(
        (row * column * merge**2) ** 2
        for row in parts(grid[1] // merge)
        for column in parts(grid[2] // merge)
    )
