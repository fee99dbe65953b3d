"""The score of PyramidDrop's code: the attention of the layer about to run (arXiv 2410.17247)."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.stage import Stage


@dataclass(frozen=True, kw_only=True)
class AttentionOwn(Criterion):
    """Head-averaged attention of layer l itself from the last prompt token's row.

    Of its own queries and keys on what enters it, before the cut: so it can score before layer 0, too.
    """

    cost: ClassVar[str | None] = "own_last_row"

    def score(self, stage: Stage) -> Tensor:
        """Return the last row's attention, shape (batch, present tokens)."""
        return stage.own_attention_received(stage.last)
