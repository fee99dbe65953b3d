"""LLaVA-NeXT (LLaVA-1.6): tiles of one picture, rows ended by a learned newline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from prunegrid.models.llava import Llava
from prunegrid.pruning.patch_grid import TokenGrid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor
    from transformers import PretrainedConfig, PreTrainedModel

    from prunegrid.pruning.patch_grid import PatchGrid


class LlavaNext(Llava):
    """As LLaVA-1.5 for each tile; newlines stand on image-token ids, so they are image tokens too."""

    one_tile: ClassVar[bool] = False

    def tiles(self, config: PretrainedConfig, pixels: Mapping[str, Tensor]) -> list[int]:
        """Return the tiles of every picture, the whole picture among them.

        Where pictures have unequally many tiles, the processor fills their pixels up with empty ones, which
        the tower does not run on.
        """
        from transformers.models.llava_next.modeling_llava_next import image_size_to_num_patches

        side = config.vision_config.image_size
        return [
            int(image_size_to_num_patches(size, config.image_grid_pinpoints, side))
            for size in pixels["image_sizes"]
        ]

    def token_maps(
        self, model: PreTrainedModel, patches: Tensor, pixels: Mapping[str, Any]
    ) -> Sequence[Tensor]:
        """Return maps packed as features are: padding left out, ends of rows put in, as 0."""
        return self.projector_inputs(model, self.selected(model, patches), pixels)

    def projector_inputs(
        self, model: PreTrainedModel, inputs: Tensor, pixels: Mapping[str, Any]
    ) -> Sequence[Tensor]:
        """Return what the projector was given, packed in the same way."""
        inner: Any = model.base_model
        tiles = inputs.split(self.tiles(model.config, pixels))
        newline = inputs.new_zeros(inputs.shape[-1])
        found, _ = inner.pack_image_features(
            tiles, pixels["image_sizes"], image_newline=newline, **self.packing(model.config)
        )
        return cast("Sequence[Tensor]", found)

    def token_grids(self, model: PreTrainedModel, pixels: Mapping[str, Any], n_tiles: int) -> list[TokenGrid]:
        """Return of each picture the whole of it, then its tiles side by side, whose rows have ends.

        Of one tile there is the whole picture, and one end behind it.
        """
        import torch

        inner: Any = model.base_model
        rows, columns = self.tile_grid(model.config.to_dict())
        tiles = self.tiles(model.config, pixels)
        blank = torch.zeros(sum(tiles), rows * columns, 1).split(tiles)
        # What is packed shows which tokens are ends.
        packed, _ = inner.pack_image_features(
            blank, pixels["image_sizes"].cpu(), image_newline=torch.ones(1), **self.packing(model.config)
        )
        found = []
        for picture in packed:
            beside = picture[rows * columns :, 0]
            ends = int(beside.sum())
            width = len(beside) // ends
            found += [TokenGrid(rows, columns), TokenGrid(ends, width, width > 1)]
        return found

    def packing(self, config: PretrainedConfig) -> dict[str, Any]:
        """Return further arguments of the model's `pack_image_features`."""
        return {"vision_feature_select_strategy": config.vision_feature_select_strategy}

    def batch_grids(self, config: PretrainedConfig, inputs: Mapping[str, Any]) -> list[PatchGrid]:
        """Return what the vision tower runs on for all pictures of a batch, one after the other."""
        return [] if inputs.get("pixel_values") is None else self.grids(config, inputs)
