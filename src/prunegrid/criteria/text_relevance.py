"""SparseVLM's score: the attention of the text tokens that the image is about (arXiv 2410.04417)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.marked import Marked
from prunegrid.pruning.stage import Stage


@dataclass(frozen=True, kw_only=True)
class TextRelevance(Criterion):
    """Attention of layer l-1 from the raters, averaged over heads and over them.

    Raters are those text tokens t after the image whose mean over image tokens v of softmax_t(v . t) is above
    the mean over these text tokens; products are of embeddings, before layer 0, of the image tokens that are
    present. Where none is above, as with a single text token, all are raters. The authors' code
    (github.com/Gumpest/SparseVLMs) does so behind layers 2, 6 and 15, and recycles: `merge: recycle`.
    """

    cost: ClassVar[str | None] = "text_rows+text_products"
    first_layer: ClassVar[int] = 1

    def score(self, stage: Stage) -> Tensor:
        """Return the mean attention of the raters, shape (batch, present tokens)."""
        embeddings = stage.embeddings()
        image = Marked.of(stage.image, stage.most_marked(stage.image))
        text = Marked.of(stage.text_after, stage.most_marked(stage.text_after))
        # Where the softmax is nearly 0 or 1, means are whole parts of N but for what float32 would drop.
        products = (image.states(embeddings) @ text.states(embeddings).transpose(1, 2)).double()
        # The least number, not -inf: a row without text would be NaN.
        hidden = products.masked_fill(~text.valid[:, None], torch.finfo(products.dtype).min)
        share = (hidden.softmax(2) * image.valid[..., None]).sum(1) / image.valid.sum(1).clamp_min(1)[:, None]
        mean = (share * text.valid).sum(1) / text.valid.sum(1).clamp_min(1)
        above = (share > mean[:, None]) & text.valid
        raters = text.spread(above | ~above.any(1, keepdim=True), stage.image.shape[1])
        received = stage.attention_received(raters, within=stage.text_after)
        return received / raters.sum(1).clamp_min(1)[:, None]
