"""What every criterion shares."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from prunegrid.plugins import Plugin

if TYPE_CHECKING:
    from torch import Tensor

    from prunegrid.pruning.stage import Stage


@dataclass(frozen=True)
class Criterion(Plugin):
    """Base of all criteria: a leaf is its `score`.

    Ranking, ties (the lower token number wins), ratios, batches and ragged rows are the engine's work.

    Class attributes
    ----------------
    stochastic : bool
        The score depends on the seed: cells exist for every seed.
    needs_answer : bool
        The score needs the unpruned model's own answer: labelled in tables and never ranked best.
    delegates : tuple of str
        Options that name other criteria, which this one hands the work to.
    cost : str or None
        What scoring computes, for the ledger: the attention of `text_rows`, `image_rows` or the
        `last_row`; `hidden` (a norm); `gradient`; None for next to nothing.

    Parameters
    ----------
    reverse : bool
        Keep the lowest scores instead: a score that carries signal must then fail.
    """

    stochastic: ClassVar[bool] = False
    needs_answer: ClassVar[bool] = False
    delegates: ClassVar[tuple[str, ...]] = ()
    cost: ClassVar[str | None] = None

    reverse: bool = False

    def in_charge(self, layer: int, n_layers: int, second_cut: int | None) -> Criterion:
        """Return the criterion that scores before a layer: this one, or one that it hands the work to.

        Parameters
        ----------
        layer, n_layers : int
            l and L.
        second_cut : int or None
            K2 of a hierarchical schedule.
        """
        return self

    @property
    def identity(self) -> tuple:
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
