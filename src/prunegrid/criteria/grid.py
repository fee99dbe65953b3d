"""Position only: evenly spaced image tokens."""

from dataclasses import dataclass

import torch
from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.stage import Stage


@dataclass(frozen=True, kw_only=True)
class EvenlySpaced(Criterion):
    """n of the m tokens still present, as evenly as whole numbers allow.

    The i-th token (0..m-1) is kept where floor(i n / m) steps up, which happens exactly n times.
    """

    def score(self, stage: Stage) -> Tensor:
        """Return 1 for the evenly spaced tokens and 0 for the others, shape (batch, present tokens)."""
        present = stage.image.sum(1, keepdim=True).clamp_min(1)
        keep = stage.n_keep[:, None]
        order = stage.image.cumsum(1) - 1
        steps = torch.div((order + 1) * keep, present, rounding_mode="floor") - torch.div(
            order * keep, present, rounding_mode="floor"
        )
        return steps.float()
