"""Idefics3 (arXiv 2408.12637): SigLIP tiles between row and column tokens, Llama decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from prunegrid.cost.vit import vit_flops
from prunegrid.pruning.family import Family
from prunegrid.pruning.patch_grid import default_grid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn
    from transformers import PreTrainedModel

    from prunegrid.pruning.patch_grid import Config, PatchGrid


class Idefics3(Family):
    """The decoder is the module `text_model`; s x s patches become one token."""

    def decoder(self, model: PreTrainedModel) -> nn.Module:
        """Return the module that runs the decoder layers."""
        decoder: nn.Module = model.model.text_model
        return decoder

    def vision_flops(self, config: Config, grid: PatchGrid) -> int:
        """Return the FLOPs of tower and projector for one image."""
        vision, width = config["vision_config"], config["text_config"]["hidden_size"]
        # A token is s x s times as wide as a patch: the projector's product is the same without s.
        patches = grid[0] * grid[1] * grid[2]
        projector: int = 2 * patches * vision["hidden_size"] * width
        return vit_flops(vision, grid, class_token=False) + projector

    def tile_tokens(self, config: Config) -> int:
        """Return the image tokens of one tile."""
        _, rows, columns = default_grid(config)
        return rows * columns // int(config["scale_factor"]) ** 2

    def tower_layers(self, model: PreTrainedModel) -> nn.ModuleList:
        """Return the layers of the vision tower."""
        inner: Any = model.base_model
        return cast("nn.ModuleList", inner.vision_model.encoder.layers)

    def token_maps(
        self, model: PreTrainedModel, patches: Tensor, pixels: Mapping[str, Any]
    ) -> Sequence[Tensor]:
        """Return maps averaged over the s x s patches that the connector joins."""
        import torch

        inner: Any = model.base_model
        numbers = torch.arange(patches.shape[1], device=patches.device)[None, :, None]
        of_token = inner.connector.pixel_shuffle(numbers, inner.connector.scale_factor)[0]
        return list(patches[:, of_token].mean(2))
