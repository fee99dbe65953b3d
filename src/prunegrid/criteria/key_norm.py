"""L2 norm of the token's key (arXiv 2406.11430 finds that tokens with low norms are attended to most)."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.stage import Stage


@dataclass(frozen=True, kw_only=True)
class KeyNorm(Criterion):
    """Norm of layer l-1's keys of all heads together.

    Rotary positions do not change it. Decoders that normalise keys (Qwen3, Gemma 3) leave it what the weights
    of that norm make of a key's direction.
    """

    cost: ClassVar[str | None] = "keys"
    first_layer: ClassVar[int] = 1

    def score(self, stage: Stage) -> Tensor:
        """Return norms, shape (batch, present tokens)."""
        norms: Tensor = stage.keys().flatten(2).float().norm(dim=-1)
        return norms
