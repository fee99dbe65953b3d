"""FasterVLM's score: what the vision tower's class token looks at (arXiv 2412.01818)."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.stage import Stage
from prunegrid.pruning.vision_maps import VisionMap


@dataclass(frozen=True, kw_only=True)
class ClsAttention(Criterion):
    """Attention of the class token's row to each patch, mean of the heads; it knows nothing of the question.

    Parameters
    ----------
    tower_layer : int
        Layer of the tower; FasterVLM's is the penultimate.
    """

    cost: ClassVar[str | None] = "cls_row"
    needs_class_token: ClassVar[bool] = True

    tower_layer: int = -2

    def vision_maps(self) -> tuple[VisionMap, ...]:
        """Return the class token's attention."""
        return (VisionMap("cls_attention", self.tower_layer),)

    def score(self, stage: Stage) -> Tensor:
        """Return the attention, shape (batch, present tokens)."""
        return stage.vision("cls_attention", self.tower_layer)
