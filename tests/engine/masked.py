"""The plain way to prune: run all tokens, and hide the dropped ones from later layers with a mask."""

import torch
from torch import Tensor

from prunegrid.models.registry import family_of


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
    prompt = inputs["input_ids"]
    columns = (prompt[0] == family.image_token_id(model.config)).nonzero()[:, 0]
    answer = torch.tensor([tokens[:-1]])
    width = prompt.shape[1] + answer.shape[1]
    whole = {**inputs, "input_ids": torch.cat([prompt, answer], 1)}
    whole["attention_mask"] = torch.ones(1, width, dtype=torch.long)
    for name in ("token_type_ids", "mm_token_type_ids"):
        if name in inputs:
            whole[name] = torch.cat([inputs[name], torch.zeros_like(answer, dtype=inputs[name].dtype)], 1)

    def hide(dropped: Tensor):
        def hook(layer, args, kwargs):
            mask = kwargs.get("attention_mask")
            if mask is None:
                mask = torch.ones(width, width, dtype=torch.bool).tril()[None, None]
            # A dropped token still sees itself, lest its row is empty; nobody else sees it.
            mask = (mask & ~dropped) | torch.eye(width, dtype=torch.bool)
            return args, {**kwargs, "attention_mask": mask}

        return hook

    handles, dropped = [], torch.zeros(width, dtype=torch.bool)
    cuts = dict(kept)
    for index, layer in enumerate(family.layers(model)):
        if index in cuts:
            dropped = torch.zeros(width, dtype=torch.bool)
            stay = set(cuts[index])
            dropped[[int(c) for number, c in enumerate(columns) if number not in stay]] = True
        handles.append(layer.register_forward_pre_hook(hide(dropped), with_kwargs=True))
    try:
        with torch.no_grad():
            logits = model(**whole, use_cache=False).logits[0]
    finally:
        for handle in handles:
            handle.remove()
    return logits[prompt.shape[1] - 1 :]
