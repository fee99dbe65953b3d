"""Gemma 3 (arXiv 2503.19786): SigLIP, sliding and full attention, image tokens see each other both ways."""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING, Any, ClassVar

from prunegrid.cost.vit import pooling_head_flops, vit_flops
from prunegrid.pruning.family import Family

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor
    from transformers import PreTrainedModel

    from prunegrid.pruning.family import Features
    from prunegrid.pruning.patch_grid import Config, PatchGrid


class Gemma3(Family):
    """Attention masks of image tokens are made of token types; patches are averaged into tokens."""

    one_tensor: ClassVar[bool] = True
    one_tile: ClassVar[bool] = True

    def feature_inputs(
        self, model: PreTrainedModel, features: list[Features], input_ids: Tensor
    ) -> dict[str, Any]:
        """Return the features and the token types."""
        types = (input_ids == self.image_token_id(model.config)).long()
        return {**super().feature_inputs(model, features, input_ids), "token_type_ids": types}

    def vision_flops(self, config: Config, grid: PatchGrid) -> int:
        """Return the FLOPs of tower and projector for one image."""
        vision, width = config["vision_config"], config["text_config"]["hidden_size"]
        projected = grid[0] * config["mm_tokens_per_image"]
        tower = vit_flops(vision, grid, class_token=False) + pooling_head_flops(vision, grid)
        flops: int = tower + 2 * projected * vision["hidden_size"] * width
        return flops

    def tile_tokens(self, config: Config) -> int:
        """Return the image tokens of one tile."""
        return int(config["mm_tokens_per_image"])

    def token_maps(
        self, model: PreTrainedModel, patches: Tensor, pixels: Mapping[str, Any]
    ) -> Sequence[Tensor]:
        """Return maps averaged over the windows of patches that the projector averages."""
        from torch.nn.functional import avg_pool2d

        side, tokens = isqrt(patches.shape[1]), isqrt(model.config.mm_tokens_per_image)
        grid = patches.transpose(1, 2).unflatten(2, (side, side))
        return list(avg_pool2d(grid, side // tokens).flatten(2).transpose(1, 2))
