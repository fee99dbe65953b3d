"""Uniform random order: what any score has to beat."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.stage import Stage
from prunegrid.pruning.transfer import to_device
from prunegrid.randomness import named_seed


@dataclass(frozen=True, kw_only=True)
class RandomOrder(Criterion):
    """A fresh uniform score per (seed, sample id, layer), whatever the batch and the order of samples."""

    stochastic: ClassVar[bool] = True

    def score(self, stage: Stage) -> Tensor:
        """Return uniform numbers, shape (batch, present tokens)."""
        rows = []
        for sample_id in stage.sample_ids:
            generator = torch.Generator().manual_seed(
                named_seed("random criterion", stage.seed, sample_id, stage.layer)
            )
            # Drawn for every original token, so that a score does not depend on what was dropped before.
            rows.append(torch.rand(max(1, stage.most_image_tokens), generator=generator))
        scores = to_device(torch.stack(rows), stage.hidden.device)
        return scores.gather(1, stage.numbers.clamp_min(0))
