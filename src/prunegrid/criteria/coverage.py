"""MMTok's rule: tokens that cover the text and the image together (arXiv 2508.18264)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.greedy import greedy
from prunegrid.pruning.marked import Marked
from prunegrid.pruning.stage import Stage


@dataclass(frozen=True, kw_only=True)
class Coverage(Criterion):
    """The set S that maximises sum_i max_(j in S) C_ij, greedily.

    C has a row for each of the m text tokens after the image, softmax_j(cos(e_i, e_j) / 0.02) / m, and one
    for each of the N image tokens present, 0.5 softmax_j(cos(h_i, h_j) / 0.2) / N; j is an image token. e are
    the embeddings that enter layer 0, h enters layer l. The authors' code (github.com/Ironieser/MMTok) leaves
    out stop words, which takes a tokenizer, and compares image tokens by the vision tower's features.

    Parameters
    ----------
    text_temperature, image_temperature : float
        0.02 and 0.2.
    image_weight : float
        0.5; 0 covers the text alone.
    """

    cost: ClassVar[str | None] = "cosines+text_products"

    text_temperature: float = 0.02
    image_temperature: float = 0.2
    image_weight: float = 0.5

    def select(self, stage: Stage) -> Tensor:
        """Mark the tokens that stay, shape (batch, present tokens)."""
        embeddings = stage.embeddings()
        image = Marked.of(stage.image, stage.most_marked(stage.image))
        text = Marked.of(stage.text_after, stage.most_marked(stage.text_after))
        covered = torch.cat(
            [
                _shares(text, text.units(embeddings), image, image.units(embeddings), self.text_temperature),
                self.image_weight
                * _shares(
                    image, image.units(stage.hidden), image, image.units(stage.hidden), self.image_temperature
                ),
            ],
            1,
        )
        best = [torch.zeros_like(covered[..., :1])]

        def take(place: Tensor) -> None:
            column = covered.gather(2, place[:, None].expand(-1, covered.shape[1], 1))
            best[0] = best[0].maximum(column)

        marked = greedy(
            image.valid, stage.n_keep, max(stage.keep), lambda: (covered - best[0]).clamp_min(0).sum(1), take
        )
        return image.spread(marked, stage.image.shape[1])


def _shares(rows: Marked, of_rows: Tensor, image: Marked, of_image: Tensor, temperature: float) -> Tensor:
    """Return softmax_j(cosine / temperature) / number of rows, 0 in rows that hold no token."""
    cosines = of_rows @ of_image.transpose(1, 2) / temperature
    # The least number, not -inf: a row without image tokens would be NaN.
    shares = cosines.masked_fill(~image.valid[:, None], torch.finfo(cosines.dtype).min).softmax(2)
    return (shares / rows.valid.sum(1).clamp_min(1)[:, None, None]).masked_fill(~rows.valid[..., None], 0.0)
