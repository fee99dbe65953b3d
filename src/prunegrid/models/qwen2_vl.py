"""Qwen2-VL (arXiv 2409.12191): any picture size, rotary positions in three dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from prunegrid.pruning.family import Family, Features

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor
    from transformers import PretrainedConfig, PreTrainedModel

    from prunegrid.cost.vision import PatchGrid


@dataclass(frozen=True)
class Qwen2VL(Family):
    """Positions come from the pictures' grids and from token types."""

    # Its processor has a video part, which is built on torchvision.
    packages: ClassVar[tuple[str, ...]] = ("torchvision",)

    def feature_inputs(
        self, model: PreTrainedModel, features: list[Features], input_ids: Tensor
    ) -> dict[str, Any]:
        """Return the features, grids and token types."""
        return {
            **super().feature_inputs(model, features, input_ids),
            "image_grid_thw": torch.cat([one.beside["grid"] for one in features]).to(input_ids.device),
            "mm_token_type_ids": (input_ids == self.image_token_id(model.config)).int(),
        }

    def grids(self, config: PretrainedConfig, pixels: Mapping[str, Tensor]) -> list[PatchGrid]:
        """Return the frames, rows and columns of patches of every picture."""
        return [tuple(grid) for grid in pixels["image_grid_thw"].tolist()] if pixels else []

    def _features(self, model: PreTrainedModel, pixels: dict[str, Tensor]) -> Features:
        found = super()._features(model, pixels)
        return Features(found.images, {"grid": pixels["image_grid_thw"]})
