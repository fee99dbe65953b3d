"""LLaVA-1.5 (arXiv 2310.03744): CLIP tower, projector, Llama decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from prunegrid.cost.vit import has_class_token, pooling_head_flops, vit_flops
from prunegrid.pruning.family import Family
from prunegrid.pruning.patch_grid import default_grid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn
    from transformers import PreTrainedModel

    from prunegrid.pruning.patch_grid import Config, PatchGrid


class Llava(Family):
    """Every picture is one tile, every patch one token; the tower is CLIP or SigLIP."""

    one_tile: ClassVar[bool] = True

    def vision_flops(self, config: Config, grid: PatchGrid) -> int:
        """Return the FLOPs of tower and projector for one image."""
        vision, width = config["vision_config"], config["text_config"]["hidden_size"]
        tiles, rows, columns = grid
        class_token = has_class_token(vision)
        features = self.projector_width(config)
        whole = class_token and config["vision_feature_select_strategy"] == "full"
        projected = tiles * (rows * columns + whole)
        tower = vit_flops(vision, grid, class_token=class_token) + pooling_head_flops(vision, grid)
        projector: int = 2 * projected * (features * width + width**2)
        return tower + projector

    def projector(self, model: PreTrainedModel) -> nn.Module:
        """Return the projector."""
        return cast("nn.Module", cast("Any", model.base_model).multi_modal_projector)

    def projector_width(self, config: Config) -> int:
        """Return the width of a patch, for each of the layers that are joined."""
        layers = config["vision_feature_layer"]
        joined = len(layers) if isinstance(layers, list | tuple) else 1
        return int(config["vision_config"]["hidden_size"]) * joined

    def has_class_token(self, config: Config) -> bool:
        """Return whether the tower is CLIP's."""
        return has_class_token(config["vision_config"])

    def token_maps(
        self, model: PreTrainedModel, patches: Tensor, pixels: Mapping[str, Any]
    ) -> Sequence[Tensor]:
        """Return maps over tokens: patches are tokens."""
        return list(self.selected(model, patches))

    def selected(self, model: PreTrainedModel, patches: Tensor) -> Tensor:
        """Return maps over what the projector is given of each tile: its patches, maybe its class token."""
        from torch.nn.functional import pad

        first_left_out = model.config.vision_feature_select_strategy == "default"
        if self.has_class_token(model.config.to_dict()):
            return patches if first_left_out else pad(patches, (0, 0, 1, 0))
        # Of a tower without a class token it is the first patch that is left out.
        return patches[:, 1:] if first_left_out else patches

    def tile_tokens(self, config: Config) -> int:
        """Return the image tokens of one tile."""
        _, rows, columns = default_grid(config)
        first_left_out = bool(config["vision_feature_select_strategy"] == "default")
        return rows * columns + has_class_token(config["vision_config"]) - first_left_out
