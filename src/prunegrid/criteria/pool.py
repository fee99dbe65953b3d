"""Average pooling of the grid of image tokens: a baseline."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.marked import Marked
from prunegrid.pruning.stage import Stage
from prunegrid.pruning.token_grids import Cells
from prunegrid.pruning.vision_maps import VisionMap


@dataclass(frozen=True, kw_only=True)
class Pool(Criterion):
    """Each grid of tokens becomes a coarser one, n cells in all, and each cell the mean of its tokens.

    Adaptive average pooling in two dimensions: of a grid of R x C tokens, m of the n are r = sqrt(m R / C)
    rows, rounded, of m / r cells each, as even as whole numbers allow; where r divides m, all is as
    `torch.nn.functional.adaptive_avg_pool2d` has it. What is pooled are the hidden states that enter the
    layer: before layer 0 the projector's outputs. A cell stands at the place of the token in its middle. Of
    a row with more than one cell the last is an end of a row where the grid has some. Several pictures or
    tiles share n by their tokens; one whose share is none is dropped.

    Parameters
    ----------
    merge : str
        `weighted` is the mean; with `drop` the tokens in the middle of the cells stay as they are.
    """

    first_cut_only: ClassVar[bool] = True

    merge: Literal["drop", "average", "recycle", "weighted"] = "weighted"

    def vision_maps(self) -> tuple[VisionMap, ...]:
        """Return where tokens stand in their grids."""
        return (VisionMap("grid", -1),)

    def _cells(self, stage: Stage) -> Cells:
        return Cells.of(stage.vision("grid", -1), stage.image, stage.n_keep)

    def select(self, stage: Stage) -> Tensor:
        """Mark the tokens in the middle of the cells, shape (batch, present tokens)."""
        return self._cells(stage).centre

    def merge_weights(self, stage: Stage, kept: Marked, image: Marked) -> Tensor:
        """Return 1 / (tokens of i's cell) for each j in it, less i itself: (batch, kept, image tokens)."""
        shares = self._cells(stage).shares(kept, image)
        own = kept.index[..., None] == image.index[:, None]
        return shares - (own & (shares.sum(2, keepdim=True) > 0)).float()
