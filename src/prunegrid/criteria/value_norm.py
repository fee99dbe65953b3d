"""L2 norm of the token's value: how much there is to read where a token is attended to."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.stage import Stage


@dataclass(frozen=True, kw_only=True)
class ValueNorm(Criterion):
    """Norm of layer l-1's values of all heads together."""

    cost: ClassVar[str | None] = "keys"
    first_layer: ClassVar[int] = 1

    def score(self, stage: Stage) -> Tensor:
        """Return norms, shape (batch, present tokens)."""
        norms: Tensor = stage.values().flatten(2).float().norm(dim=-1)
        return norms
