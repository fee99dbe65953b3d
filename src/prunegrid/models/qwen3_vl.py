"""Qwen3-VL (arXiv 2511.21631): vision features are added to image tokens after the first layers too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from transformers.models.qwen3_vl.modeling_qwen3_vl import BaseModelOutputWithDeepstackFeatures

from prunegrid.models.qwen2_vl import Qwen2VL
from prunegrid.pruning.deep_stack import DeepStack
from prunegrid.pruning.family import Features

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Qwen3VL(Qwen2VL):
    """Deep-stack features go with the features, and are added by the engine where tokens are dropped."""

    has_deep_stack: ClassVar[bool] = True

    def take_deep_stack(self, arguments: dict[str, Any]) -> DeepStack | None:
        """Take the features and their places out of the decoder's arguments."""
        places = arguments.pop("visual_pos_masks", None)
        features = arguments.pop("deepstack_visual_embeds", None)
        return None if features is None else DeepStack.at(places, features)

    def feature_inputs(
        self, model: PreTrainedModel, features: list[Features], input_ids: Tensor
    ) -> dict[str, Any]:
        """Return the features, those of deeper layers, grids and token types."""
        by_layer = zip(*(one.beside["deep"] for one in features), strict=True)
        output = BaseModelOutputWithDeepstackFeatures(
            pooler_output=[image for one in features for image in one.images],
            deepstack_features=[[image for sample in layer for image in sample] for layer in by_layer],
        )
        inputs = super().feature_inputs(model, features, input_ids)
        return {**inputs, "mm_encoder_outputs": {"image": output}}

    def _features(self, model: PreTrainedModel, pixels: dict[str, Tensor]) -> Features:
        output = self._encode(model, pixels)
        beside = {"grid": pixels["image_grid_thw"], "deep": output.deepstack_features}
        return Features(list(output.pooler_output), beside)
