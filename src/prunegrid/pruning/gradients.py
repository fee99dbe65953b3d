"""Gradient x input of the unpruned model's own answer, for all layers in one pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from prunegrid.errors import PruningError

MOST_ANSWER_TOKENS = 32
Entered = tuple[tuple[Any, ...], dict[str, Any]]
Hook = Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], Entered]
# Inputs with a place for every token.
_GROWS = frozenset({"input_ids", "attention_mask", "position_ids", "token_type_ids", "mm_token_type_ids"})


def unpruned_saliency(
    model: PreTrainedModel,
    layers: nn.ModuleList,
    inputs: Mapping[str, Any],
    image_columns: list[Tensor],
    rank: int,
    answer_tokens: int,
) -> tuple[Tensor, list[int]]:
    """Compute sum over features of abs(h * dJ/dh) for the state h entering every layer.

    Parameters
    ----------
    model : PreTrainedModel
        The model, with pruning switched off.
    layers : ModuleList
        Its decoder layers.
    inputs : mapping
        The prefill's keyword arguments, without cache.
    image_columns : list of Tensor
        Per batch row the columns of its image tokens.
    rank : int
        0: J is the log-probability of the greedy answer; 1: of the second-ranked first token.
    answer_tokens : int
        Tokens of the answer in J, 1..32; it ends early at the model's end-of-sequence token.

    Returns
    -------
    Tensor
        (batch, layers, most image tokens), float32; 0 beyond a row's own. Layer 0 is not computed.
    list of int
        Per row, how many tokens of the answer J is made of.
    """
    if torch.is_inference_mode_enabled():
        raise PruningError("gradient criteria cannot run under torch.inference_mode: use torch.no_grad")
    if not 1 <= answer_tokens <= MOST_ANSWER_TOKENS:
        raise PruningError(f"answer_tokens={answer_tokens} is not among 1..{MOST_ANSWER_TOKENS}")
    inputs = {**inputs, "use_cache": False}
    for key in ("past_key_values", "cache_position", "labels"):
        inputs.pop(key, None)
    answer: Tensor | None = None
    counts: Tensor | None = None
    if answer_tokens > 1:
        answer, counts = _answer(model, inputs, rank, answer_tokens)
        inputs = _with_answer(inputs, answer[:, :-1])
    length = 1 if answer is None else answer.shape[1]
    inputs["logits_to_keep"] = length
    entering: dict[int, Tensor] = {}

    def remember(index: int) -> Hook:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Entered:
            hidden = args[0] if args else kwargs["hidden_states"]
            if index == 1:
                # The graph starts here: nothing below layer 1 is ever asked for.
                hidden = hidden.detach().requires_grad_()
            entering[index] = hidden
            if args:
                return (hidden, *args[1:]), kwargs
            return args, {**kwargs, "hidden_states": hidden}

        return hook

    handles = [
        layers[index].register_forward_pre_hook(remember(index), with_kwargs=True)
        for index in range(1, len(layers))
    ]
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    try:
        for parameter in trainable:
            parameter.requires_grad_(False)
        with torch.enable_grad():
            logits = model(**inputs).logits[:, -length:].float()
            if answer is None or counts is None:
                # A single token needs no pass before this one.
                answer = _ranked(logits, rank)[:, None]
                counts = torch.ones_like(answer, dtype=torch.bool)
            chosen = logits.log_softmax(-1).gather(2, answer[:, :, None])[..., 0]
            # Rows do not see each other, so one backward pass of the sum serves all of them.
            objective = (chosen * counts).sum()
            gradients = torch.autograd.grad(objective, [entering[i] for i in range(1, len(layers))])
    finally:
        for handle in handles:
            handle.remove()
        for parameter in trainable:
            parameter.requires_grad_(True)
    most = max(1, *(len(columns) for columns in image_columns))
    result = torch.zeros(len(image_columns), len(layers), most, device=answer.device)
    for index, gradient in enumerate(gradients, start=1):
        scores = (entering[index].detach().float() * gradient.float()).abs().sum(-1)
        for row, columns in enumerate(image_columns):
            result[row, index, : len(columns)] = scores[row, columns.to(scores.device)]
    return result, counts.sum(1).tolist()


@torch.no_grad()
def _answer(
    model: PreTrainedModel, inputs: dict[str, Any], rank: int, answer_tokens: int
) -> tuple[Tensor, Tensor]:
    """Return the answer's tokens (batch, length) and which of them count (batch, length)."""
    ends = model.generation_config.eos_token_id
    ends = [] if ends is None else ends if isinstance(ends, list) else [ends]
    tokens: list[Tensor] = []
    counts: list[Tensor] = []
    open_ = torch.ones_like(inputs["input_ids"][:, 0], dtype=torch.bool)
    output = model(**{**inputs, "use_cache": True, "logits_to_keep": 1})
    for step in range(answer_tokens):
        tokens.append(_ranked(output.logits, rank if step == 0 else 0))
        counts.append(open_)
        open_ = open_ & ~_is_end(tokens[-1], ends)
        if step + 1 == answer_tokens or not open_.any():
            break
        later = _with_answer(inputs, torch.stack(tokens, 1))
        later = {name: value for name, value in later.items() if name in _GROWS}
        for name in _GROWS - {"attention_mask"}:
            if later.get(name) is not None:
                later[name] = later[name][..., -1:]
        output = model(**{**later, "use_cache": True, "past_key_values": output.past_key_values})
    return torch.stack(tokens, 1), torch.stack(counts, 1)


def _ranked(logits: Tensor, rank: int) -> Tensor:
    """Return the token of a rank at the last position, (batch,)."""
    return logits[:, -1].detach().float().topk(rank + 1).indices[:, rank]


def _is_end(token: Tensor, ends: list[int]) -> Tensor:
    return torch.isin(token, torch.tensor(ends, device=token.device, dtype=token.dtype))


def _with_answer(inputs: dict[str, Any], answer: Tensor) -> dict[str, Any]:
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
