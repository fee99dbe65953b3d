"""LLaVA-OneVision (arXiv 2408.03326): SigLIP tiles, Qwen2 decoder."""

from dataclasses import dataclass
from typing import ClassVar

from prunegrid.pruning.family import Family


@dataclass(frozen=True)
class LlavaOnevision(Family):
    """Nothing differs from the common shape: newlines stand on image-token ids, so they are in the pool."""

    # Its processor has a video part, which is built on torchvision.
    packages: ClassVar[tuple[str, ...]] = ("torchvision",)
