"""InternVL3 (arXiv 2504.10479): InternViT tiles, Qwen2 or Llama decoder."""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING, Any, ClassVar, cast

from prunegrid.cost.vit import vit_flops
from prunegrid.pruning.family import Family
from prunegrid.pruning.patch_grid import default_grid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn
    from transformers import PreTrainedModel

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
        projector: int = 2 * projected * (self.projector_width(config) * width + width**2)
        return vit_flops(vision, grid, class_token=True) + projector

    def projector(self, model: PreTrainedModel) -> nn.Module:
        """Return the projector."""
        return cast("nn.Module", cast("Any", model.base_model).multi_modal_projector)

    def projector_width(self, config: Config) -> int:
        """Return the width of all patches that are joined."""
        merged: int = round(1 / config["downsample_ratio"]) ** 2
        return int(config["vision_config"]["hidden_size"]) * merged

    def tile_tokens(self, config: Config) -> int:
        """Return the image tokens of one tile."""
        _, rows, columns = default_grid(config)
        return round(rows * columns * float(config["downsample_ratio"]) ** 2)

    def has_class_token(self, config: Config) -> bool:
        """Return True."""
        return True

    def tower_layers(self, model: PreTrainedModel) -> nn.ModuleList:
        """Return the layers of the vision tower."""
        inner: Any = model.base_model
        return cast("nn.ModuleList", inner.vision_tower.encoder.layer)

    def tower_attention(self, layer: nn.Module) -> nn.Module:
        """Return the self-attention module of a layer of the vision tower."""
        return cast("nn.Module", layer.attention)

    def token_maps(
        self, model: PreTrainedModel, patches: Tensor, pixels: Mapping[str, Any]
    ) -> Sequence[Tensor]:
        """Return maps averaged over the patches that are joined."""
        import torch

        inner: Any = model.base_model
        side = isqrt(patches.shape[1])
        numbers = torch.arange(patches.shape[1], device=patches.device).view(1, side, side, 1)
        of_token = inner.pixel_shuffle(numbers, scale_factor=model.config.downsample_ratio)
        return list(patches[:, of_token.flatten(0, 2)].mean(2))
