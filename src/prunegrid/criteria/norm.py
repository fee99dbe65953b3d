"""L2 norm of the hidden state."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.stage import Stage


@dataclass(frozen=True, kw_only=True)
class Norm(Criterion):
    """Norm of the token's hidden state entering layer l."""

    cost: ClassVar[str | None] = "hidden"

    def score(self, stage: Stage) -> Tensor:
        """Return norms, shape (batch, present tokens)."""
        norms: Tensor = stage.hidden.float().norm(dim=-1)
        return norms
