"""Contiguous positions: the tokens that a layer holds stand at 0, 1, 2, ..., generated ones after them.

A model makes position embeddings once, for the columns of the unpruned prompt and then for each generated
token; all layers are handed the same. So the token of rank r in a layer is given what the model made for
the prompt's r-th token, and no module of the model is asked for embeddings of other positions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from prunegrid.errors import PruningError
from prunegrid.pruning.token_layout import Layout, gather_tokens

# What a layer rotates queries and keys by: cosines and sines, each (batch or 1, columns, head size).
Rotary = tuple[Tensor, ...]


@dataclass(eq=False)
class MovedUp:
    """The position embeddings of a prompt and of what is generated after it.

    Attributes
    ----------
    valid : Tensor
        (batch, columns), bool: False for padding of the unpruned prompt.
    """

    valid: Tensor
    _of_prompt: dict[int, Rotary] = field(default_factory=dict, init=False)
    _generated: dict[int, Rotary] = field(default_factory=dict, init=False)

    @cached_property
    def _columns(self) -> Tensor:
        """The column of each rank, (batch, columns), int64: the valid ones in order, then the others."""
        return (~self.valid).to(torch.uint8).argsort(dim=1, stable=True)

    def note(self, layer: int, embeddings: Rotary | None) -> None:
        """Keep what the model hands a layer for the unpruned prompt.

        Raises
        ------
        PruningError
            If the model hands its layers no position embeddings.
        """
        if embeddings is None:
            raise PruningError(
                f"layer {layer} is handed no position embeddings: positions='contiguous' needs them, "
                "use positions='original'"
            )
        self._of_prompt[layer] = embeddings

    def in_prompt(self, embeddings: Rotary, layout: Layout) -> Rotary:
        """Return the embeddings of the tokens present in a layer.

        Parameters
        ----------
        embeddings : tuple of Tensor
            Each (batch or 1, columns, head size), of the unpruned prompt.
        layout : Layout
            The tokens present.
        """
        rank = (layout.valid.cumsum(1) - 1).clamp_min(0)
        columns = self._columns.gather(1, rank.to(self._columns.device))
        return tuple(gather_tokens(part, columns, dim=-2) for part in embeddings)

    def later(self, layer: int, embeddings: Rotary, layout: Layout, held: int) -> Rotary:
        """Return the embeddings of generated tokens, which follow on those of the prompt in a layer.

        Parameters
        ----------
        layer : int
            The layer.
        embeddings : tuple of Tensor
            Each (batch or 1, new tokens, head size), as the model hands them over: the positions after the
            unpruned prompt.
        layout : Layout
            The prompt's tokens in the layer.
        held : int
            Generated tokens that the layer's cache holds already.
        """
        prompt = self._of_prompt[layer]
        # Layers share the prompt's, so those of later tokens, too; what was cropped is written anew.
        known = self._generated.get(id(prompt))
        if known is not None:
            embeddings = tuple(
                torch.cat([old[..., :held, :].expand(*new.shape[:-2], -1, -1), new], dim=-2)
                for old, new in zip(known, embeddings, strict=True)
            )
        self._generated[id(prompt)] = embeddings
        n_new = embeddings[0].shape[-2] - held
        rank = layout.valid.sum(1, keepdim=True) + held
        rank = (rank + torch.arange(n_new, device=rank.device)).to(self.valid.device)
        beyond = rank - self.valid.sum(1, keepdim=True)
        columns = self._columns.gather(1, rank.clamp_max(self.valid.shape[1] - 1))
        return tuple(
            torch.where(
                (beyond >= 0)[:, :, None].to(new.device),
                gather_tokens(new, beyond.clamp_min(0), dim=-2),
                gather_tokens(old, columns, dim=-2),
            )
            for old, new in zip(prompt, embeddings, strict=True)
        )
