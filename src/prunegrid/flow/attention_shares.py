"""The share of its attention that each kind of token gives to each, in every layer."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from prunegrid.flow.token_kinds import TokenKinds, check_attention
from prunegrid.pruning.attention import Projected, attention_received, observe
from prunegrid.pruning.families import family_of


@torch.no_grad()
def attention_shares(model: PreTrainedModel, inputs: dict[str, Any]) -> Tensor:
    """Return the share of attention of every flow in every layer of the unpruned model.

    Of a layer, the mean over query tokens of one kind, and over heads, of the sum of their attention to
    keys of the other kind. Queries are the text tokens after the first image token, which can see one, and
    all image tokens; keys are all tokens. So text to image and text to text add up to 1, and so do image to
    image and image to text.

    Attention is the softmax in float32 of the layer's own queries and keys under its own mask, so that
    grouped heads, positions, scaling and windows are the model's; see `prunegrid.pruning.attention`.

    Parameters
    ----------
    model : PreTrainedModel
        With SDPA or eager attention.
    inputs : dict
        Its arguments: a batch of prompts, padded on the left.

    Returns
    -------
    Tensor
        (batch, layers, 4), float32, on the CPU, the flows in the order of `results.flow_rows.FLOWS`; NaN
        where a prompt has no such query.

    Raises
    ------
    PruningError
        If the model has other attention.
    """
    check_attention(model)
    family = family_of(model.config.model_type)
    attentions = [family.attention(layer) for layer in family.layers(model)]
    kinds = TokenKinds.of(model, inputs)
    found: dict[int, Tensor] = {}

    def note(module: nn.Module, projected: Projected) -> None:
        own = kinds.to(projected.query.device)
        shares = []
        for queries in (own.text_after, own.image):
            received = attention_received(projected, queries, own.valid)
            n_queries = queries.sum(1)
            shares += [(received * keys).sum(1) / n_queries for keys in (own.image, own.text)]
        text_to_image, text_to_text, image_to_image, image_to_text = shares
        found[cast(int, module.layer_idx)] = torch.stack(
            [text_to_image, image_to_image, text_to_text, image_to_text], 1
        ).cpu()

    with observe(attentions, note):
        model(**inputs, use_cache=False, logits_to_keep=1)
    return torch.stack([found[index] for index in range(len(attentions))], 1)
