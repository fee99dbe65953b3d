"""InternVL3 (arXiv 2504.10479): InternViT tiles, Qwen2 or Llama decoder."""

from dataclasses import dataclass
from typing import ClassVar

from prunegrid.pruning.family import Family


@dataclass(frozen=True)
class InternVL(Family):
    """Tiles have one size."""

    one_tensor: ClassVar[bool] = True
    # Its processor has a video part, which is built on torchvision.
    packages: ClassVar[tuple[str, ...]] = ("torchvision",)
