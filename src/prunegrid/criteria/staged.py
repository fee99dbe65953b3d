"""One criterion in shallow stages and another in deep ones, or one of a list at each cut."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, cast

from prunegrid.errors import ConfigError, PruningError
from prunegrid.plugins import build, describe
from prunegrid.pruning.criterion import Criterion, Merge
from prunegrid.pruning.schedule import Schedule, one_per_cut, resolve_layer


@dataclass(frozen=True, kw_only=True)
class Staged(Criterion):
    """`deep` in stages before layers l >= `deep_from`, `shallow` before; or one of `parts` at each cut.

    Parameters
    ----------
    shallow, deep : str
        Names of criteria.
    deep_from : int or float, optional
        Layer, or fraction of L; by default as the schedule says (`hierarchical`: its second cut), or L/4.
    parts : sequence of str
        Names of criteria, one for each cut in the order of their layers, in place of `shallow` and `deep`.
    merges : sequence of str
        `merge` of each of `parts`; without it that of `staged` counts for all.
    answer_tokens : int
        Handed to a part that takes it; see `gradient`.
    """

    delegates: ClassVar[tuple[str, ...]] = ("shallow", "deep", "parts")

    shallow: str = "attention_shallow"
    deep: str = "attention_deep"
    deep_from: float | None = None
    parts: Sequence[str] = ()
    merges: Sequence[str] = ()
    answer_tokens: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.merges and (len(self.merges) != len(self.parts) or self.merge != "drop"):
            raise ConfigError(
                f"staged: merges is what becomes of dropped tokens at each of {len(self.parts)} parts, in "
                f"place of merge: got {list(self.merges)} beside merge: {self.merge}"
            )

    @cached_property
    def _of_cuts(self) -> tuple[Criterion, ...]:
        found = [self._part(name) for name in self.parts]
        if self.merges:
            ways = cast("Sequence[Merge]", self.merges)
            found = [replace(part, merge=merge) for part, merge in zip(found, ways, strict=True)]
        return tuple(found)

    @cached_property
    def _parts(self) -> tuple[Criterion, Criterion]:
        return self._part(self.shallow), self._part(self.deep)

    def _part(self, name: str) -> Criterion:
        takes = "answer_tokens" in describe("criteria", name)["options"]
        part: Criterion = build("criteria", name, {"answer_tokens": self.answer_tokens} if takes else None)
        return part

    def resolve(self, layer: int, schedule: Schedule) -> Criterion:
        """Return the part that scores before a layer.

        Raises
        ------
        PruningError
            If `parts` are not as many as the cuts.
        """
        if type(self).score is not Criterion.score or self.selects_sets:
            # A subclass that scores or selects in its own way.
            return self
        if self.parts:
            cuts = [cut for cut, _ in schedule.cuts]
            if len(cuts) != len(self.parts):
                raise PruningError(one_per_cut(len(self.parts), schedule))
            return self._of_cuts[cuts.index(layer)]
        shallow, deep = self._parts
        return deep if layer >= self._first_deep(schedule) else shallow

    def _first_deep(self, schedule: Schedule) -> int:
        if self.deep_from is not None:
            return resolve_layer(self.deep_from, schedule.n_layers)
        hint = schedule.deep_from
        return resolve_layer(0.25, schedule.n_layers) if hint is None else hint
