"""Qwen3-VL (arXiv 2511.21631): vision features are added to image tokens after the first layers too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from prunegrid.cost.qwen_vit import qwen_vit_flops
from prunegrid.models.qwen2_vl import Qwen2VL
from prunegrid.pruning.family import Features

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

    from prunegrid.pruning.deep_stack import DeepStack
    from prunegrid.pruning.patch_grid import Config, PatchGrid


class Qwen3VL(Qwen2VL):
    """Deep-stack features are handed over beside the image features; the engine adds those of kept tokens."""

    has_deep_stack: ClassVar[bool] = True

    def take_deep_stack(self, arguments: dict[str, Any]) -> DeepStack | None:
        """Take the features and their places out of the decoder's arguments."""
        from prunegrid.pruning.deep_stack import DeepStack

        places = arguments.pop("visual_pos_masks", None)
        features = arguments.pop("deepstack_visual_embeds", None)
        return None if features is None else DeepStack.at(places, features)

    def feature_inputs(
        self, model: PreTrainedModel, features: list[Features], input_ids: Tensor
    ) -> dict[str, Any]:
        """Return the features, those of deeper layers, grids and token types."""
        from transformers.models.qwen3_vl.modeling_qwen3_vl import BaseModelOutputWithDeepstackFeatures

        by_layer = zip(*(one.beside["deep"] for one in features), strict=True)
        # Typed as tensors, but the model takes lists of them.
        images: Any = [image for one in features for image in one.images]
        deep: Any = [[image for sample in layer for image in sample] for layer in by_layer]
        output = BaseModelOutputWithDeepstackFeatures(pooler_output=images, deepstack_features=deep)
        inputs = super().feature_inputs(model, features, input_ids)
        return {**inputs, "mm_encoder_outputs": {"image": output}}

    def vision_flops(self, config: Config, grid: PatchGrid) -> int:
        """Return the FLOPs of tower and mergers for one image."""
        vision = config["vision_config"]
        return qwen_vit_flops(
            vision,
            grid,
            width=vision["hidden_size"],
            ffn=vision["intermediate_size"],
            matrices=2,
            out=vision["out_hidden_size"],
            # Deep-stack features have mergers of their own.
            mergers=1 + len(vision["deepstack_visual_indexes"]),
        )

    def _features(self, model: PreTrainedModel, pixels: dict[str, Tensor]) -> Features:
        output = self._encode(model, pixels)
        beside = {"grid": pixels["image_grid_thw"], "deep": output.deepstack_features}
        return Features(list(output.pooler_output), beside)
