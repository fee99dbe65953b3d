"""FastV's score: what the last prompt token looks at (arXiv 2403.06764)."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.stage import Stage


@dataclass(frozen=True, kw_only=True)
class AttentionLast(Criterion):
    """Head-averaged attention of layer l-1 from the last prompt token's row only."""

    first_layer: ClassVar[int] = 1
    cost: ClassVar[str | None] = "last_row"

    def score(self, stage: Stage) -> Tensor:
        """Return the last row's attention, shape (batch, present tokens)."""
        return stage.attention_received(stage.last)
