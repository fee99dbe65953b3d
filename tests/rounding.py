"""How far results in float32 may lie apart: by what the model itself rounds, measured where it is compared.

Two ways to the same result are each off from the exact one by what float32 rounds, so they differ by at most
twice that. It is measured on the model's plain forward pass, against the same in float64; that other tokens,
rows and orders of summation round worse is worth another factor of two.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

FACTOR = 2 * 2


def doubled(value: Any) -> Any:
    """Return tensors, in mappings and lists too, in float64 where they are of floats."""
    if isinstance(value, Tensor):
        return value.double() if value.is_floating_point() else value
    if isinstance(value, dict):
        return type(value)(**{key: doubled(part) for key, part in value.items()})
    return [doubled(part) for part in value] if isinstance(value, list) else value


def in_double(model: PreTrainedModel) -> PreTrainedModel:
    """Return a copy of a model in float64."""
    return copy.deepcopy(model).double()


def noise(single: Tensor, double: Tensor) -> float:
    """Return the largest difference of a result in float32 from the same in float64."""
    return (single.double() - double).abs().max().item()


def logits_noise(model: PreTrainedModel, batches: Iterable[dict[str, Any]]) -> float:
    """Return the noise of a plain forward pass, of all positions that are not padding."""
    double, worst = in_double(model), 0.0
    with torch.no_grad():
        for inputs in batches:
            tokens = inputs["attention_mask"].bool()
            exact = double(**doubled(inputs)).logits[tokens]
            worst = max(worst, noise(model(**inputs).logits[tokens], exact))
    return worst


def outputs_noise(
    model: PreTrainedModel, run: Callable[[PreTrainedModel, Any], Iterable[Tensor]], inputs: Any
) -> float:
    """Return the noise of the tensors that `run(model, inputs)` gives."""
    pairs = zip(run(model, inputs), run(in_double(model), doubled(inputs)), strict=True)
    return max(noise(single, double) for single, double in pairs)
