"""LLaVA-OneVision (arXiv 2408.03326): SigLIP tiles, Qwen2 decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from prunegrid.models.llava_next import LlavaNext

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor
    from transformers import PretrainedConfig


class LlavaOnevision(LlavaNext):
    """As LLaVA-NeXT, but of several pictures in one prompt each is one tile."""

    # Its processor has a video part, which is built on torchvision.
    packages: ClassVar[tuple[str, ...]] = ("torchvision",)

    def tiles(self, config: PretrainedConfig, pixels: Mapping[str, Tensor]) -> list[int]:
        """Return the tiles of every picture, the whole picture among them."""
        alone = super().tiles(config, pixels)
        per_sample = pixels.get("batch_num_images")
        if per_sample is None:
            return alone
        several = [int(n) > 1 for n in per_sample for _ in range(int(n))]
        return [1 if one_of_several else n for n, one_of_several in zip(alone, several, strict=True)]

    def packing(self, config: PretrainedConfig) -> dict[str, Any]:
        """Return further arguments of the model's `pack_image_features`."""
        return {"vision_aspect_ratio": config.vision_aspect_ratio}
