"""Greedy decoding of a batch: the tokens of each answer, and the logits of its first position."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList

from prunegrid.predict.loading import LoadedModel
from prunegrid.predict.prompts import Batch, Prompt
from prunegrid.pruning.context import Pruning
from prunegrid.pruning.determinism import without_cudnn_attention
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
    first_broken : list of int or None
        Per prompt the first position of the answer whose logits are not numbers, None if all are.
    """

    tokens: list[list[int]]
    first_logits: Tensor
    first_broken: list[int | None]


class _Watched(LogitsProcessor):
    """Copies the logits of the first generated position and notes broken ones; changes nothing."""

    logits: Tensor
    _broken: Tensor
    _position = 0

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        # Minus infinity is what a token has that is never to be generated.
        broken = scores.isnan().any(-1) | scores.isposinf().any(-1) | scores.isneginf().all(-1)
        if not hasattr(self, "logits"):
            self.logits = scores.float().cpu()
            self._broken = torch.full_like(broken, -1, dtype=torch.long)
        self._broken = torch.where(broken & (self._broken < 0), self._position, self._broken)
        self._position += 1
        return scores

    def first_broken(self, lengths: Sequence[int]) -> list[int | None]:
        """Return the first broken position of each row, None if there is none up to the end of its answer."""
        found = zip(self._broken.tolist(), lengths, strict=True)
        return [at if 0 <= at < length else None for at, length in found]


def greedy_settings(loaded: LoadedModel) -> dict[str, Any]:
    """Return the arguments of `generate` by which a model takes the likeliest token, one answer a prompt."""
    return {
        "do_sample": False,
        "num_beams": 1,
        "pad_token_id": loaded.processor.tokenizer.pad_token_id,
    }


@contextmanager
def pruned(
    pruning: Pruning | None, prompts: Sequence[Prompt], sharing: PrefixSharing | None = None
) -> Iterator[None]:
    """Let the model prune prompts within the context, under their samples' names; None: it stays whole.

    Both without cuDNN's attention: the same batch then gives the same twice.
    """
    with without_cudnn_attention():
        if pruning is None:
            yield
            return
        pruning.sample_ids = [prompt.sample.sample_id for prompt in prompts]
        if pruning.vision_maps:
            pruning.vision = [prompt.features.vision if prompt.features else {} for prompt in prompts]
        with pruning.hooked(sharing):
            yield


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
    watched = _Watched()
    with pruned(pruning, batch.prompts, sharing):
        generate: Any = loaded.model.generate
        sequences: Tensor = generate(
            **batch.inputs,
            max_new_tokens=max_new_tokens,
            **greedy_settings(loaded),
            logits_processor=LogitsProcessorList([watched]),
        )
    eos = loaded.model.generation_config.eos_token_id
    ends = set(eos if isinstance(eos, list) else [eos])
    new = sequences[:, batch.inputs["input_ids"].shape[1] :].tolist()
    answers = [_until_end(tokens, ends) for tokens in new]
    return Decoded(answers, watched.logits, watched.first_broken([len(tokens) for tokens in answers]))


def _until_end(tokens: Sequence[int], ends: set[int]) -> list[int]:
    """Return generated tokens up to and with the first end-of-sequence token."""
    for place, token in enumerate(tokens):
        if token in ends:
            return [*tokens[: place + 1]]
    return [*tokens]
