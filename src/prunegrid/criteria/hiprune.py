"""HiPrune's rule: anchors of a middle tower layer with their neighbours, the rest by a deep one."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from prunegrid.errors import ConfigError
from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.highest import highest, unless_nan
from prunegrid.pruning.marked import Marked
from prunegrid.pruning.stage import Stage
from prunegrid.pruning.vision_maps import VisionMap


@dataclass(frozen=True, kw_only=True)
class HiPrune(Criterion):
    """round(alpha n / 5) anchors, each with the tokens at +-1 and +- a row; then the highest of a deep layer.

    Both by the attention that a token's patches receive, mean of the heads and of all rows of the tower, the
    class token's among them. What would lie outside the grid of tokens is its first or last token; ends of
    rows are not looked at, so that the token behind the last of a row is the first of the next. This is the
    authors' code (github.com/Danielement321/HiPrune, `llava_arch.py`); halves are rounded to the even number,
    as there. More than n / 5 anchors are never taken: they would be more tokens than n.

    Parameters
    ----------
    object_layer : int or float
        Layer of the tower by which anchors are chosen; a fraction is of its layers. The paper's is the ninth
        of 24.
    tower_layer : int or float
        Deep layer; the paper's is the penultimate.
    alpha : float
        Share of n that anchors and their neighbours are meant to be.
    """

    cost: ClassVar[str | None] = "tower_all_rows"
    first_cut_only: ClassVar[bool] = True

    object_layer: float = 0.375
    tower_layer: float = -2
    alpha: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.alpha <= 1:
            raise ConfigError(f"alpha must be a share from 0 to 1, got {self.alpha!r}")

    def vision_maps(self) -> tuple[VisionMap, ...]:
        """Return the attention received in both layers, and where tokens stand."""
        layers = dict.fromkeys((self.object_layer, self.tower_layer))
        return *(VisionMap("attention_of_all", layer) for layer in layers), VisionMap("grid", -1)

    def select(self, stage: Stage) -> Tensor:
        """Mark the tokens that stay, shape (batch, present tokens)."""
        middle, deep = (stage.vision("attention_of_all", at) for at in (self.object_layer, self.tower_layer))
        around = self._around(stage, middle)
        marked = around | highest(deep, stage.image & ~around, stage.n_keep - around.sum(1))
        return unless_nan(marked, middle + deep, stage.image)

    def _around(self, stage: Stage, scores: Tensor) -> Tensor:
        """Mark anchors and their neighbours, (batch, present tokens), bool."""
        wanted = (stage.n_keep.double() * self.alpha / 5).round().long()
        anchors = highest(scores, stage.image, wanted.minimum(stage.n_keep // 5))
        # Side by side, without the text that may stand between grids.
        image = Marked.of(stage.image, max(stage.present))
        _, rows, columns, row, column, _ = (
            part.gather(1, image.index) for part in stage.vision("grid", -1).round().long().unbind(-1)
        )
        place = torch.arange(image.index.shape[1], device=row.device)
        first = place - row * columns - column
        last = first + rows * columns - 1
        near = anchors.gather(1, image.index) & image.valid
        # One more place takes what is no neighbour.
        found = torch.nn.functional.pad(near, (0, 1))
        for step in (-columns, -1, 1, columns):
            beside = (place + step).maximum(first).minimum(last)
            found = found.scatter(1, beside.masked_fill(~near, len(place)), True)
        return image.spread(found[:, :-1], stage.image.shape[1])
