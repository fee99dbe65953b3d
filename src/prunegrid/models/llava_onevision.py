"""LLaVA-OneVision (arXiv 2408.03326): SigLIP tiles, Qwen2 decoder."""

from typing import ClassVar

from prunegrid.models.llava import Llava


class LlavaOnevision(Llava):
    """As LLaVA-1.5 for each tile; newlines stand on image-token ids, so they are image tokens too."""

    one_tile: ClassVar[bool] = False
    # Its processor has a video part, which is built on torchvision.
    packages: ClassVar[tuple[str, ...]] = ("torchvision",)
