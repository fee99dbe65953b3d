"""Where a model keeps what the engine needs; a family overrides what is elsewhere."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from transformers.modeling_outputs import BaseModelOutputWithPooling

from prunegrid.plugins import Plugin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn
    from transformers import PretrainedConfig, PreTrainedModel

    from prunegrid.cost.vision import PatchGrid
    from prunegrid.pruning.deep_stack import DeepStack


@dataclass(frozen=True)
class Features:
    """What the decoder is given of one sample's images.

    Attributes
    ----------
    images : list of Tensor
        Per image or tile (image tokens, hidden size), in the model's dtype.
    beside : dict
        What else the family hands over, by name.
    """

    images: list[Tensor]
    beside: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Family(Plugin):
    """The common shape of transformers' image-text-to-text models.

    Class attributes
    ----------------
    has_deep_stack : bool
        The decoder adds features to image tokens after its first layers: see `take_deep_stack`.
    one_tensor : bool
        The model takes the features of all images as one tensor, not as a list.
    packages : tuple of str
        What its processor imports beyond the base installation; all are in the extra `families`.
    """

    has_deep_stack: ClassVar[bool] = False
    one_tensor: ClassVar[bool] = False
    packages: ClassVar[tuple[str, ...]] = ()

    def decoder(self, model: PreTrainedModel) -> nn.Module:
        """Return the module that runs the decoder layers."""
        return model.model.language_model

    def layers(self, model: PreTrainedModel) -> nn.ModuleList:
        """Return the decoder layers."""
        return self.decoder(model).layers

    def attention(self, layer: nn.Module) -> nn.Module:
        """Return the self-attention module of a decoder layer."""
        return layer.self_attn

    def image_token_id(self, config: PretrainedConfig) -> int:
        """Return the id that stands for one image token in `input_ids`."""
        return config.image_token_id

    def take_deep_stack(self, arguments: dict[str, Any]) -> DeepStack | None:
        """Take what the decoder would add to image tokens after its first layers out of its arguments.

        Parameters
        ----------
        arguments : dict
            The decoder's keyword arguments, changed in place.
        """
        return None

    def features(self, model: PreTrainedModel, pixels: list[dict[str, Tensor]]) -> list[Features]:
        """Run the vision tower and projector, one sample at a time: tiles and grids differ in shape.

        Parameters
        ----------
        model : PreTrainedModel
            The model.
        pixels : list of dict
            Per sample what the processor returned besides token ids and their mask.
        """
        return [self._features(model, one) for one in pixels]

    def feature_inputs(
        self, model: PreTrainedModel, features: list[Features], input_ids: Tensor
    ) -> dict[str, Any]:
        """Return the arguments that hand features to `generate` in place of pixels.

        Parameters
        ----------
        model : PreTrainedModel
            The model.
        features : list of Features
            Per batch row.
        input_ids : Tensor
            (batch, tokens), int64.
        """
        images = [image for one in features for image in one.images]
        output = BaseModelOutputWithPooling(pooler_output=torch.cat(images) if self.one_tensor else images)
        return {"mm_encoder_outputs": {"image": output}}

    def grids(self, config: PretrainedConfig, pixels: Mapping[str, Tensor]) -> list[PatchGrid]:
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
            Tiles or frames, rows and columns of patches in each, for what sees itself alone.
        """
        if "pixel_values" not in pixels:
            return []
        rows, columns = _patches(config.vision_config, *pixels["pixel_values"].shape[-2:])
        return [(prod(pixels["pixel_values"].shape[:-3]), rows, columns)]

    def _features(self, model: PreTrainedModel, pixels: dict[str, Tensor]) -> Features:
        return Features(list(self._encode(model, pixels).pooler_output))

    def _encode(self, model: PreTrainedModel, pixels: dict[str, Tensor]) -> Any:
        """Return the output of the vision tower and projector for one sample, or several of one shape."""
        device = model.get_input_embeddings().weight.device
        encode = model.base_model.get_image_features
        known = inspect.signature(encode).parameters
        inputs = {key: value.to(device) for key, value in pixels.items() if key in known}
        inputs["pixel_values"] = inputs["pixel_values"].to(model.dtype)
        return encode(**inputs, return_dict=True)


def _patches(vision: PretrainedConfig, height: int, width: int) -> tuple[int, int]:
    size = vision.patch_size
    high, wide = (size, size) if isinstance(size, int) else size
    return height // high, width // wide
