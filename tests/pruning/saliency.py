"""Gradient scores of a batch: layer by layer, as they are computed, and from one graph."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from prunegrid.pruning.gradients import unpruned_saliency


def plain(model: Any, inputs: dict[str, Tensor], columns: list[Tensor]) -> Tensor:
    """Return the saliency of the first token, from one graph over all layers: the slow obvious way."""
    layers = model.model.language_model.layers
    entering: dict[int, Tensor] = {}

    def remember(index: int) -> Callable:
        def hook(module: Any, args: tuple) -> tuple:
            entering[index] = args[0].detach().requires_grad_() if index == 1 else args[0]
            return entering[index], *args[1:]

        return hook

    handles = [layer.register_forward_pre_hook(remember(i)) for i, layer in enumerate(layers) if i]
    with torch.enable_grad():
        logits = model(**inputs, use_cache=False).logits[:, -1].float()
        objective = logits.log_softmax(-1).amax(-1).sum()
        found = torch.autograd.grad(objective, list(entering.values()))
    for handle in handles:
        handle.remove()
    scores = [(entering[i].detach() * gradient).abs().sum(-1) for i, gradient in enumerate(found, start=1)]
    return torch.stack([torch.stack([one[row, at] for one in scores]) for row, at in enumerate(columns)])


def saliency(model: Any, inputs: dict[str, Tensor], columns: list[Tensor], answer_tokens: int = 1) -> Tensor:
    layers = model.model.language_model.layers
    return unpruned_saliency(model, layers, inputs, columns, 0, answer_tokens)[0]
