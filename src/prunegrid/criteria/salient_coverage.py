"""SCOPE's rule: tokens that attention marks, and that cover the others (arXiv 2510.24214)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.greedy import greedy
from prunegrid.pruning.marked import Marked
from prunegrid.pruning.stage import Stage
from prunegrid.pruning.vision_maps import VisionMap


@dataclass(frozen=True, kw_only=True)
class SalientCoverage(Criterion):
    """Always the token j with the largest sum_i max(0, cos(v_i, v_j) - c_i) x a_j^alpha.

    v is the output of the tower's layer, a the class token's attention there, mean of the heads (the
    authors' code, github.com/kinredon/SCOPE, sums them: the order is the same), i an image token present, and
    c_i the largest cosine of v_i with a selected token, at least 0.

    Parameters
    ----------
    tower_layer : int
        Layer of the tower; SCOPE's is the penultimate.
    alpha : float
        1; 0 covers without attention.
    """

    cost: ClassVar[str | None] = "cls_row+tower_cosines"
    needs_class_token: ClassVar[bool] = True

    tower_layer: int = -2
    alpha: float = 1.0

    def vision_maps(self) -> tuple[VisionMap, ...]:
        """Return the class token's attention and the features."""
        return VisionMap("cls_attention", self.tower_layer), VisionMap("features", self.tower_layer)

    def select(self, stage: Stage) -> Tensor:
        """Mark the tokens that stay, shape (batch, present tokens)."""
        image = Marked.of(stage.image, stage.most_marked(stage.image))
        attention = stage.vision("cls_attention", self.tower_layer).gather(1, image.index) ** self.alpha
        units = image.units(stage.vision("features", self.tower_layer))
        cosines = units @ units.transpose(1, 2)
        covered = [torch.zeros_like(attention)]

        def gains() -> Tensor:
            return (cosines - covered[0][..., None]).clamp_min(0).sum(1) * attention

        def take(best: Tensor) -> None:
            to_best = cosines.gather(1, best[..., None].expand(-1, 1, cosines.shape[2]))[:, 0]
            covered[0] = covered[0].maximum(to_best)

        marked = greedy(image.valid, stage.n_keep, max(stage.keep), gains, take)
        return image.spread(marked, stage.image.shape[1])
