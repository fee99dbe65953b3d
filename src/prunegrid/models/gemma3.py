"""Gemma 3 (arXiv 2503.19786): SigLIP, sliding and full attention, image tokens see each other both ways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from prunegrid.pruning.family import Family

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

    from prunegrid.pruning.family import Features


@dataclass(frozen=True)
class Gemma3(Family):
    """Token types tell the masks which tokens see each other both ways."""

    one_tensor: ClassVar[bool] = True

    def feature_inputs(
        self, model: PreTrainedModel, features: list[Features], input_ids: Tensor
    ) -> dict[str, Any]:
        """Return the features and the token types."""
        types = (input_ids == self.image_token_id(model.config)).long()
        return {**super().feature_inputs(model, features, input_ids), "token_type_ids": types}
