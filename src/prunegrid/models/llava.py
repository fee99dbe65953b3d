"""LLaVA-1.5 (arXiv 2310.03744): CLIP tower, projector, Llama decoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from prunegrid.models.base import Family, Features

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Llava(Family):
    """One picture a sample, all of one size."""

    def features(self, model: PreTrainedModel, pixels: list[dict[str, Tensor]]) -> list[Features]:
        """Run the vision tower and projector on all pictures at once."""
        together = {key: torch.cat([one[key] for one in pixels]) for key in pixels[0]}
        return [Features([image]) for image in self._encode(model, together).pooler_output]
