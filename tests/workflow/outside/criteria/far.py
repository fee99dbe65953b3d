"""Tokens far from the mean of the image."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from prunegrid import Criterion, Stage

from ._means import image_mean


@dataclass(frozen=True, kw_only=True)
class Far(Criterion):
    """Distance of a token's hidden state from the mean over the image tokens still present.

    Parameters
    ----------
    power : float
        p of the distance's p-norm.
    """

    cost: ClassVar[str | None] = "hidden"

    power: float = 2.0

    def score(self, stage: Stage) -> Tensor:
        """Return distances, float32, shape (batch, present tokens): high stays."""
        return (stage.hidden - image_mean(stage)).float().norm(p=self.power, dim=-1)
