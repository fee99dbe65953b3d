"""phi_dp without its position bias."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.stage import Stage


@dataclass(frozen=True, kw_only=True)
class AttentionDeepMean(Criterion):
    """phi_dp(j) divided by the number of image rows still present at or after j."""

    first_layer: ClassVar[int] = 1
    cost: ClassVar[str | None] = "image_rows"

    def score(self, stage: Stage) -> Tensor:
        """Return the mean attention that j could receive, shape (batch, present tokens)."""
        at_or_after = stage.image.flip(1).cumsum(1).flip(1)
        return stage.attention_received(stage.image) / at_or_after.clamp_min(1)
