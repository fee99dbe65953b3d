"""Flash attention as PyTorch ships it, under the interface of the package flash_attn."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.varlen import varlen_attn


def varlen(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    cu_seqlens_q: Tensor,
    cu_seqlens_k: Tensor,
    max_seqlen_q: int,
    max_seqlen_k: int,
    causal: bool,
    softmax_scale: float,
    **_: Any,
) -> Tensor:
    """Attention of rows one behind the other, (tokens, heads, size)."""
    return varlen_attn(
        query,
        key,
        value,
        cu_seqlens_q,
        cu_seqlens_k,
        max_seqlen_q,
        max_seqlen_k,
        scale=softmax_scale,
        window_size=(-1, 0) if causal else (-1, -1),
    )


def padded(
    query: Tensor, key: Tensor, value: Tensor, *, causal: bool, softmax_scale: float, **_: Any
) -> Tensor:
    """Attention of rows of one length, (batch, tokens, heads, size)."""

    def ends(rows: Tensor) -> Tensor:
        step = rows.shape[1]
        return torch.arange(0, len(rows) * step + 1, step, dtype=torch.int32, device=rows.device)

    found = varlen(
        *(rows.flatten(0, 1) for rows in (query, key, value)),
        cu_seqlens_q=ends(query),
        cu_seqlens_k=ends(key),
        max_seqlen_q=query.shape[1],
        max_seqlen_k=key.shape[1],
        causal=causal,
        softmax_scale=softmax_scale,
    )
    return found.unflatten(0, query.shape[:2])
