"""What every criterion shares: the base class, and who scores before which layer."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from prunegrid.errors import ConfigError, PruningError
from prunegrid.nearest import nearest
from prunegrid.plugins import Plugin, name_of
from prunegrid.pruning.schedule import MOST_STEPS, not_first, too_early
from prunegrid.pruning.vision_maps import MAP_COSTS

if TYPE_CHECKING:
    from torch import Tensor

    from prunegrid.pruning.marked import Marked
    from prunegrid.pruning.schedule import Schedule
    from prunegrid.pruning.stage import Stage
    from prunegrid.pruning.vision_maps import VisionMap

Merge = Literal["drop", "average", "recycle", "weighted"]
# What the engine does with what is chosen; the rest is of the choice itself.
_OF_THE_ENGINE = ("reverse", "merge")


@dataclass(frozen=True)
class Ranking:
    """How the image tokens before a layer are ranked.

    Attributes
    ----------
    criterion : Criterion
        Scores them; hands nothing on.
    reverse : bool
        The lowest scores stay.
    merge : str
        What becomes of the dropped tokens: drop, average, recycle or weighted.
    of_inputs : bool
        What is added up is what the projector is given, not what enters the layer.
    """

    criterion: Criterion
    reverse: bool
    merge: Merge = "drop"
    of_inputs: bool = False

    @property
    def cost(self) -> str | None:
        """What choosing and merging compute, words of `Criterion.cost` and `merge`, joined by "+"."""
        cost = self.criterion.cost
        words = [self.criterion.cost_word(word) for word in cost.split("+")] if cost else []
        # Windows make some layers of a tower cheaper than others.
        layers: dict[str, list[float]] = {}
        for one in self.criterion.vision_maps():
            layers.setdefault(MAP_COSTS.get(one.kind, ""), []).append(one.layer)
        words = [
            part for word in words for part in ([f"{word}@{at}" for at in layers.get(word, ())] or [word])
        ]
        if self.merge == "weighted" and self.criterion.merge_cost:
            words += self.criterion.merge_cost.split("+")
        merging = "weighted_inputs" if self.of_inputs else self.merge
        return "+".join(words + [merging] * (merging != "drop")) or None


@dataclass(frozen=True, kw_only=True)
class Criterion(Plugin):
    """Base of all criteria: a leaf is its `score`, or for a rule that weighs whole sets its `select`.

    Ranking, ties (the lower token number wins), ratios, batches and ragged rows are the engine's work.

    Class attributes
    ----------------
    stochastic : bool
        The score depends on the seed: cells exist for every seed.
    needs_answer : bool
        The score needs the unpruned model's own answer: labelled in tables and never ranked best.
    first_layer : int
        The earliest layer before which it can score: 1 for what reads the layer before the cut.
    first_cut_only : bool
        It needs all image tokens of the prompt: the first cut is the only one at which it can score.
    needs_class_token : bool
        It reads the class token of the vision tower, which not every tower has: cells of models without one
        are left out of the grid.
    delegates : tuple of str
        Options that name other criteria, which `resolve` hands layers to.
    cost : str or None
        What choosing computes, for the ledger: words of `prunegrid.cost.selection_cost`, several joined by
        "+": the attention of `text_rows`, `image_rows` or the `last_row`; `own_last_row` of the layer about
        to run, with its projections; `hidden` (a norm); `cosines` of all pairs of image tokens; `gradient`;
        and others. None for next to nothing.
    merge_cost : str or None
        What `merge_weights` computes, in the same words.

    Parameters
    ----------
    reverse : bool
        Keep the lowest scores instead: a score that carries signal must then fail. A set rule is asked for as
        many tokens as are to be dropped, and the others stay.
    merge : {"drop", "average", "recycle", "weighted"}
        What becomes of dropped tokens: nothing; each is averaged into the most similar one that stays; the
        best 30 % of them come back as clusters, in place of the last of those that stay (needs scores); or
        they are added to those that stay as the criterion says (needs `merge_weights`). See
        `prunegrid.pruning.merging`.
    """

    stochastic: ClassVar[bool] = False
    needs_answer: ClassVar[bool] = False
    first_layer: ClassVar[int] = 0
    first_cut_only: ClassVar[bool] = False
    needs_class_token: ClassVar[bool] = False
    delegates: ClassVar[tuple[str, ...]] = ()
    cost: ClassVar[str | None] = None
    merge_cost: ClassVar[str | None] = None

    reverse: bool = False
    merge: Literal["drop", "average", "recycle", "weighted"] = "drop"

    def __post_init__(self) -> None:
        if self.merge not in get_args(Merge):
            raise ConfigError(
                f"merge: unknown way {self.merge!r}: {nearest(str(self.merge), get_args(Merge))}"
            )

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

        A part's own `merge` counts before that of the criterion that hands to it.

        Parameters
        ----------
        layer, schedule : int, Schedule
            See `resolve`.

        Raises
        ------
        PruningError
            If a criterion resolves to something else than a criterion, or without end, or to one that
            cannot score as early or as late as that, or if `recycle` asks for scores of one that selects
            sets, or `weighted` for weights of one that has none.
        """
        criterion, reverse, merge = self, self.reverse, self.merge
        for _ in range(MOST_STEPS):
            part = criterion.resolve(layer, schedule)
            if part is criterion:
                if layer < criterion.first_layer:
                    raise PruningError(too_early(name_of(criterion), layer, criterion.first_layer))
                if criterion.first_cut_only and layer != schedule.cuts[0][0]:
                    raise PruningError(not_first(name_of(criterion), layer, schedule))
                if merge == "recycle" and criterion.selects_sets:
                    raise PruningError(
                        f"criterion {name_of(criterion)!r} selects sets and has no scores, so it does not "
                        "tell which of the dropped tokens are the best: merge can be drop"
                        f"{', average or weighted' if criterion.weighs else ' or average'}, not recycle"
                    )
                if merge == "weighted" and not criterion.weighs:
                    raise criterion._without_weights()
                of_inputs = merge == "weighted" and layer == 0 and criterion.merges_inputs
                return Ranking(criterion, reverse, merge, of_inputs)
            if not isinstance(part, Criterion):
                raise PruningError(
                    f"criterion {name_of(criterion)!r} resolves to {part!r} before layer {layer}: it must be "
                    "a criterion, an instance, not a name or a class"
                )
            criterion, reverse = part, reverse != part.reverse
            merge = merge if part.merge == "drop" else part.merge
        raise PruningError(
            f"criterion {name_of(self)!r} does not resolve before layer {layer}: after {MOST_STEPS} steps, "
            f"{name_of(criterion)!r} still hands it on; a criterion that scores itself returns itself"
        )

    def rankings(self, schedule: Schedule) -> dict[int, Ranking]:
        """Return per layer who scores before it, for the cuts that keep tokens: others ask for no scores."""
        return {layer: self.ranking(layer, schedule) for layer, share in schedule.cuts if share > 0}

    def scored_by(self, schedule: Schedule) -> list[tuple[int, str, str | None]]:
        """Return of `rankings` (layer, name of the criterion that scores, what that computes)."""
        return [
            (layer, name_of(part.criterion), part.cost) for layer, part in self.rankings(schedule).items()
        ]

    def cost_word(self, word: str) -> str:
        """Return a word of `cost`, with "@" and the option that it depends on, if any; here none."""
        return word

    def vision_maps(self) -> tuple[VisionMap, ...]:
        """Return what of the vision tower it reads, here nothing."""
        return ()

    @property
    def identity(self) -> tuple[Any, ...]:
        """What tells criteria apart: the class and all that it holds but `reverse` and `merge`.

        Those two are what the engine does with the choice (`Ranking`).

        Cached properties follow from the rest.
        """
        kind = type(self)
        # Fields of a class with slots are not among its variables.
        held = {field.name: getattr(self, field.name) for field in fields(self)} | vars(self)
        options = sorted(
            (name, repr(value))
            for name, value in held.items()
            if name not in _OF_THE_ENGINE and not isinstance(getattr(kind, name, None), cached_property)
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

    def select(self, stage: Stage) -> Tensor:
        """Mark the image tokens that stay: by default the highest scores, of equal ones the lower number.

        A criterion that weighs whole sets overrides this and not `score`. As there, what it returns must
        follow from the options and the stage alone.

        Parameters
        ----------
        stage : Stage
            What a criterion may look at; `stage.keep` and `stage.n_keep` tell how many tokens are asked for.

        Returns
        -------
        Tensor
            Shape (batch, present tokens), bool: exactly `stage.keep[row]` image tokens of each row.
        """
        from prunegrid.pruning.highest import highest

        return highest(self.score(stage).float(), stage.image, stage.n_keep)

    @property
    def selects_sets(self) -> bool:
        """Whether it selects whole sets, by a `select` of its own, and gives no scores."""
        return type(self).select is not Criterion.select

    def merge_weights(self, stage: Stage, kept: Marked, image: Marked) -> Tensor:
        """Say how much of each image token is added to each that stays, for `merge: weighted`.

        Parameters
        ----------
        stage : Stage
            The cut.
        kept, image : Marked
            The tokens that stay, and all image tokens that are present: (batch, k) and (batch, n) places.

        Returns
        -------
        Tensor
            Shape (batch, k, n), float32; places that hold no token do not count.

        Raises
        ------
        PruningError
            If the criterion does not say.
        """
        raise self._without_weights()

    def _without_weights(self) -> PruningError:
        return PruningError(
            f"criterion {name_of(self)!r} does not say how much of each token is added to those that stay "
            "(merge_weights): merge can be drop or average, not weighted"
        )

    @property
    def merges_inputs(self) -> bool:
        """Whether `merge: weighted` adds up, before layer 0, what the projector is given, not its outputs.

        It then names the map `projector_inputs` in its `vision_maps`.
        """
        return False

    @property
    def weighs(self) -> bool:
        """Whether it has `merge_weights` of its own."""
        return type(self).merge_weights is not Criterion.merge_weights
