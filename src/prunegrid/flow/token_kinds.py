"""Which tokens of a batch are text and which are image, in the prompt and behind it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import PreTrainedModel

from prunegrid.errors import PruningError
from prunegrid.pruning.families import family_of
from prunegrid.pruning.prompt_tokens import PromptTokens

# Attention that is given a mask of rows and columns, or none where that is causal.
KERNELS = ("sdpa", "eager")


@dataclass(frozen=True)
class TokenKinds:
    """Kinds of the tokens of a batch; a token is text where it is neither image nor padding.

    Attributes
    ----------
    image, valid : Tensor
        (batch, tokens), bool; `valid` is False for padding.
    """

    image: Tensor
    valid: Tensor

    @classmethod
    def of(cls, model: PreTrainedModel, inputs: dict[str, Any]) -> TokenKinds:
        """Read a batch of prompts, given as the model's arguments.

        Raises
        ------
        PruningError
            If there are no `input_ids`, or prompts are padded on the right.
        """
        ids = inputs.get("input_ids")
        if ids is None:
            raise PruningError("flows need input_ids: the image tokens are found by their id")
        mask = inputs.get("attention_mask")
        valid = torch.ones_like(ids, dtype=torch.bool) if mask is None else mask.bool()
        family = family_of(model.config.model_type)
        tokens = PromptTokens.read(ids, valid, family.image_token_id(model.config))
        return cls(tokens.numbers >= 0, valid)

    @property
    def text(self) -> Tensor:
        """(batch, tokens), bool: text tokens."""
        return self.valid & ~self.image

    @property
    def text_after(self) -> Tensor:
        """(batch, tokens), bool: text tokens after the row's first image token, which can see one."""
        return self.text & (self.image.cumsum(1) > 0)

    def followed_by(self, n: int) -> TokenKinds:
        """Return the kinds with n further tokens of text, those of an answer, in every row."""
        return TokenKinds(pad(self.image, (0, n)), pad(self.valid, (0, n), value=True))

    def to(self, device: torch.device) -> TokenKinds:
        """Return the same on another device: layers may lie on several."""
        return TokenKinds(self.image.to(device), self.valid.to(device))


def check_attention(model: PreTrainedModel) -> None:
    """Refuse attention that takes no mask of rows and columns.

    Raises
    ------
    PruningError
        If it is neither SDPA nor eager.
    """
    kernel = model.config.get_text_config()._attn_implementation
    if kernel not in KERNELS:
        raise PruningError(
            f"flows are seen and hidden in {' and '.join(KERNELS)} attention alone, not in {kernel}: use "
            "attn_implementation='sdpa'"
        )


def arguments_of(model: PreTrainedModel, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return all arguments of a call of the model by name."""
    if not args:
        return kwargs
    named = inspect.signature(model.forward).bind(*args, **kwargs).arguments
    return {**named.pop("kwargs", {}), **named}
