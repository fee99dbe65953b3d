"""The plain way to prune: run all tokens, and hide the dropped ones from later layers with a mask."""

import torch
from torch import Tensor

from prunegrid.pruning.families import family_of


def with_answer(inputs: dict[str, Tensor], tokens: list[int]) -> dict[str, Tensor]:
    """Return one unpadded prompt with answer tokens after it."""
    answer = torch.tensor([tokens], dtype=torch.long)
    whole = {**inputs, "input_ids": torch.cat([inputs["input_ids"], answer], 1)}
    whole["attention_mask"] = torch.ones_like(whole["input_ids"])
    for name in ("token_type_ids", "mm_token_type_ids"):
        if name in inputs:
            whole[name] = torch.cat([inputs[name], torch.zeros_like(answer, dtype=inputs[name].dtype)], 1)
    return whole


def masked_logits(
    model, inputs: dict[str, Tensor], kept: list[tuple[int, list[int]]], tokens: list[int]
) -> Tensor:
    """Return the logits of every generated token, without cache and without dropping anything.

    Parameters
    ----------
    model : PreTrainedModel
        The model.
    inputs : dict
        One unpadded prompt, as `generate` takes it.
    kept : list of (int, list of int)
        What pruning kept before each cut layer.
    tokens : list of int
        What it generated.

    Returns
    -------
    Tensor
        (generated tokens, vocabulary).
    """
    family = family_of(model.config.model_type)
    columns = (inputs["input_ids"][0] == family.image_token_id(model.config)).nonzero()[:, 0]
    whole = with_answer(inputs, tokens[:-1])
    width = whole["input_ids"].shape[1]
    own = torch.eye(width, dtype=torch.bool)

    def hide(dropped: Tensor):
        def hook(layer, args, kwargs):
            mask = kwargs.get("attention_mask")
            mask = torch.ones_like(own).tril()[None, None] if mask is None else mask
            # A dropped token still sees itself, lest its row is empty; nobody else sees it.
            return args, {**kwargs, "attention_mask": (mask & ~dropped) | own}

        return hook

    cuts, handles = dict(kept), []
    dropped = torch.zeros(width, dtype=torch.bool)
    for index, layer in enumerate(family.layers(model)):
        if index in cuts:
            dropped = torch.zeros(width, dtype=torch.bool)
            dropped[columns] = True
            dropped[columns[cuts[index]]] = False
        handles.append(layer.register_forward_pre_hook(hide(dropped), with_kwargs=True))
    try:
        with torch.no_grad():
            logits = model(**whole, use_cache=False).logits[0]
    finally:
        for handle in handles:
            handle.remove()
    return logits[inputs["input_ids"].shape[1] - 1 :]
