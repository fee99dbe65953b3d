"""A cut: which image tokens stay before a layer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.gradient_scores import GradientScores
from prunegrid.pruning.prefill import Prefill
from prunegrid.pruning.schedule import Schedule
from prunegrid.pruning.selection import select
from prunegrid.pruning.stage import Stage
from prunegrid.pruning.token_layout import gather_tokens


@dataclass(frozen=True)
class Cutter:
    """Cuts prefills as a schedule says, by a criterion's scores.

    Attributes
    ----------
    criterion : Criterion
        Scores image tokens, or says who does.
    schedule : Schedule
        As solved without a sample: who scores must not depend on the batch.
    seed : int
        Of random orders.
    gradients : GradientScores
        Of the unpruned model's answer.
    """

    criterion: Criterion
    schedule: Schedule
    seed: int
    gradients: GradientScores

    def cut(self, run: Prefill, index: int, hidden: Tensor, shared: bool) -> Tensor:
        """Drop image tokens before a layer.

        Parameters
        ----------
        run : Prefill
            The batch; what is kept is noted there.
        index : int
            The layer.
        hidden : Tensor
            (batch, present tokens, hidden size): what enters it.
        shared : bool
            Other prefills take over what is selected.

        Returns
        -------
        Tensor
            The hidden states that stay.
        """
        numbers = run.numbers.gather(1, run.layout.columns)
        image = (numbers >= 0) & run.layout.valid
        present = image.sum(1).tolist()
        keep = [
            have if wanted is None else wanted for wanted, have in zip(run.cuts[index], present, strict=True)
        ]
        if keep == present:
            selected = image
        elif not any(keep):
            selected = torch.zeros_like(image)
        else:
            stage = self._stage(run, index, hidden, numbers, image, keep)
            selected = select(self.criterion.ranking(index, self.schedule), stage, shared).to(image.device)
        run.layout, chosen = run.layout.select(run.layout.valid & (~image | selected))
        for row, wanted in enumerate(run.cuts[index]):
            if wanted is not None:
                run.kept[row].append((index, numbers[row][selected[row]].tolist()))
        return gather_tokens(hidden, chosen, dim=1)

    def _stage(
        self, run: Prefill, index: int, hidden: Tensor, numbers: Tensor, image: Tensor, keep: list[int]
    ) -> Stage:
        width = numbers.shape[1]
        # The layers of a model placed on several devices; the prompt's numbers lie where its ids do.
        numbers, image = numbers.to(hidden.device), image.to(hidden.device)
        layout = run.layout if run.layout.valid.device == hidden.device else run.layout.to(hidden.device)
        place = torch.arange(width, device=hidden.device)
        last_image = torch.where(image, place, -1).amax(1, keepdim=True)
        text_after = (place > last_image) & layout.valid & (last_image >= 0)
        return Stage(
            layer=index,
            n_layers=self.schedule.n_layers,
            keep=keep,
            hidden=hidden,
            image=image,
            text_after=text_after,
            last=(place == width - 1).expand_as(image),
            numbers=torch.where(image, numbers, -1),
            most_image_tokens=max(run.counts),
            sample_ids=run.sample_ids,
            seed=self.seed,
            layout=layout,
            _prefill=run,
            _gradients=self.gradients,
        )
