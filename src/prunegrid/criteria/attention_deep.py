"""phi_dp of HiMAP: how much the other image tokens look at a token (arXiv 2503.13108)."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.stage import Stage


@dataclass(frozen=True, kw_only=True)
class AttentionDeep(Criterion):
    """phi_dp(j): head-averaged attention of layer l-1 to j, summed over the image rows still present.

    Causal and unnormalised, so it favours early tokens; `attention_deep_mean` controls for that.
    """

    first_layer: ClassVar[int] = 1
    cost: ClassVar[str | None] = "image_rows"

    def score(self, stage: Stage) -> Tensor:
        """Return phi_dp, shape (batch, present tokens)."""
        return stage.attention_received(stage.image)
