"""The unpruned model's own greedy answer, token by token, and prompts with an answer appended."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

# Inputs with a place for every token.
_GROWS = frozenset({"input_ids", "attention_mask", "position_ids", "token_type_ids", "mm_token_type_ids"})


@torch.no_grad()
def greedy_answer(
    model: PreTrainedModel, inputs: dict[str, Any], rank: int, answer_tokens: int
) -> tuple[Tensor, Tensor]:
    """Return the model's greedy answer to a prompt.

    Parameters
    ----------
    model : PreTrainedModel
        The model, with pruning switched off.
    inputs : dict
        The prefill's keyword arguments, without cache.
    rank : int
        Rank of the first token: 0 for the most likely one.
    answer_tokens : int
        Longest answer; it ends early at the model's end-of-sequence token.

    Returns
    -------
    Tensor
        (batch, length), int64: tokens.
    Tensor
        (batch, length), bool: which of them belong to the row's answer.
    """
    ends = model.generation_config.eos_token_id
    ends = [] if ends is None else ends if isinstance(ends, list) else [ends]
    tokens: list[Tensor] = []
    counts: list[Tensor] = []
    open_ = torch.ones_like(inputs["input_ids"][:, 0], dtype=torch.bool)
    output = model(**{**inputs, "use_cache": True, "logits_to_keep": 1})
    for step in range(answer_tokens):
        tokens.append(ranked_token(output.logits, rank if step == 0 else 0))
        counts.append(open_)
        open_ = open_ & ~_is_end(tokens[-1], ends)
        if step + 1 == answer_tokens or not open_.any():
            break
        later = with_answer(inputs, torch.stack(tokens, 1))
        later = {name: value for name, value in later.items() if name in _GROWS}
        for name in _GROWS - {"attention_mask"}:
            if later.get(name) is not None:
                later[name] = later[name][..., -1:]
        output = model(**{**later, "use_cache": True, "past_key_values": output.past_key_values})
    return torch.stack(tokens, 1), torch.stack(counts, 1)


def ranked_token(logits: Tensor, rank: int) -> Tensor:
    """Return the token of a rank at the last position, (batch,)."""
    return logits[:, -1].detach().float().topk(rank + 1).indices[:, rank]


def _is_end(token: Tensor, ends: list[int]) -> Tensor:
    return torch.isin(token, torch.tensor(ends, device=token.device, dtype=token.dtype))


def with_answer(inputs: dict[str, Any], answer: Tensor) -> dict[str, Any]:
    """Append answer tokens to the prompt, with mask, types and positions that go on from it."""
    if not answer.shape[1]:
        return inputs
    extended = dict(inputs)
    extended["input_ids"] = torch.cat([inputs["input_ids"], answer], dim=1)
    mask = inputs.get("attention_mask")
    if mask is not None:
        extended["attention_mask"] = torch.cat([mask, torch.ones_like(answer, dtype=mask.dtype)], dim=1)
    for name in ("token_type_ids", "mm_token_type_ids"):
        types = inputs.get(name)
        if types is not None:
            # 0 is text in every family.
            extended[name] = torch.cat([types, torch.zeros_like(answer, dtype=types.dtype)], dim=1)
    positions = inputs.get("position_ids")
    if positions is not None:
        steps = torch.arange(1, answer.shape[1] + 1, device=positions.device)
        extended["position_ids"] = torch.cat([positions, positions[..., -1:] + steps], dim=-1)
    return extended
