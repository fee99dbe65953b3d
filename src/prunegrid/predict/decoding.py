"""Greedy decoding of a batch: the tokens of each answer, and the logits of its first position."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList

from prunegrid.predict.loading import LoadedModel
from prunegrid.predict.prompts import Batch
from prunegrid.pruning.context import Pruning
from prunegrid.pruning.prefix_sharing import PrefixSharing


@dataclass(frozen=True)
class Decoded:
    """Answers to the prompts of a batch.

    Attributes
    ----------
    tokens : list of list of int
        Per prompt the generated ids, up to and with the first end-of-sequence token.
    first_logits : Tensor
        (batch, vocabulary), float32, on the CPU: logits of the first generated position.
    """

    tokens: list[list[int]]
    first_logits: Tensor


class _FirstLogits(LogitsProcessor):
    """Copies the logits of the first generated position; changes nothing."""

    logits: Tensor

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if not hasattr(self, "logits"):
            self.logits = scores.float().cpu()
        return scores


@torch.no_grad()
def decode_greedily(
    loaded: LoadedModel,
    batch: Batch,
    max_new_tokens: int,
    pruning: Pruning | None = None,
    sharing: PrefixSharing | None = None,
) -> Decoded:
    """Generate the likeliest token at each position.

    Parameters
    ----------
    loaded : LoadedModel
        The model.
    batch : Batch
        The prompts.
    max_new_tokens : int
        Longest answer.
    pruning : Pruning, optional
        Which image tokens are dropped; afterwards it tells which were kept.
    sharing : PrefixSharing, optional
        Layers that the cells of this batch have in common.
    """
    if pruning is not None:
        pruning.sample_ids = [prompt.sample.sample_id for prompt in batch.prompts]
    first = _FirstLogits()
    with nullcontext() if pruning is None else pruning.hooked(sharing):
        generate: Any = loaded.model.generate
        sequences: Tensor = generate(
            **batch.inputs,
            max_new_tokens=max_new_tokens,
            do_sample=False,
            num_beams=1,
            pad_token_id=loaded.processor.tokenizer.pad_token_id,
            logits_processor=LogitsProcessorList([first]),
        )
    eos = loaded.model.generation_config.eos_token_id
    ends = set(eos if isinstance(eos, list) else [eos])
    new = sequences[:, batch.inputs["input_ids"].shape[1] :].tolist()
    return Decoded([_until_end(tokens, ends) for tokens in new], first.logits)


def _until_end(tokens: Sequence[int], ends: set[int]) -> list[int]:
    """Return generated tokens up to and with the first end-of-sequence token."""
    for place, token in enumerate(tokens):
        if token in ends:
            return [*tokens[: place + 1]]
    return [*tokens]
