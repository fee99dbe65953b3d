"""The slow way to prune: run all tokens, and hide the dropped ones from later layers with a mask.

One unpadded prompt, no cache, no hook of the engine. Nothing of the engine is used but where a family keeps
its layers and its image tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from prunegrid.pruning.families import family_of

Kept = Iterable[tuple[int, Sequence[int]]]
# (layer, what enters it, (1, tokens, hidden size))
Seen = Callable[[int, Tensor], None]


def appended(inputs: Mapping[str, Any], tokens: Sequence[int]) -> dict[str, Any]:
    """Return one unpadded prompt with answer tokens after it.

    Parameters
    ----------
    inputs : mapping
        As `generate` takes it: (1, tokens) each of `input_ids` and what describes them.
    tokens : sequence of int
        The answer so far.
    """
    ids: Tensor = inputs["input_ids"]
    answer = torch.tensor([list(tokens)], dtype=torch.long, device=ids.device)
    whole = {**inputs, "input_ids": torch.cat([ids, answer], 1)}
    whole["attention_mask"] = torch.ones_like(whole["input_ids"])
    for name in ("token_type_ids", "mm_token_type_ids"):
        if name in inputs:
            whole[name] = torch.cat([inputs[name], torch.zeros_like(answer, dtype=inputs[name].dtype)], 1)
    return whole


def image_columns(model: PreTrainedModel, inputs: Mapping[str, Any]) -> Tensor:
    """Return the columns of a prompt's image tokens, ascending."""
    image_id = family_of(model.config.model_type).image_token_id(model.config)
    found: Tensor = (inputs["input_ids"][0] == image_id).nonzero()[:, 0]
    return found


@torch.no_grad()
def masked_logits(
    model: PreTrainedModel,
    inputs: Mapping[str, Any],
    kept: Kept,
    tokens: Sequence[int],
    seen: Seen | None = None,
) -> Tensor:
    """Return the logits of every generated token, without cache and without dropping anything.

    Parameters
    ----------
    model : PreTrainedModel
        The model.
    inputs : mapping
        One unpadded prompt, as `generate` takes it.
    kept : iterable of (int, sequence of int)
        Before which layers which image tokens stay, by their original numbers.
    tokens : sequence of int
        What was generated.
    seen : callable, optional
        Is shown what enters every layer.

    Returns
    -------
    Tensor
        (generated tokens, vocabulary).
    """
    columns = image_columns(model, inputs)
    whole = appended(inputs, tokens[:-1])
    width, device = whole["input_ids"].shape[1], whole["input_ids"].device
    cuts = {layer: list(numbers) for layer, numbers in kept}
    dropped = torch.zeros(width, dtype=torch.bool, device=device)
    handles = []
    for index, layer in enumerate(family_of(model.config.model_type).layers(model)):
        if index in cuts:
            dropped = torch.zeros(width, dtype=torch.bool, device=device)
            dropped[columns] = True
            dropped[columns[cuts[index]]] = False
        handles.append(layer.register_forward_pre_hook(_hide(index, dropped, seen), with_kwargs=True))
    try:
        logits: Tensor = model(**whole, use_cache=False).logits[0]
    finally:
        for handle in handles:
            handle.remove()
    return logits[inputs["input_ids"].shape[1] - 1 :]


def _hide(index: int, dropped: Tensor, seen: Seen | None) -> Callable[..., Any]:
    def hook(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        hidden = args[0] if args else kwargs["hidden_states"]
        if seen is not None:
            seen(index, hidden)
        mask = forbidden(kwargs.get("attention_mask"), hidden, dropped.to(hidden.device))
        return args, {**kwargs, "attention_mask": mask}

    return hook


def forbidden(mask: Tensor | None, hidden: Tensor, dropped: Tensor) -> Tensor:
    """Return a layer's mask (None: causal) with columns forbidden.

    Parameters
    ----------
    mask : Tensor or None
        (1, 1, tokens, tokens): bool, True where a row may look, or what is added to attention scores.
    hidden : Tensor
        (1, tokens, hidden size): what enters the layer.
    dropped : Tensor
        (tokens,), bool.
    """
    width = hidden.shape[1]
    # A dropped token still sees itself, lest its row is empty; nobody else sees it.
    hide = dropped & ~torch.eye(width, dtype=torch.bool, device=hidden.device)
    if mask is None:
        mask = torch.ones(1, 1, width, width, dtype=torch.bool, device=hidden.device).tril()
    if mask.dtype == torch.bool:
        return mask & ~hide
    return mask.masked_fill(hide, torch.finfo(mask.dtype).min)
