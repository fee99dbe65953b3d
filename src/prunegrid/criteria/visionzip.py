"""VisionZip's rule: dominant tokens, and contextual ones that gather the rest (arXiv 2412.04467)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.highest import highest, unless_nan
from prunegrid.pruning.marked import Marked
from prunegrid.pruning.spacing import every_nth
from prunegrid.pruning.stage import Stage
from prunegrid.pruning.vision_maps import VisionMap


@dataclass(frozen=True, kw_only=True)
class VisionZip(Criterion):
    """The n - c tokens with the highest [CLS] attention, and of the R others every floor(R/c)-th, c of them.

    `merge: weighted` is the paper's: with m the head mean of a token's key, each dropped token goes to the
    contextual token with the highest cos(m), and that becomes x + mean of those that go to it. x are what the
    projector is given, before layer 0, as in the authors' code (github.com/dvlab-research/VisionZip,
    `clip_encoder.py`), or the hidden states that enter layer l. The authors keep the class token as one of n.

    Parameters
    ----------
    tower_layer : int
        Layer of the tower, whose attention and keys are read; the paper's is the penultimate.
    contextual : float
        Share of n that is contextual, c = floor(share x n): 5/32 are the paper's 10 of 64, 20 of 128 and 30
        of 192.
    before_projector : bool
        Whether tokens are joined before the projector, where the cut is before layer 0.
    """

    cost: ClassVar[str | None] = "cls_row"
    merge_cost: ClassVar[str | None] = "mean_keys"
    needs_class_token: ClassVar[bool] = True

    tower_layer: int = -2
    contextual: float = 0.15625
    before_projector: bool = True

    def vision_maps(self) -> tuple[VisionMap, ...]:
        """Return the class token's attention, keys, and what is joined."""
        read = VisionMap("cls_attention", self.tower_layer), VisionMap("keys", self.tower_layer)
        return (*read, VisionMap("projector_inputs", -1)) if self.before_projector else read

    @property
    def merges_inputs(self) -> bool:
        """Whether tokens are joined before the projector."""
        return self.before_projector

    def select(self, stage: Stage) -> Tensor:
        """Mark the tokens that stay, shape (batch, present tokens)."""
        dominant, n_contextual = self._dominant(stage)
        marked = dominant | every_nth(stage.image & ~dominant, n_contextual)
        return unless_nan(marked, stage.vision("cls_attention", self.tower_layer), stage.image)

    def _dominant(self, stage: Stage) -> tuple[Tensor, Tensor]:
        """Return (batch, present tokens), bool, and how many contextual ones there are beside, (batch,)."""
        # In float64 the product is exact, but for shares that are no binary fraction.
        n_contextual = (stage.n_keep.double() * self.contextual + 1e-9).floor().long()
        attention = stage.vision("cls_attention", self.tower_layer)
        return highest(attention, stage.image, stage.n_keep - n_contextual), n_contextual

    def merge_weights(self, stage: Stage, kept: Marked, image: Marked) -> Tensor:
        """Return 1 / (tokens that go to i) where j goes to i, shape (batch, kept, image tokens)."""
        keys = stage.vision("keys", self.tower_layer).mean(2)
        targets = kept.valid & ~self._dominant(stage)[0].gather(1, kept.index)
        stays = kept.spread(kept.valid, stage.image.shape[1])
        sources = image.valid & ~stays.gather(1, image.index)
        cosines = kept.units(keys) @ image.units(keys).transpose(1, 2)
        into = cosines.masked_fill(~targets[..., None], -torch.inf).argmax(1)
        goes = into[:, None] == torch.arange(targets.shape[1], device=into.device)[:, None]
        goes = goes & targets[..., None] & sources[:, None]
        return goes / goes.sum(2, keepdim=True).clamp_min(1)
