"""One criterion in shallow stages, another in deep ones."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from prunegrid.plugins import build, describe
from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.schedule import Schedule, resolve_layer


@dataclass(frozen=True, kw_only=True)
class Staged(Criterion):
    """`deep` in stages before layers l >= `deep_from`, `shallow` before.

    Parameters
    ----------
    shallow, deep : str
        Names of criteria.
    deep_from : int or float, optional
        Layer, or fraction of L; by default as the schedule says (`hierarchical`: its second cut), or L/4.
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
        part: Criterion = build("criteria", name, {"answer_tokens": self.answer_tokens} if takes else None)
        return part

    def resolve(self, layer: int, schedule: Schedule) -> Criterion:
        """Return the part that scores before a layer."""
        if type(self).score is not Criterion.score or self.selects_sets:
            # A subclass that scores or selects in its own way.
            return self
        shallow, deep = self._parts
        return deep if layer >= self._first_deep(schedule) else shallow

    def _first_deep(self, schedule: Schedule) -> int:
        if self.deep_from is not None:
            return resolve_layer(self.deep_from, schedule.n_layers)
        hint = schedule.deep_from
        return resolve_layer(0.25, schedule.n_layers) if hint is None else hint
