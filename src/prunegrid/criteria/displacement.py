"""How far layer l-1 moved a token: V2Drop's score, which needs no attention."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.stage import Stage


@dataclass(frozen=True, kw_only=True)
class Displacement(Criterion):
    """L2 norm of h_l - h_(l-1): what enters layer l, less what entered layer l-1.

    Features that a decoder adds after layer l-1 (Qwen3-VL) are part of what enters layer l.
    """

    cost: ClassVar[str | None] = "hidden"
    first_layer: ClassVar[int] = 1

    def score(self, stage: Stage) -> Tensor:
        """Return distances, shape (batch, present tokens)."""
        moved: Tensor = (stage.hidden.float() - stage.entered_before().float()).norm(dim=-1)
        return moved
