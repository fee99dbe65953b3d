"""What the patches of the vision tower look at: FasterVLM's score for towers without a class token."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.stage import Stage
from prunegrid.pruning.vision_maps import VisionMap


@dataclass(frozen=True, kw_only=True)
class TowerAttentionReceived(Criterion):
    """Attention that a patch receives from the patches that see it, mean of heads and rows.

    VisionZip ranks so where a tower has no class token (arXiv 2412.04467).

    Parameters
    ----------
    tower_layer : int
        Layer of the tower.
    """

    cost: ClassVar[str | None] = "tower_rows"

    tower_layer: int = -2

    def vision_maps(self) -> tuple[VisionMap, ...]:
        """Return the attention received."""
        return (VisionMap("attention_received", self.tower_layer),)

    def score(self, stage: Stage) -> Tensor:
        """Return the attention, shape (batch, present tokens)."""
        return stage.vision("attention_received", self.tower_layer)
