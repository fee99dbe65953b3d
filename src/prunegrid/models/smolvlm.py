"""SmolVLM (arXiv 2504.05299): Idefics3's shape, smaller."""

from dataclasses import dataclass
from typing import ClassVar

from prunegrid.models.idefics3 import Idefics3


@dataclass(frozen=True)
class SmolVLM(Idefics3):
    """Nothing differs from Idefics3."""

    # Its processor has a video part, which is built on torchvision and spells numbers.
    packages: ClassVar[tuple[str, ...]] = ("torchvision", "num2words")
