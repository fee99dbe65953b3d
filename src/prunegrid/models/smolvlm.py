"""SmolVLM (arXiv 2504.05299): Idefics3's shape, smaller."""

from typing import ClassVar

from prunegrid.models.idefics3 import Idefics3


class SmolVLM(Idefics3):
    """Idefics3, but for the packages of its processor."""

    # Its processor has a video part, which is built on torchvision and spells numbers.
    packages: ClassVar[tuple[str, ...]] = ("torchvision", "num2words")
