"""Base class of model families: the modules that the engine hooks, image features, FLOPs of vision towers.

Plans and jobs that score read families, too, so this file and those in `models/` import torch and
transformers inside the methods that need them.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from math import isqrt, prod
from typing import TYPE_CHECKING, Any, ClassVar, cast

from prunegrid.errors import PruningError
from prunegrid.plugins import Plugin
from prunegrid.pruning.patch_grid import TokenGrid, default_grid, pair

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn
    from transformers import PretrainedConfig, PreTrainedModel

    from prunegrid.pruning.deep_stack import DeepStack
    from prunegrid.pruning.patch_grid import Config, PatchGrid
    from prunegrid.pruning.vision_maps import VisionMap


@dataclass(frozen=True)
class Features:
    """What the decoder is given of one sample's images.

    Attributes
    ----------
    images : list of Tensor
        Per image or tile (image tokens, hidden size), in the model's dtype.
    beside : dict
        What else the family hands over, by name.
    vision : dict
        Name of a vision map -> Tensor (image tokens of all images, ...), float32, for the criteria in use.
    """

    images: list[Tensor]
    beside: dict[str, Any] = field(default_factory=dict)
    vision: dict[str, Tensor] = field(default_factory=dict)


class Family(Plugin, ABC):
    """The common shape of transformers' image-text-to-text models; a family overrides what is elsewhere.

    Every family gives `vision_flops` and `tile_tokens`.

    Class attributes
    ----------------
    has_deep_stack : bool
        The decoder adds features to image tokens after its first layers: see `take_deep_stack`.
    multimodal_positions : bool
        Image tokens have positions in three dimensions, which say where in the picture they are: tokens that
        stay keep them, whatever a strategy's `positions`.
    one_tensor : bool
        The model takes the features of all images as one tensor, not as a list.
    one_tile : bool
        Every picture is one tile of the tower's own size, hence as many image tokens as any other.
    own_size : bool
        The tower takes pictures at their own size: smaller ones become fewer image tokens.
    packages : tuple of str
        What its processor imports beyond the base installation; all are in the extra `families`.
    """

    has_deep_stack: ClassVar[bool] = False
    multimodal_positions: ClassVar[bool] = False
    one_tensor: ClassVar[bool] = False
    one_tile: ClassVar[bool] = False
    own_size: ClassVar[bool] = False
    packages: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def vision_flops(self, config: Config, grid: PatchGrid) -> int:
        """Return the FLOPs of vision tower and projector for one image.

        Counted as the ledger counts: 2 per multiply-accumulate, matrix products and convolutions only.

        Parameters
        ----------
        config : mapping
            The model's whole configuration, as `model.config.to_dict()` gives it.
        grid : (int, int, int)
            Tiles or frames, rows and columns of patches.
        """

    @abstractmethod
    def tile_tokens(self, config: Config) -> int | None:
        """Return the image tokens of one tile, None where the tower takes pictures at their own size.

        Parameters
        ----------
        config : mapping
            The model's whole configuration.
        """

    def decoder(self, model: PreTrainedModel) -> nn.Module:
        """Return the module that runs the decoder layers."""
        decoder: nn.Module = model.model.language_model
        return decoder

    def layers(self, model: PreTrainedModel) -> nn.ModuleList:
        """Return the decoder layers."""
        return cast("nn.ModuleList", self.decoder(model).layers)

    def attention(self, layer: nn.Module) -> nn.Module:
        """Return the self-attention module of a decoder layer."""
        return cast("nn.Module", layer.self_attn)

    def image_token_id(self, config: PretrainedConfig) -> int:
        """Return the id that stands for one image token in `input_ids`."""
        return int(config.image_token_id)

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

    def vision(
        self, model: PreTrainedModel, maps: Mapping[VisionMap, Tensor], pixels: Mapping[str, Any]
    ) -> dict[str, Tensor]:
        """Return maps over the image tokens of all pictures, in the order of the prompt.

        Parameters
        ----------
        model : PreTrainedModel
            The model.
        maps : mapping
            What `prunegrid.pruning.tower.TowerWatch` noted: (sequences, patches, ...).
        pixels : mapping
            The tower's inputs, as the processor returned them.

        Returns
        -------
        dict
            Name of the map -> Tensor (image tokens, ...), float32.
        """
        import torch

        found = {}
        for one, patches in maps.items():
            flat = patches.reshape(*patches.shape[:2], -1)
            over_tokens = self.projector_inputs if one.kind == "projector_inputs" else self.token_maps
            tokens = torch.cat(list(over_tokens(model, flat, pixels)))
            found[one.name] = tokens.reshape(len(tokens), *patches.shape[2:])
        return found

    def token_maps(
        self, model: PreTrainedModel, patches: Tensor, pixels: Mapping[str, Any]
    ) -> Sequence[Tensor]:
        """Return maps over image tokens, of maps over patches.

        Parameters
        ----------
        model : PreTrainedModel
            The model.
        patches : Tensor
            (sequences, patches, maps), float32: in the tower's order, class tokens left out.
        pixels : mapping
            The tower's inputs.

        Returns
        -------
        sequence of Tensor
            Per picture or tile (image tokens, maps), as its features come: the mean of a token's patches, 0
            for tokens without any.

        Raises
        ------
        PruningError
            If the family does not say.
        """
        raise PruningError(
            f"the family of {model.config.model_type!r} does not say which patches make an image token "
            "(token_maps): what reads the vision tower cannot be used with it"
        )

    def tile_grid(self, config: Config) -> tuple[int, int]:
        """Return how many rows and columns of image tokens a tile has.

        Parameters
        ----------
        config : mapping
            The model's whole configuration.

        Raises
        ------
        PruningError
            If its tokens are no grid of s x s patches each: one stands beside the patches, or is missing.
        """
        tokens = self.tile_tokens(config)
        _, rows, columns = default_grid(config)
        side = isqrt(rows * columns // tokens) if tokens else 0
        if not tokens or not side or rows % side or columns % side or rows * columns != side**2 * tokens:
            raise PruningError(
                f"{config['model_type']!r} makes {tokens} image tokens of {rows} x {columns} patches: they "
                "are no grid, which is asked for (grid@-1)"
            )
        return rows // side, columns // side

    def check_grid(self, config: Config) -> None:
        """Refuse a model whose image tokens are known to stand in no grid; arguments as of `tile_grid`."""
        self.tile_grid(config)

    def token_grids(self, model: PreTrainedModel, pixels: Mapping[str, Any], n_tiles: int) -> list[TokenGrid]:
        """Return the grids in which the image tokens of all pictures stand, in the order of the prompt.

        Parameters
        ----------
        model : PreTrainedModel
            The model.
        pixels : mapping
            The tower's inputs, as the processor returned them.
        n_tiles : int
            Sequences that the tower ran on: tiles, without those that fill up a batch.

        Raises
        ------
        PruningError
            See `tile_grid`.
        """
        return [TokenGrid(*self.tile_grid(model.config.to_dict()))] * n_tiles

    def token_side(self, config: Config) -> int:
        """Return how many pixels high and wide an image token is, where pictures are taken at their own size.

        Parameters
        ----------
        config : mapping
            The model's whole configuration.

        Raises
        ------
        PruningError
            If they are not, or the family does not say.
        """
        raise PruningError(
            f"{config['model_type']!r} brings every picture to sizes of its own: a smaller one becomes no "
            "fewer image tokens"
        )

    def projector(self, model: PreTrainedModel) -> nn.Module:
        """Return the module that makes image tokens of what the tower gives, each token for itself.

        Raises
        ------
        PruningError
            If the family does not say.
        """
        raise PruningError(
            f"the family of {model.config.model_type!r} does not say which module projects image tokens one "
            "by one (projector): what joins them before it cannot be used with it"
        )

    def projector_width(self, config: Config) -> int:
        """Return how wide the projector's input is, whose two layers are as wide as the decoder.

        Raises
        ------
        PruningError
            If the family does not say.
        """
        raise PruningError(
            f"the family of {config['model_type']!r} does not say how wide the input of its projector is "
            "(projector_width)"
        )

    def projector_inputs(
        self, model: PreTrainedModel, inputs: Tensor, pixels: Mapping[str, Any]
    ) -> Sequence[Tensor]:
        """Return what the projector was given, over image tokens.

        Parameters
        ----------
        model : PreTrainedModel
            The model.
        inputs : Tensor
            (tiles, tokens of a tile, width), float32.
        pixels : mapping
            The tower's inputs.

        Returns
        -------
        sequence of Tensor
            Per picture or tile (image tokens, width), as its features come; 0 for tokens without patches.
        """
        return list(inputs)

    def tower_layers(self, model: PreTrainedModel) -> nn.ModuleList:
        """Return the layers of the vision tower."""
        return cast("nn.ModuleList", cast("Any", model.base_model).vision_tower.encoder.layers)

    def tower_attention(self, layer: nn.Module) -> nn.Module:
        """Return the self-attention module of a layer of the vision tower."""
        return cast("nn.Module", layer.self_attn)

    def tower_seen(self, config: Config, grid: PatchGrid, layer: int) -> int:
        """Return the sum over patches of the keys that each attends to in a layer of the tower.

        Parameters
        ----------
        config : mapping
            The model's whole configuration.
        grid : (int, int, int)
            Tiles or frames, rows and columns of patches in each.
        layer : int
            Of the tower's layers; negative ones count from the end.
        """
        tiles, rows, columns = grid
        return tiles * rows * columns * (rows * columns + self.has_class_token(config))

    def has_class_token(self, config: Config) -> bool:
        """Return whether the tower has a token beside the patches of a tile, the first.

        Parameters
        ----------
        config : mapping
            The model's whole configuration.
        """
        return False

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
        import torch
        from transformers.modeling_outputs import BaseModelOutputWithPooling

        images = [image for one in features for image in one.images]
        # Typed as a tensor, but models whose images differ in shape take a list.
        features_of_all: Any = torch.cat(images) if self.one_tensor else images
        output = BaseModelOutputWithPooling(pooler_output=features_of_all)
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
            Tiles or frames, rows and columns of patches in each, for what sees itself alone: one for each
            picture, or one for all tiles of a sample where the processor does not tell whose they are.
        """
        if "pixel_values" not in pixels:
            return []
        height, width = pixels["pixel_values"].shape[-2:]
        high, wide = pair(config.vision_config.patch_size)
        return [(tiles, height // high, width // wide) for tiles in self.tiles(config, pixels)]

    def tiles(self, config: PretrainedConfig, pixels: Mapping[str, Tensor]) -> list[int]:
        """Return the tiles of every picture, or of a sample where the processor does not tell whose they are.

        Parameters
        ----------
        config, pixels : PretrainedConfig, mapping
            As of `grids`.
        """
        found = prod(pixels["pixel_values"].shape[:-3])
        return [1] * found if self.one_tile else [found]

    def batch_grids(self, config: PretrainedConfig, inputs: Mapping[str, Any]) -> list[PatchGrid]:
        """Return what the vision tower runs on for all pictures of a batch, one after the other.

        Parameters
        ----------
        config : PretrainedConfig
            The model's configuration.
        inputs : mapping
            The model's arguments; without pixels there are no pictures.
        """
        pixels = inputs.get("pixel_values")
        if pixels is None:
            return []
        pictures = (pixels[at : at + 1] for at in range(len(pixels)))
        return [grid for one in pictures for grid in self.grids(config, {"pixel_values": one})]

    def image_tokens(self, config: Config) -> int:
        """Return the image tokens of one picture, where every picture has as many.

        Parameters
        ----------
        config : mapping
            The model's whole configuration.

        Raises
        ------
        PruningError
            If they depend on the picture: it is cut into tiles, or taken at its own size.
        """
        tile = self.tile_tokens(config)
        if not self.one_tile or tile is None:
            hint = "" if tile is None else f" ({tile} a tile)"
            raise PruningError(
                f"image tokens of a {config['model_type']!r} model depend on the picture{hint}: "
                "give image_tokens"
            )
        return tile

    def assumed_grids(self, config: Config, image_tokens: int) -> list[PatchGrid]:
        """Return grids of patches that give about so many image tokens: those of whole tiles.

        Parameters
        ----------
        config : mapping
            The model's whole configuration.
        image_tokens : int
            N, image tokens of the prompt.
        """
        per_tile = self.tile_tokens(config)
        if per_tile is None:
            raise PruningError(
                f"{config['model_type']!r} takes pictures at their own size: its family must say which grids "
                f"give {image_tokens} image tokens (assumed_grids)"
            )
        # Newlines and unpadding make a sample's tokens a little more or less than its tiles'.
        tiles = max(1, round(image_tokens / per_tile))
        return [(tiles, *default_grid(config)[1:])]

    def _features(self, model: PreTrainedModel, pixels: dict[str, Tensor]) -> Features:
        return Features(list(self._encode(model, pixels).pooler_output))

    def _encode(self, model: PreTrainedModel, pixels: dict[str, Tensor]) -> Any:
        """Return the output of the vision tower and projector for one sample, or several of one shape."""
        device = cast("nn.Embedding", model.get_input_embeddings()).weight.device
        encode: Any = model.base_model.get_image_features
        known = inspect.signature(encode).parameters
        inputs = {key: value.to(device) for key, value in pixels.items() if key in known}
        inputs["pixel_values"] = inputs["pixel_values"].to(model.dtype)
        return encode(**inputs, return_dict=True)
