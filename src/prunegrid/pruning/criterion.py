"""What every criterion shares: the base class, and who scores before which layer."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from prunegrid.errors import PruningError
from prunegrid.plugins import Plugin, name_of
from prunegrid.pruning.schedule import too_early

if TYPE_CHECKING:
    from torch import Tensor

    from prunegrid.pruning.schedule import Schedule
    from prunegrid.pruning.stage import Stage

# How often one criterion may hand a layer on to another.
_MOST_STEPS = 10


@dataclass(frozen=True)
class Ranking:
    """How the image tokens before a layer are ranked.

    Attributes
    ----------
    criterion : Criterion
        Scores them; hands nothing on.
    reverse : bool
        The lowest scores stay.
    """

    criterion: Criterion
    reverse: bool


@dataclass(frozen=True, kw_only=True)
class Criterion(Plugin):
    """Base of all criteria: a leaf is its `score`.

    Ranking, ties (the lower token number wins), ratios, batches and ragged rows are the engine's work.

    Class attributes
    ----------------
    stochastic : bool
        The score depends on the seed: cells exist for every seed.
    needs_answer : bool
        The score needs the unpruned model's own answer: labelled in tables and never ranked best.
    first_layer : int
        The earliest layer before which it can score: 1 for what reads the layer before the cut.
    delegates : tuple of str
        Options that name other criteria, which `resolve` hands layers to.
    cost : str or None
        What scoring computes, for the ledger: the attention of `text_rows`, `image_rows` or the
        `last_row`; `own_last_row` of the layer about to run, with its projections; `hidden` (a norm);
        `gradient`; None for next to nothing.

    Parameters
    ----------
    reverse : bool
        Keep the lowest scores instead: a score that carries signal must then fail.
    """

    stochastic: ClassVar[bool] = False
    needs_answer: ClassVar[bool] = False
    first_layer: ClassVar[int] = 0
    delegates: ClassVar[tuple[str, ...]] = ()
    cost: ClassVar[str | None] = None

    reverse: bool = False

    def resolve(self, layer: int, schedule: Schedule) -> Criterion:
        """Return the criterion that scores before a layer: this one, or one that it hands the layer to.

        Parameters
        ----------
        layer : int
            The layer that drops tokens.
        schedule : Schedule
            The strategy's, as it is solved without a sample.
        """
        return self

    def ranking(self, layer: int, schedule: Schedule) -> Ranking:
        """Return who scores before a layer in the end; each `reverse` on the way reverses the order.

        Parameters
        ----------
        layer, schedule : int, Schedule
            See `resolve`.

        Raises
        ------
        PruningError
            If a criterion resolves to something else than a criterion, or without end, or to one that
            cannot score as early as that.
        """
        criterion, reverse = self, self.reverse
        for _ in range(_MOST_STEPS):
            part = criterion.resolve(layer, schedule)
            if part is criterion:
                if layer < criterion.first_layer:
                    raise PruningError(too_early(name_of(criterion), layer, criterion.first_layer))
                return Ranking(criterion, reverse)
            if not isinstance(part, Criterion):
                raise PruningError(
                    f"criterion {name_of(criterion)!r} resolves to {part!r} before layer {layer}: it must be "
                    "a criterion, an instance, not a name or a class"
                )
            criterion, reverse = part, reverse != part.reverse
        raise PruningError(
            f"criterion {name_of(self)!r} does not resolve before layer {layer}: after {_MOST_STEPS} steps, "
            f"{name_of(criterion)!r} still hands it on; a criterion that scores itself returns itself"
        )

    def scored_by(self, schedule: Schedule) -> list[tuple[int, str, str | None]]:
        """Return per cut of a schedule (layer, name of the criterion that scores, its `cost`)."""
        parts = [(layer, self.ranking(layer, schedule).criterion) for layer, _ in schedule.cuts]
        return [(layer, name_of(part), part.cost) for layer, part in parts]

    @property
    def identity(self) -> tuple[Any, ...]:
        """What tells criteria apart: the class and all that it holds but `reverse`, which the engine applies.

        Cached properties follow from the rest.
        """
        kind = type(self)
        # Fields of a class with slots are not among its variables.
        held = {field.name: getattr(self, field.name) for field in fields(self)} | vars(self)
        options = sorted(
            (name, repr(value))
            for name, value in held.items()
            if name != "reverse" and not isinstance(getattr(kind, name, None), cached_property)
        )
        return kind.__module__, kind.__qualname__, *options

    def score(self, stage: Stage) -> Tensor:
        """Score the tokens that are present just before layer `stage.layer`.

        The score must follow from the options and the stage alone: cells that have a stage in common share
        it, so that not every cell's criterion is asked at each of its stages.

        Parameters
        ----------
        stage : Stage
            What a criterion may look at.

        Returns
        -------
        Tensor
            Shape (batch, present tokens), float32; only the image tokens' entries are read.
        """
        raise NotImplementedError
