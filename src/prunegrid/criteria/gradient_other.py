"""The gradient of another answer: a control for leakage of the answer into the selection."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.stage import Stage


@dataclass(frozen=True, kw_only=True)
class GradientOther(Criterion):
    """As `gradient`, for the second-ranked first token instead of the answer."""

    needs_answer: ClassVar[bool] = True
    cost: ClassVar[str | None] = "gradient"

    def score(self, stage: Stage) -> Tensor:
        """Return the saliency, shape (batch, present tokens)."""
        return stage.unpruned_saliency(rank=1, answer_tokens=1)
