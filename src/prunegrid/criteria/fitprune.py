"""FitPrune's score: what text and image both look at (arXiv 2409.10197)."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.stage import Stage


@dataclass(frozen=True, kw_only=True)
class FitPrune(Criterion):
    """Product of what j receives from text and, on average, from image tokens, of the largest head.

    (sum over text rows t of max_h A_htj) x (sum over image rows i of max_h A_hij) / N, A the attention of
    layer l-1, the text that after the image, N the image tokens present. The paper deletes in every layer,
    as many as a fit of attention's distribution allows; here the strategy says how many.
    """

    cost: ClassVar[str | None] = "text_rows+image_rows"
    first_layer: ClassVar[int] = 1

    def score(self, stage: Stage) -> Tensor:
        """Return the products, shape (batch, present tokens)."""
        from_text = stage.attention_received(stage.text_after, heads_by="max")
        from_image = stage.attention_received(stage.image, heads_by="max")
        return from_text * from_image / stage.image.sum(1, keepdim=True).clamp_min(1)
