"""phi_sh of HiMAP: how much the instruction looks at a token (arXiv 2503.13108)."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.stage import Stage


@dataclass(frozen=True, kw_only=True)
class AttentionShallow(Criterion):
    """phi_sh(j): head-averaged attention of layer l-1 to j, summed over all text rows after the image."""

    first_layer: ClassVar[int] = 1
    cost: ClassVar[str | None] = "text_rows"

    def score(self, stage: Stage) -> Tensor:
        """Return phi_sh, shape (batch, present tokens)."""
        return stage.attention_received(stage.text_after)
