"""PruMerge+'s rule: outliers of the [CLS] similarity, and evenly spaced others (arXiv 2403.15388)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.highest import highest, unless_nan
from prunegrid.pruning.marked import Marked
from prunegrid.pruning.spacing import spread_evenly
from prunegrid.pruning.stage import Stage
from prunegrid.pruning.vision_maps import VisionMap


@dataclass(frozen=True, kw_only=True)
class PruMerge(Criterion):
    """Tokens with a above Q3 + 1.5 (Q3 - Q1), at most n, the highest first; the rest of n evenly spaced.

    a = softmax(q_cls . k / sqrt C) with heads joined, in the last layer of the tower; quartiles are of the
    image tokens present, interpolated. In the paper the number of outliers fixes how many tokens stay, one
    number for each picture. Here n is given, so outliers say only how the n are shared out: what they leave
    of n goes to the floor(i m / s)-th of the m others, i = 0..s-1. The authors' code
    (github.com/42Shawn/LLaVA-PruMerge, `clip_encoder.py`) spaces them by floor(floor(1 / share of outliers)
    / 3) over all tokens.

    `merge: weighted` is the paper's: each token i that stays becomes x_i + sum a_j x_j over the `neighbours`
    tokens j, dropped or not, whose keys (heads joined) have the highest cosine with its own. x are what the
    projector is given, before layer 0, as in the authors' code, or the hidden states that enter layer l. The
    authors append one more token, the sum of a_j x_j over the dropped.

    Parameters
    ----------
    tower_layer : int
        Layer of the tower, whose queries and keys are read; the paper's is the last.
    neighbours : int
        How many tokens are added to each that stays.
    before_projector : bool
        Whether tokens are joined before the projector, where the cut is before layer 0.
    """

    cost: ClassVar[str | None] = "cls_joined_row"
    merge_cost: ClassVar[str | None] = "joined_keys"
    needs_class_token: ClassVar[bool] = True

    tower_layer: int = -1
    neighbours: int = 32
    before_projector: bool = True

    def vision_maps(self) -> tuple[VisionMap, ...]:
        """Return the class token's similarity, keys, and what is joined."""
        read = VisionMap("cls_similarity", self.tower_layer), VisionMap("keys", self.tower_layer)
        return (*read, VisionMap("projector_inputs", -1)) if self.before_projector else read

    @property
    def merges_inputs(self) -> bool:
        """Whether tokens are joined before the projector."""
        return self.before_projector

    def select(self, stage: Stage) -> Tensor:
        """Mark the tokens that stay, shape (batch, present tokens)."""
        similarity = stage.vision("cls_similarity", self.tower_layer)
        of_image = similarity.masked_fill(~stage.image, torch.nan)
        first, third = (of_image.nanquantile(q, dim=1, keepdim=True) for q in (0.25, 0.75))
        outliers = stage.image & (similarity > third + 1.5 * (third - first))
        best = highest(similarity, outliers, stage.n_keep.minimum(outliers.sum(1)))
        marked = best | spread_evenly(stage.image & ~best, stage.n_keep - best.sum(1))
        return unless_nan(marked, similarity, stage.image)

    def merge_weights(self, stage: Stage, kept: Marked, image: Marked) -> Tensor:
        """Return a_j where j is among the nearest of i, shape (batch, kept, image tokens)."""
        keys = stage.vision("keys", self.tower_layer).flatten(2)
        similarity = stage.vision("cls_similarity", self.tower_layer).gather(1, image.index)
        cosines = kept.units(keys) @ image.units(keys).transpose(1, 2)
        others = image.valid[:, None] & (kept.index[..., None] != image.index[:, None])
        nearest = cosines.masked_fill(~others, -torch.inf).argsort(dim=2, descending=True, stable=True)
        among = torch.zeros_like(cosines, dtype=torch.bool).scatter(2, nearest[..., : self.neighbours], True)
        return similarity[:, None] * (among & others)
