"""One criterion in shallow stages, another in deep ones."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from torch import Tensor

from prunegrid.plugins import build, describe
from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.schedule import resolve_layer
from prunegrid.pruning.stage import Stage


@dataclass(frozen=True)
class Staged(Criterion):
    """`deep` in stages before layers l >= `deep_from`, `shallow` before.

    Parameters
    ----------
    shallow, deep : str
        Names of criteria.
    deep_from : int or float, optional
        Layer, or fraction of L; by default the second cut of a hierarchical schedule, else L/4.
    answer_tokens : int
        Handed to a part that takes it; see `gradient`.
    """

    delegates: ClassVar[tuple[str, ...]] = ("shallow", "deep")

    shallow: str = "attention_shallow"
    deep: str = "attention_deep"
    deep_from: float | None = None
    answer_tokens: int = 1

    @cached_property
    def _parts(self) -> tuple[Criterion, Criterion]:
        return self._part(self.shallow), self._part(self.deep)

    def _part(self, name: str) -> Criterion:
        takes = "answer_tokens" in describe("criteria", name)["options"]
        return build("criteria", name, {"answer_tokens": self.answer_tokens} if takes else None)

    def score(self, stage: Stage) -> Tensor:
        """Return the score of the part in charge, shape (batch, present tokens)."""
        return self._part_before(stage.layer, stage.n_layers, stage.second_cut).score(stage)

    def in_charge(self, layer: int, n_layers: int, second_cut: int | None) -> Criterion:
        """Return the criterion that scores before a layer; see `Criterion.in_charge`."""
        if type(self).score is not Staged.score:
            # A subclass that scores in its own way.
            return self
        return self._part_before(layer, n_layers, second_cut).in_charge(layer, n_layers, second_cut)

    def _part_before(self, layer: int, n_layers: int, second_cut: int | None) -> Criterion:
        shallow, deep = self._parts
        return deep if layer >= self.first_deep(n_layers, second_cut) else shallow

    def first_deep(self, n_layers: int, second_cut: int | None) -> int:
        """Return the first layer whose stage is deep.

        Parameters
        ----------
        n_layers : int
            L.
        second_cut : int or None
            K2 of a hierarchical schedule.
        """
        if self.deep_from is not None:
            return resolve_layer(self.deep_from, n_layers)
        return resolve_layer(0.25, n_layers) if second_cut is None else second_cut
