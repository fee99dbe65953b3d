"""Gradient scores of batches, each sample's computed once and remembered."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from prunegrid.pruning.gradients import unpruned_saliency
from prunegrid.pruning.prefill import Prefill, Saliencies
from prunegrid.pruning.transfer import to_device


@dataclass
class GradientScores:
    """Gradient scores of a model's prefills.

    Attributes
    ----------
    model, layers : PreTrainedModel, ModuleList
        The model and its decoder layers.
    known : mutable mapping or None
        Where scores are kept between prefills; None: with the prefill.
    running : bool
        The model runs unpruned at the moment: hooks let it pass.
    """

    model: PreTrainedModel
    layers: nn.ModuleList
    known: Saliencies | None = None
    running: bool = field(default=False, init=False)

    def of(self, run: Prefill, rank: int, answer_tokens: int) -> Tensor:
        """Return the scores of a prefill's rows; only those not yet known are computed.

        Parameters
        ----------
        run : Prefill
            The batch; how many answer tokens were explained is noted there.
        rank, answer_tokens : int
            See `prunegrid.pruning.gradients.unpruned_saliency`.

        Returns
        -------
        Tensor
            (batch, layers, most image tokens), float32; 0 beyond a row's own.
        """
        if (rank, answer_tokens) not in run.saliencies_on_device:
            run.saliencies_on_device[rank, answer_tokens] = self._known_or_computed(run, rank, answer_tokens)
        return run.saliencies_on_device[rank, answer_tokens]

    def _known_or_computed(self, run: Prefill, rank: int, answer_tokens: int) -> Tensor:
        known = run.saliencies if self.known is None else self.known
        keys = [(name, rank, answer_tokens) for name in run.sample_ids]
        if any(key not in known for key in keys):
            columns = list((run.tokens.numbers >= 0).nonzero()[:, 1].split(run.counts))
            self.running = True
            try:
                found, lengths = unpruned_saliency(
                    self.model, self.layers, run.inputs, columns, rank, answer_tokens
                )
            finally:
                self.running = False
            for key, row, n, length in zip(keys, found.cpu(), run.counts, lengths, strict=True):
                # A copy: a part would hold the rows of the whole batch.
                known[key] = row[:, :n].clone(), length
        result = torch.zeros(len(keys), len(self.layers), max(1, *run.counts))
        for row, key in enumerate(keys):
            scores, run.explained[row] = known[key]
            result[row, :, : scores.shape[1]] = scores
        return to_device(result, run.tokens.numbers.device)
