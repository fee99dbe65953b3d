"""A cut: which image tokens stay before a layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from prunegrid.pruning.attention import Projected
from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.gradient_scores import GradientScores
from prunegrid.pruning.kept_tokens import Cut
from prunegrid.pruning.merging import merge
from prunegrid.pruning.prefill import Prefill
from prunegrid.pruning.schedule import Schedule
from prunegrid.pruning.selection import select
from prunegrid.pruning.stage import Stage
from prunegrid.pruning.token_layout import gather_tokens


@dataclass(frozen=True)
class Cutter:
    """Cuts prefills as a schedule says, by what a criterion selects.

    Attributes
    ----------
    criterion : Criterion
        Scores or selects image tokens, or says who does.
    schedule : Schedule
        As solved without a sample: who scores must not depend on the batch.
    seed : int
        Of random orders.
    gradients : GradientScores
        Of the unpruned model's answer.
    project : callable
        The model's projector; see `Stage.projected`.
    """

    criterion: Criterion
    schedule: Schedule
    seed: int
    gradients: GradientScores
    project: Callable[[Tensor], Tensor]

    def cut(
        self, run: Prefill, index: int, hidden: Tensor, own: Callable[[], Projected], shared: bool
    ) -> Tensor:
        """Drop image tokens before a layer.

        Parameters
        ----------
        run : Prefill
            The batch; what is kept is noted there.
        index : int
            The layer.
        hidden : Tensor
            (batch, present tokens, hidden size): what enters it.
        own : callable
            Returns the queries and keys that the layer makes of it.
        shared : bool
            Other prefills take over what is selected.

        Returns
        -------
        Tensor
            The hidden states that stay.
        """
        numbers, before, after = run.numbers, run.present, run.present_after[index]
        rows = tuple(row for row, keep in enumerate(run.cuts[index]) if keep is not None)
        if after == before:
            run.cut(Cut(index, rows, numbers, sizes=run.sizes))
            return hidden
        image = numbers >= 0
        selected, cut = torch.zeros_like(image), Cut(index, rows, numbers, sizes=run.sizes)
        if any(after):
            ranking = self.criterion.ranking(index, self.schedule)
            stage = self._stage(run, index, hidden, own)
            selection = select(ranking, stage, shared)
            merged = merge(ranking, stage, selection, run.sizes)
            selected, hidden = merged.stays.to(image.device), merged.hidden
            name = type(ranking.criterion).__name__
            # Clusters take the places of the last by score: such a cut has no one boundary.
            tied = None if ranking.merge == "recycle" else selection.tied
            ranked = tuple(row for row in rows if 0 < after[row] < before[row])
            told = (name, selection.fault, selection.fault_text)
            cut = Cut(index, rows, numbers, *told, merged.sizes, tied, () if tied is None else ranked)
        keep = run.layout.valid & (~image | selected)
        run.layout, chosen = run.layout.select(keep, run.lengths_after(index))
        left = numbers.gather(1, chosen).masked_fill(~run.layout.valid, -1)
        sizes = None if cut.sizes is None else cut.sizes.gather(1, chosen.to(cut.sizes.device))
        run.cut(replace(cut, numbers=left, sizes=sizes))
        return gather_tokens(hidden, chosen, dim=1)

    def _stage(self, run: Prefill, index: int, hidden: Tensor, own: Callable[[], Projected]) -> Stage:
        # The layers of a model placed on several devices; the prompt's numbers lie where its ids do.
        numbers = run.numbers.to(hidden.device)
        image, width = numbers >= 0, numbers.shape[1]
        layout = run.layout if run.layout.valid.device == hidden.device else run.layout.to(hidden.device)
        place = torch.arange(width, device=hidden.device)
        last_image = torch.where(image, place, -1).amax(1, keepdim=True)
        text_after = (place > last_image) & layout.valid & (last_image >= 0)
        return Stage(
            layer=index,
            n_layers=self.schedule.n_layers,
            keep=[*run.present_after[index]],
            n_keep=run.keep_on(index, hidden.device),
            hidden=hidden,
            image=image,
            text_after=text_after,
            last=(place == width - 1).expand_as(image),
            numbers=numbers,
            most_image_tokens=max(run.counts),
            sample_ids=run.sample_ids,
            seed=self.seed,
            layout=layout,
            _prefill=run,
            _gradients=self.gradients,
            _own=own,
            _project=self.project,
        )
