"""Idefics3 (arXiv 2408.12637): SigLIP tiles between row and column tokens, Llama decoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunegrid.pruning.family import Family

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Idefics3(Family):
    """The decoder has another name."""

    def decoder(self, model: PreTrainedModel) -> nn.Module:
        """Return the module that runs the decoder layers."""
        return model.model.text_model
