"""SmolVLM (arXiv 2504.05299): Idefics3's shape, smaller."""

from dataclasses import dataclass

from prunegrid.models.idefics3 import Idefics3


@dataclass(frozen=True)
class SmolVLM(Idefics3):
    """Nothing differs from Idefics3."""
