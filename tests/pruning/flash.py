"""A stand-in for flash attention's kernels on a CPU: the same interface, exact float32 arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel, modeling_flash_attention_utils

NAME = "flash_attention_2"


def _attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    causal: bool,
    scale: float,
    window: tuple[int, int],
    softcap: float,
) -> Tensor:
    """Attention of one sequence, (tokens, heads, size); causal masks are aligned at the end."""
    n_queries, heads, _ = query.shape
    n_keys, key_heads, _ = key.shape
    key, value = (part.repeat_interleave(heads // key_heads, dim=1) for part in (key, value))
    logits = torch.einsum("qhd,khd->hqk", query, key) * scale
    if softcap:
        logits = torch.tanh(logits / softcap) * softcap
    distance = torch.arange(n_queries)[:, None] + n_keys - n_queries - torch.arange(n_keys)
    seen = torch.ones_like(distance, dtype=torch.bool)
    if causal:
        seen &= distance >= 0
    if window[0] >= 0:
        seen &= distance <= window[0]
    logits = logits.masked_fill(~seen, -torch.inf)
    return torch.einsum("hqk,khd->qhd", logits.softmax(-1), value)


def _flash(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    causal: bool,
    softmax_scale: float,
    window_size: tuple[int, int] = (-1, -1),
    softcap: float = 0.0,
    **_: Any,
) -> Tensor:
    rows = zip(query, key, value, strict=True)
    return torch.stack([_attend(*row, causal, softmax_scale, window_size, softcap) for row in rows])


def _flash_varlen(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    cu_seqlens_q: Tensor,
    cu_seqlens_k: Tensor,
    causal: bool,
    softmax_scale: float,
    window_size: tuple[int, int] = (-1, -1),
    softcap: float = 0.0,
    **_: Any,
) -> Tensor:
    parts = []
    for row in range(len(cu_seqlens_q) - 1):
        queries = slice(int(cu_seqlens_q[row]), int(cu_seqlens_q[row + 1]))
        keys = slice(int(cu_seqlens_k[row]), int(cu_seqlens_k[row + 1]))
        parts.append(
            _attend(query[queries], key[keys], value[keys], causal, softmax_scale, window_size, softcap)
        )
    return torch.cat(parts)


def install(
    monkeypatch: pytest.MonkeyPatch,
    padded: Callable[..., Tensor] = _flash,
    varlen: Callable[..., Tensor] = _flash_varlen,
) -> None:
    """Let transformers take these kernels for its own, under flash attention's name alone.

    Parameters
    ----------
    monkeypatch : MonkeyPatch
        Undoes it.
    padded, varlen : callable
        Attention of rows of one length, and of rows one behind the other: of exact arithmetic.
    """
    supported = dict.fromkeys(
        ["dropout_p", "window_size", "deterministic", "softcap", "max_seqlen_q", "max_seqlen_k"], True
    )
    unsupported = dict.fromkeys(
        ["s_aux", "learnable_sink", "block_table", "page_table", "cache_seqlens"], False
    )

    def process(**settings: Any) -> dict[str, Any]:
        return modeling_flash_attention_utils._process_flash_attention_kwargs(
            **settings, supports_mapping={**supported, **unsupported}
        )

    def kernels(implementation: str | None, *_: Any, **__: Any) -> tuple:
        assert implementation == NAME, f"a kernel is asked for by the name {implementation!r}"
        utils = modeling_flash_attention_utils
        return (padded, varlen, None, utils._pad_input, utils._unpad_input), (process, None)

    monkeypatch.setattr(modeling_flash_attention_utils, "lazy_import_flash_attention", kernels)


def use_flash(model: PreTrainedModel, name: str = NAME) -> None:
    """Let a model's decoder run flash attention, as `attn_implementation` in `from_pretrained` would."""
    text = model.config.get_text_config()
    text._attn_implementation_internal = name
    model.config._attn_implementation_internal = name
