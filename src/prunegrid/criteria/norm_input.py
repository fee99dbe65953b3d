"""L2 norm of the embedding that enters the decoder."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.stage import Stage


@dataclass(frozen=True, kw_only=True)
class NormInput(Criterion):
    """Norm of the token's embedding entering layer 0: the plainest reading of "norm of token embeddings"."""

    cost: ClassVar[str | None] = "hidden"

    def score(self, stage: Stage) -> Tensor:
        """Return norms, shape (batch, present tokens)."""
        norms: Tensor = stage.embeddings().float().norm(dim=-1)
        return norms
