"""DART's rule: tokens that repeat least what a few pivots say (arXiv 2502.11494)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.highest import highest
from prunegrid.pruning.marked import Marked
from prunegrid.pruning.stage import Stage

# As many as the authors' runs have (github.com/ZichenWen1/DART).
_IMAGE_PIVOTS = _TEXT_PIVOTS = 4


@dataclass(frozen=True, kw_only=True)
class Duplication(Criterion):
    """Four image pivots, and what is least similar to these and to four text pivots.

    Pivots are the image tokens, and the text tokens after the image, whose keys in layer l-1 have the largest
    L1 norm over all heads. Image pivots stay. Then each pivot in turn, image pivots first, the larger norm
    first, adds the tokens not yet added whose hidden states, entering layer l, have the smallest cosine with
    its own. All add as many; what does not divide evenly is added by the first ones. The authors' code takes
    cosines behind the decoder's final norm, and keeps up to seven tokens less or four more.
    """

    cost: ClassVar[str | None] = "keys+pivots"
    first_layer: ClassVar[int] = 1

    def select(self, stage: Stage) -> Tensor:
        """Mark the tokens that stay, shape (batch, present tokens)."""
        size = stage.keys().flatten(2).float().norm(p=1, dim=-1)
        of_image = stage.n_keep.clamp_max(_IMAGE_PIVOTS)
        of_text = stage.text_after.sum(1).clamp_max(_TEXT_PIVOTS)
        pivots = [
            (_largest(size, stage.image, rank), rank < of_image, rank + 0 * of_image)
            for rank in range(_IMAGE_PIVOTS)
        ]
        pivots += [
            (_largest(size, stage.text_after, rank), rank < of_text, rank + of_image)
            for rank in range(_TEXT_PIVOTS)
        ]
        taken = highest(size, stage.image, of_image)
        left, n_pivots = stage.n_keep - of_image, (of_image + of_text).clamp_min(1)
        image = Marked.of(stage.image, stage.most_marked(stage.image))
        units = image.units(stage.hidden)
        at = Marked(
            torch.cat([place for place, *_ in pivots], 1), torch.stack([is_one for _, is_one, _ in pivots], 1)
        )
        cosines = units @ at.units(stage.hidden).transpose(1, 2)
        marked = taken.gather(1, image.index) & image.valid
        is_nan = (cosines.isnan() & image.valid[..., None]).any((1, 2)) | (size.isnan() & stage.image).any(1)
        for column, (_, is_one, rank) in enumerate(pivots):
            share = torch.div(left, n_pivots, rounding_mode="floor") + (rank < left % n_pivots).long()
            marked = marked | highest(-cosines[..., column], image.valid & ~marked, share * is_one)
        return image.spread(marked & ~is_nan[:, None], stage.image.shape[1])


def _largest(size: Tensor, among: Tensor, rank: int) -> Tensor:
    """Return the place of the token of a rank by size, (batch, 1), int64; of equal ones the first."""
    order = size.masked_fill(~among, -torch.inf).argsort(dim=1, descending=True, stable=True)
    # A row of fewer tokens has no such rank; the place is then not used.
    return order[:, min(rank, order.shape[1] - 1)][:, None]
