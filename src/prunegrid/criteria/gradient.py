"""Gradient x input of the model's own unpruned answer."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.stage import Stage


@dataclass(frozen=True, kw_only=True)
class Gradient(Criterion):
    """Sum over features of abs(h * dJ/dh), h the hidden state entering layer l in the unpruned model.

    J is the log-probability of the model's own unpruned greedy answer, never of the gold answer.

    Parameters
    ----------
    answer_tokens : int
        Tokens of that answer that count, at most 32: 1 for short answers, 32 for free text.
    """

    needs_answer: ClassVar[bool] = True
    cost: ClassVar[str | None] = "gradient"

    answer_tokens: int = 1

    def score(self, stage: Stage) -> Tensor:
        """Return the saliency, shape (batch, present tokens)."""
        return stage.unpruned_saliency(rank=0, answer_tokens=self.answer_tokens)
