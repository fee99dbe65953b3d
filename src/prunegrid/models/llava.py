"""LLaVA-1.5 (arXiv 2310.03744): CLIP tower, projector, Llama decoder."""

from dataclasses import dataclass

from prunegrid.pruning.family import Family


@dataclass(frozen=True)
class Llava(Family):
    """Nothing differs from the common shape."""
