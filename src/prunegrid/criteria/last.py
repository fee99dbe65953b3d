"""Position only: the last n image tokens."""

from dataclasses import dataclass

from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.stage import Stage


@dataclass(frozen=True, kw_only=True)
class Last(Criterion):
    """Higher original numbers are kept."""

    def score(self, stage: Stage) -> Tensor:
        """Return the token's number, shape (batch, present tokens)."""
        return stage.numbers.float()
