"""What a criterion may look at, just before a layer that drops tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from prunegrid.errors import PruningError
from prunegrid.pruning.attention import Projected, attention_received, mean_query_attention
from prunegrid.pruning.gradient_scores import GradientScores
from prunegrid.pruning.prefill import Prefill
from prunegrid.pruning.token_layout import Layout
from prunegrid.pruning.vision_maps import VisionMap


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
    _project: Callable[[Tensor], Tensor]

    @property
    def present(self) -> list[int]:
        """Image tokens that are present, per batch row."""
        return self._prefill.present

    def asked_for_the_others(self) -> Stage:
        """Return the same stage, but with as many tokens to keep as this one drops."""
        keep = [have - keep for have, keep in zip(self.present, self.keep, strict=True)]
        return replace(self, keep=keep, n_keep=self.image.sum(1) - self.n_keep)

    def attention_received(
        self, rows: Tensor, *, within: Tensor | None = None, heads_by: Literal["mean", "max"] = "mean"
    ) -> Tensor:
        """Sum layer l-1's attention, averaged over heads, over query rows.

        The softmax is over the full causal row, in float32, as the model computes it.

        Parameters
        ----------
        rows : Tensor
            (batch, present tokens), bool.
        within : Tensor, optional
            `image`, `text_after` or `last` of this stage, where `rows` are some of these: how many they can
            be is then known, and the device is not asked.
        heads_by : {"mean", "max"}
            "max": the head with the largest attention counts, for each row and column.

        Returns
        -------
        Tensor
            (batch, present tokens), float32: what each token receives.
        """
        most = self.most_marked(rows if within is None else within)
        if most is None and within is not None:
            # As many rows as where the number is known: what is computed is then what is booked.
            most = int(within.sum(1).max())
        rows = rows & self.layout.valid
        return attention_received(self._projected, rows, self.layout.valid, most, heads_by)

    def mean_query_attention(self) -> Tensor:
        """Return how layer l-1's mean query of the image tokens attends to each of them, averaged over heads.

        Returns
        -------
        Tensor
            (batch, present tokens), float32: a softmax over the image tokens; 0 elsewhere.
        """
        return mean_query_attention(self._projected, self.image)

    def keys(self) -> Tensor:
        """Return layer l-1's keys of the present tokens, (batch, present tokens, key heads, head size)."""
        return self._projected.key[:, :, : self.image.shape[1]].transpose(1, 2)

    def values(self) -> Tensor:
        """Return layer l-1's values of the present tokens, (batch, present tokens, key heads, head size)."""
        return self._projected.value[:, :, : self.image.shape[1]].transpose(1, 2)

    def entered_before(self) -> Tensor:
        """Return what entered layer l-1, of the present tokens: (batch, present tokens, hidden size)."""
        if self._prefill.entered_before is None:
            raise self._not_observed("what entered the layer before")
        return self._prefill.entered_before.to(self.hidden.device)

    @property
    def _projected(self) -> Projected:
        projected = self._prefill.projected
        if projected is None:
            raise self._not_observed("the attention")
        return projected

    def _not_observed(self, what: str) -> PruningError:
        return PruningError(
            f"{what} before layer {self.layer} was not observed: no criterion may read it where a strategy "
            "has `ranks = False`"
        )

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
        most = self.most_marked(rows)
        return attention_received(self._own(), rows & self.layout.valid, self.layout.valid, most)

    def most_marked(self, marks: Tensor) -> int | None:
        """Return the most marked tokens of a batch row, known of the stage's own marks; None for others."""
        run = self._prefill
        if marks is self.last:
            return 1
        if marks is self.image:
            return max(run.present)
        return run.tokens.most_text_after(run.present) if marks is self.text_after else None

    def embeddings(self) -> Tensor:
        """Return what the present tokens were on entering layer 0, (batch, present tokens, hidden size)."""
        embeddings = self._prefill.embeddings
        assert embeddings is not None  # kept until the last layer is through
        return self.layout.gather(embeddings, dim=1).to(self.hidden.device)

    def vision(self, kind: str, layer: float) -> Tensor:
        """Return what the vision tower knew of the present image tokens.

        The criterion must name the map in its `vision_maps`.

        Parameters
        ----------
        kind, layer : str, float
            See `prunegrid.pruning.vision_maps.VisionMap`.

        Returns
        -------
        Tensor
            (batch, present tokens, ...), float32, 0 where the token is no image token.
        """
        over_tokens = self._prefill.vision_of(VisionMap(kind, layer).name).to(self.hidden.device)
        rows = torch.arange(len(self.numbers), device=self.numbers.device)[:, None]
        found = over_tokens[rows, self.numbers.clamp_min(0)]
        image = self.image.reshape(*self.image.shape, *(1 for _ in found.shape[2:]))
        return torch.where(image, found, 0.0)

    def projected(self, inputs: Tensor) -> Tensor:
        """Return what the model's projector makes of tokens.

        Parameters
        ----------
        inputs : Tensor
            (batch, places, width), as the map `projector_inputs`.

        Returns
        -------
        Tensor
            (batch, places, hidden size), float32.
        """
        return self._project(inputs).to(self.hidden.device).float()

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
