"""CDPruner's rule (arXiv 2506.10967), with a relevance from the model's own embeddings."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.greedy import greedy
from prunegrid.pruning.marked import Marked
from prunegrid.pruning.stage import Stage

# Share of a token's own entry below which nothing of it is left.
_SPANNED = 1e-4
_TINY = torch.finfo(torch.float32).tiny


@dataclass(frozen=True, kw_only=True)
class ConditionalDPP(Criterion):
    """The set S of the largest determinant of L_S, greedily; L_ij = r_i cos(h_i, h_j) r_j.

    h enters layer l. r is the relevance, stretched to 0..1 over the image tokens present: the mean over the
    text tokens after the image of cos(e_i, e_t), e the embeddings that enter layer 0, which are projector
    outputs for image tokens. The paper takes the relevance from CLIP's text tower, which no decoder has
    (github.com/Theia-4869/CDPruner): this is its rule with another relevance.

    The greedy algorithm is that of Chen, Zhang and Zhou (arXiv 1709.05135): a token's gain is the square of
    what of it the selected tokens do not span. What is less than 1e-4 of L_ii counts as 0, as float32 cannot
    tell it from rounding: so where more tokens are asked for than there are independent directions, the lower
    numbers stay.
    """

    cost: ClassVar[str | None] = "cosines+text_mean+determinant"

    def select(self, stage: Stage) -> Tensor:
        """Mark the tokens that stay, shape (batch, present tokens)."""
        image = Marked.of(stage.image, stage.most_marked(stage.image))
        units, relevance = image.units(stage.hidden), _relevance(stage, image)
        kernel = relevance[..., None] * (units @ units.transpose(1, 2)) * relevance[:, None]
        most = max(stage.keep)
        # r^2, which rounding does not tell apart where all are equal; NaN where the kernel's is.
        diagonal = relevance.square() + 0 * kernel.diagonal(dim1=1, dim2=2)
        gains = [diagonal]
        # Rows of a Cholesky factor, one for each token that is selected.
        factor = kernel.new_zeros(len(kernel), most, kernel.shape[2])
        steps = iter(range(most))

        def take(best: Tensor) -> None:
            step, places = next(steps), best[..., None]
            before = factor[:, :step]
            at_best = before.gather(2, places.expand(-1, step, 1))
            row = kernel.gather(1, places.expand(-1, 1, kernel.shape[2])) - at_best.transpose(1, 2) @ before
            left = gains[0].gather(1, best)
            # A token that is spanned already takes nothing from the others.
            factor[:, step] = torch.where(left > 0, row[:, 0] / left.clamp_min(_TINY).sqrt(), 0.0)
            rest = gains[0] - factor[:, step].square()
            gains[0] = torch.where(rest < _SPANNED * diagonal, 0.0, rest)

        marked = greedy(image.valid, stage.n_keep, most, lambda: gains[0], take)
        return image.spread(marked, stage.image.shape[1])


def _relevance(stage: Stage, image: Marked) -> Tensor:
    """Return r, (batch, places), float32; 1 for all where they do not differ."""
    embeddings = stage.embeddings()
    text = Marked.of(stage.text_after, stage.most_marked(stage.text_after))
    # The mean of cosines is the product with the mean of unit vectors.
    mean = text.units(embeddings).sum(1) / text.valid.sum(1).clamp_min(1)[:, None]
    cosines = (image.units(embeddings) @ mean[..., None])[..., 0]
    low = cosines.masked_fill(~image.valid, torch.inf).amin(1, keepdim=True)
    width = cosines.masked_fill(~image.valid, -torch.inf).amax(1, keepdim=True) - low
    return torch.where(width > 0, (cosines - low) / width, torch.ones_like(cosines)).masked_fill(
        ~image.valid, 0.0
    )
