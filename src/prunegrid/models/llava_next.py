"""LLaVA-NeXT (LLaVA-1.6): tiles of one picture, rows ended by a learned newline."""

from dataclasses import dataclass

from prunegrid.pruning.family import Family


@dataclass(frozen=True)
class LlavaNext(Family):
    """Nothing differs from the common shape: newlines stand on image-token ids, so they are in the pool."""
