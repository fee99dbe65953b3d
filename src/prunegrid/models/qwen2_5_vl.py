"""Qwen2.5-VL (arXiv 2502.13923): Qwen2-VL with a gated tower, most blocks of which attend in windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from prunegrid.cost.qwen_vit import qwen_vit_flops
from prunegrid.models.qwen2_vl import Qwen2VL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor
    from transformers import PreTrainedModel

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

    def tower_seen(self, config: Config, grid: PatchGrid, layer: int) -> int:
        """Return the sum over patches of the keys that each attends to: its frame's, or its window's."""
        vision = config["vision_config"]
        whole = layer % vision["depth"] in vision["fullatt_block_indexes"]
        return super().tower_seen(config, grid, layer) if whole else grid[0] * _windows(vision, grid)

    def in_order(self, model: PreTrainedModel, tokens: Tensor, pixels: Mapping[str, Any]) -> Tensor:
        """Return maps over tokens in the order of the prompt: the tower sorts them by window."""
        from transformers.vision_utils import get_vision_window_index

        tower: Any = cast("Any", model.base_model).visual
        by_window, _ = get_vision_window_index(
            pixels["image_grid_thw"],
            spatial_merge_size=tower.spatial_merge_size,
            window_size=tower.window_size,
            patch_size=tower.patch_size,
        )
        return tokens[by_window.argsort().to(tokens.device)]


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
