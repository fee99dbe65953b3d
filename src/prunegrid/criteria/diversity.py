"""DivPrune's rule: tokens as far apart from one another as can be (arXiv 2503.02175)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.greedy import greedy
from prunegrid.pruning.marked import Marked
from prunegrid.pruning.stage import Stage


@dataclass(frozen=True, kw_only=True)
class Diversity(Criterion):
    """Max-min diversity, greedily, over d(i, j) = 1 - cos(h_i, h_j), h the hidden states that enter layer l.

    The first token is the one whose nearest neighbour is farthest; then always the one whose nearest selected
    token is farthest. Before layer 0 hidden states are the projector's outputs, as in the paper
    (github.com/vbdi/divprune).
    """

    cost: ClassVar[str | None] = "cosines"

    def select(self, stage: Stage) -> Tensor:
        """Mark the tokens that stay, shape (batch, present tokens)."""
        image = Marked.of(stage.image, stage.most_marked(stage.image))
        units = image.units(stage.hidden)
        distances = 1 - units @ units.transpose(1, 2)
        own = torch.eye(distances.shape[1], dtype=torch.bool, device=distances.device)
        others = distances.masked_fill(own | ~image.valid[:, None], torch.inf).amin(2)
        nearest = [others]

        def take(best: Tensor) -> None:
            to_best = distances.gather(1, best[..., None].expand(-1, 1, distances.shape[2]))[:, 0]
            # Of the first token on, distances to selected tokens alone.
            nearest[0] = to_best if nearest[0] is others else nearest[0].minimum(to_best)

        marked = greedy(image.valid, stage.n_keep, max(stage.keep), lambda: nearest[0], take)
        return image.spread(marked, stage.image.shape[1])
