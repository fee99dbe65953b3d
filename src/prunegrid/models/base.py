"""Where a model keeps what the engine needs; a family overrides what is elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from transformers.modeling_outputs import BaseModelOutputWithPooling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn
    from transformers import PretrainedConfig, PreTrainedModel

    from prunegrid.vision import Grid


@dataclass(frozen=True)
class Family:
    """The common shape of transformers' image-text-to-text models."""

    def layers(self, model: PreTrainedModel) -> nn.ModuleList:
        """Return the decoder layers."""
        return model.model.language_model.layers

    def attention(self, layer: nn.Module) -> nn.Module:
        """Return the self-attention module of a decoder layer."""
        return layer.self_attn

    def image_token_id(self, config: PretrainedConfig) -> int:
        """Return the id that stands for one image token in `input_ids`."""
        return config.image_token_id

    def features(self, model: PreTrainedModel, pixels: list[dict[str, Tensor]]) -> list[Tensor]:
        """Run the vision tower and projector.

        Parameters
        ----------
        model : PreTrainedModel
            The model.
        pixels : list of dict
            Per image what the processor returned besides token ids, each with a leading dimension of 1.

        Returns
        -------
        list of Tensor
            Per image (image tokens, hidden size), in the model's dtype.
        """
        device = model.get_input_embeddings().weight.device
        inputs = {key: torch.cat([one[key] for one in pixels]).to(device) for key in pixels[0]}
        inputs["pixel_values"] = inputs["pixel_values"].to(model.dtype)
        return list(model.get_image_features(**inputs, return_dict=True).pooler_output)

    def feature_inputs(self, features: list[Tensor]) -> dict[str, Any]:
        """Return the arguments that hand features to `generate` in place of pixels."""
        return {"mm_encoder_outputs": {"image": BaseModelOutputWithPooling(pooler_output=features)}}

    def grids(self, config: PretrainedConfig, pixels: Mapping[str, Tensor]) -> list[Grid]:
        """Return what the vision tower runs on, for the ledger.

        Parameters
        ----------
        config : PretrainedConfig
            The model's configuration.
        pixels : mapping
            What the processor returned for one sample besides token ids.

        Returns
        -------
        list of (int, int, int)
            Per image: tiles or frames, rows and columns of patches in each.
        """
        if "pixel_values" not in pixels:
            return []
        rows, columns = _patches(config.vision_config, *pixels["pixel_values"].shape[-2:])
        return [(1, rows, columns)] * len(pixels["pixel_values"])


def _patches(vision: PretrainedConfig, height: int, width: int) -> tuple[int, int]:
    size = vision.patch_size
    high, wide = (size, size) if isinstance(size, int) else size
    return height // high, width // wide
