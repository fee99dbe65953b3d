"""What a criterion may look at, just before a layer that drops tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from prunegrid.errors import PruningError
from prunegrid.pruning.attention import Projected, attention_received
from prunegrid.pruning.gradient_scores import GradientScores
from prunegrid.pruning.prefill import Prefill
from prunegrid.pruning.token_layout import Layout


@dataclass(frozen=True)
class Stage:
    """A stage (l, n): before layer l runs, n of the image tokens still present are kept.

    Attributes
    ----------
    layer : int
        l.
    n_layers : int
        L.
    keep : list of int
        n, per batch row.
    n_keep : Tensor
        (batch,), int64: the same, where the hidden states are.
    hidden : Tensor
        (batch, present tokens, hidden size), in the model's dtype: what enters layer l.
    image, text_after, last : Tensor
        (batch, present tokens), bool: image tokens; text tokens after the row's last image token; the
        last prompt token.
    numbers : Tensor
        (batch, present tokens), int64: original numbers of image tokens, -1 elsewhere.
    most_image_tokens : int
        The largest N of the batch.
    sample_ids : sequence of str
        One per batch row.
    seed : int
        The cell's seed.
    layout : Layout
        Which columns of the prompt the present tokens are.
    """

    layer: int
    n_layers: int
    keep: list[int]
    n_keep: Tensor
    hidden: Tensor
    image: Tensor
    text_after: Tensor
    last: Tensor
    numbers: Tensor
    most_image_tokens: int
    sample_ids: Sequence[str]
    seed: int
    layout: Layout
    _prefill: Prefill
    _gradients: GradientScores
    _own: Callable[[], Projected]

    def attention_received(self, rows: Tensor) -> Tensor:
        """Sum layer l-1's head-averaged attention over query rows.

        The softmax is over the full causal row, in float32, as the model computes it.

        Parameters
        ----------
        rows : Tensor
            (batch, present tokens), bool.

        Returns
        -------
        Tensor
            (batch, present tokens), float32: what each token receives.
        """
        projected = self._prefill.projected
        if projected is None:
            raise PruningError(
                f"the attention before layer {self.layer} was not observed: no criterion may read it where a "
                "strategy has `ranks = False`"
            )
        most = self._most(rows)
        return attention_received(projected, rows & self.layout.valid, self.layout.valid, most)

    def own_attention_received(self, rows: Tensor) -> Tensor:
        """Sum the head-averaged attention of layer l itself over query rows.

        Its norm and projections are run on what enters it, before the cut; each call runs them.

        Parameters
        ----------
        rows : Tensor
            (batch, present tokens), bool.

        Returns
        -------
        Tensor
            (batch, present tokens), float32: what each token receives.
        """
        most = self._most(rows)
        return attention_received(self._own(), rows & self.layout.valid, self.layout.valid, most)

    def _most(self, rows: Tensor) -> int | None:
        """Return the most marked rows of a batch row, known of the stage's own marks; None for others."""
        run = self._prefill
        if rows is self.last:
            return 1
        if rows is self.image:
            return max(run.present)
        return run.tokens.most_text_after(run.present) if rows is self.text_after else None

    def embeddings(self) -> Tensor:
        """Return what the present tokens were on entering layer 0, (batch, present tokens, hidden size)."""
        embeddings = self._prefill.embeddings
        assert embeddings is not None  # kept until the last layer is through
        return self.layout.gather(embeddings, dim=1).to(self.hidden.device)

    def unpruned_saliency(self, rank: int, answer_tokens: int) -> Tensor:
        """Return abs(h * dJ/dh) summed over features, in the unpruned model.

        Parameters
        ----------
        rank : int
            0: J is the log-probability of the model's greedy answer; 1: of the second-ranked first token.
        answer_tokens : int
            Answer tokens in J, at most 32.

        Returns
        -------
        Tensor
            (batch, present tokens), float32, 0 where the token is no image token.
        """
        saliency = self._gradients.of(self._prefill, rank, answer_tokens)
        scores = saliency[:, self.layer].to(self.numbers.device).gather(1, self.numbers.clamp_min(0))
        return torch.where(self.image, scores, 0.0)
