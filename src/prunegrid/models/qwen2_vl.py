"""Qwen2-VL (arXiv 2409.12191): any picture size, rotary positions in three dimensions."""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING, Any, ClassVar, cast

from prunegrid.cost.qwen_vit import qwen_vit_flops
from prunegrid.pruning.family import Family, Features
from prunegrid.pruning.patch_grid import TokenGrid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn
    from transformers import PretrainedConfig, PreTrainedModel

    from prunegrid.pruning.patch_grid import Config, PatchGrid


class Qwen2VL(Family):
    """Rotary positions are computed from grids of patches and token types, so `generate` is given both."""

    multimodal_positions: ClassVar[bool] = True
    own_size: ClassVar[bool] = True
    # Its processor has a video part, which is built on torchvision.
    packages: ClassVar[tuple[str, ...]] = ("torchvision",)

    def feature_inputs(
        self, model: PreTrainedModel, features: list[Features], input_ids: Tensor
    ) -> dict[str, Any]:
        """Return the features, grids and token types."""
        import torch

        return {
            **super().feature_inputs(model, features, input_ids),
            "image_grid_thw": torch.cat([one.beside["grid"] for one in features]).to(input_ids.device),
            "mm_token_type_ids": (input_ids == self.image_token_id(model.config)).int(),
        }

    def grids(self, config: PretrainedConfig, pixels: Mapping[str, Tensor]) -> list[PatchGrid]:
        """Return the frames, rows and columns of patches of every picture."""
        return [tuple(grid) for grid in pixels["image_grid_thw"].tolist()] if pixels else []

    def batch_grids(self, config: PretrainedConfig, inputs: Mapping[str, Any]) -> list[PatchGrid]:
        """Return the grids of all pictures; their patches come without a batch dimension."""
        grids = inputs.get("image_grid_thw")
        return [] if grids is None else self.grids(config, {"image_grid_thw": grids})

    def vision_flops(self, config: Config, grid: PatchGrid) -> int:
        """Return the FLOPs of tower and merger for one image."""
        vision = config["vision_config"]
        width = vision["embed_dim"]
        ffn = int(width * vision["mlp_ratio"])
        return qwen_vit_flops(vision, grid, width=width, ffn=ffn, matrices=2, out=vision["hidden_size"])

    def tile_tokens(self, config: Config) -> None:
        """Return None: pictures are taken at their own size."""
        return None

    def assumed_grids(self, config: Config, image_tokens: int) -> list[PatchGrid]:
        """Return the grid of a picture, as square as can be, of so many image tokens or a few more."""
        merge, side = config["vision_config"]["spatial_merge_size"], isqrt(image_tokens)
        return [(1, side * merge, -(-image_tokens // side) * merge)]

    def tower_layers(self, model: PreTrainedModel) -> nn.ModuleList:
        """Return the blocks of the vision tower."""
        inner: Any = model.base_model
        return cast("nn.ModuleList", inner.visual.blocks)

    def tower_attention(self, layer: nn.Module) -> nn.Module:
        """Return the attention module of a block."""
        return cast("nn.Module", layer.attn)

    def token_maps(
        self, model: PreTrainedModel, patches: Tensor, pixels: Mapping[str, Any]
    ) -> Sequence[Tensor]:
        """Return maps averaged over the patches that are merged: they follow each other."""
        merged = model.config.vision_config.spatial_merge_size**2
        return [self.in_order(model, patches[0].unflatten(0, (-1, merged)).mean(1), pixels)]

    def token_side(self, config: Config) -> int:
        """Return the pixels of the patches that are merged."""
        vision = config["vision_config"]
        return int(vision["patch_size"]) * int(vision["spatial_merge_size"])

    def check_grid(self, config: Config) -> None:
        """Refuse nothing: pictures of any size are grids of whole tokens."""

    def token_grids(self, model: PreTrainedModel, pixels: Mapping[str, Any], n_tiles: int) -> list[TokenGrid]:
        """Return a grid for each frame."""
        side = model.config.vision_config.spatial_merge_size
        return [
            TokenGrid(rows // side, columns // side)
            for frames, rows, columns in self.grids(model.config, pixels)
            for _ in range(frames)
        ]

    def in_order(self, model: PreTrainedModel, tokens: Tensor, pixels: Mapping[str, Any]) -> Tensor:
        """Return maps over tokens, (tokens, maps), in the order of the prompt: here the tower's own."""
        return tokens

    def _features(self, model: PreTrainedModel, pixels: dict[str, Tensor]) -> Features:
        found = super()._features(model, pixels)
        return Features(found.images, {"grid": pixels["image_grid_thw"]})
