"""PACT's score: attention of the mean image query, weighted by the hidden state's norm (arXiv 2504.08966)."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.stage import Stage


@dataclass(frozen=True, kw_only=True)
class Pact(Criterion):
    """mean_h softmax_j(q_h . k_hj x scaling) x norm of h_j, q_h the mean query of the image tokens present.

    Queries and keys are of layer l-1, with rotary positions, the softmax is over image tokens, h enters
    layer l. The authors' code (github.com/orailix/PACT) takes layer l's own, before rotary positions. What
    the paper does with what is left, density clustering, is not part of it.
    """

    cost: ClassVar[str | None] = "mean_query+hidden"
    first_layer: ClassVar[int] = 1

    def score(self, stage: Stage) -> Tensor:
        """Return weighted attention, shape (batch, present tokens)."""
        weighted: Tensor = stage.mean_query_attention() * stage.hidden.float().norm(dim=-1)
        return weighted
