"""The attention that a criterion reads: only the rows it asks for, of one layer, in float32.

The model's own attention call is observed, so that queries and keys come as the model made them:
rotary positions, q/k norms, grouped heads, scaling and soft-capping included.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS, AttentionInterface

from prunegrid.pruning.token_layout import right_aligned

# Name under which the observed attention is known to transformers.
OBSERVED = "prunegrid_observed"
# Scores held at once, in elements: 64 MB in float32.
_CHUNK = 2**24


@dataclass(frozen=True)
class Projected:
    """Queries, keys and values of one layer, as its attention used them.

    Attributes
    ----------
    query : Tensor
        (batch, heads, tokens, head size).
    key : Tensor
        (batch, key heads, tokens, head size).
    mask : Tensor or None
        (batch or 1, heads or 1, tokens, tokens), bool or additive; (batch, tokens) for flash attention;
        None: causal.
    scaling : float
        Factor of the products.
    softcap : float or None
        Soft cap of the products.
    value : Tensor
        (batch, key heads, tokens, head size).
    """

    query: Tensor
    key: Tensor
    mask: Tensor | None
    scaling: float
    softcap: float | None
    value: Tensor


Observer = Callable[[nn.Module, Projected], Tensor | None]


class OwnProjectedFoundError(Exception):
    """Ends a layer's forward once its queries and keys are there."""

    def __init__(self, projected: Projected) -> None:
        super().__init__("the queries and keys of a layer were asked for, and are here")
        self.projected = projected


def _observed(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **kwargs: Any,
) -> tuple[Tensor, Tensor | None]:
    """Tell the observer, then run the attention that the module was configured with."""
    config: Any = module.config
    scaling = kwargs.get("scaling")
    other_mask = config.prunegrid_observer(
        module,
        Projected(
            query,
            key,
            attention_mask,
            query.shape[-1] ** -0.5 if scaling is None else scaling,
            kwargs.get("softcap"),
            value,
        ),
    )
    if other_mask is not None:
        attention_mask = other_mask
    eager: Any = getattr(sys.modules[type(module).__module__], "eager_attention_forward", None)
    original = config.prunegrid_original
    run = ALL_ATTENTION_FUNCTIONS.get_interface(original._attn_implementation, eager)
    # Attention functions read the module's configuration: flash attention takes its kernel's name from there.
    module.config = original
    try:
        output: tuple[Tensor, Tensor | None] = run(module, query, key, value, attention_mask, **kwargs)
    finally:
        module.config = config
    return output


AttentionInterface.register(OBSERVED, _observed)


class Watch:
    """Attention modules whose calls can be told to an observer.

    A module that is told of has a copy of its configuration that names the observed attention; masks are
    still built from the model's own configuration.

    Parameters
    ----------
    modules : sequence of nn.Module
        The attention modules.
    observer : callable
        Called with a module and what it projected, before its attention runs. What it returns is the mask
        that the call then takes; None leaves it as it is.
    """

    def __init__(self, modules: Sequence[nn.Module], observer: Observer) -> None:
        self._modules, self._observer = modules, observer
        self._originals: dict[int, Any] = {}

    def only(self, *numbers: int) -> None:
        """Tell of these modules alone, by their numbers among `modules`; without any, of none."""
        for number in [number for number in self._originals if number not in numbers]:
            self._modules[number].config = self._originals.pop(number)
        for number in numbers:
            if number not in self._originals:
                original = self._originals[number] = self._modules[number].config
                config: Any = copy.copy(original)
                config.prunegrid_observer = self._observer
                config.prunegrid_original = original
                config._attn_implementation_internal = OBSERVED
                self._modules[number].config = config


@contextmanager
def observe(modules: Sequence[nn.Module], observer: Observer) -> Iterator[None]:
    """Call `observer(module, projected)` at every attention call of `modules` within the context."""
    watch = Watch(modules, observer)
    try:
        watch.only(*range(len(modules)))
        yield
    finally:
        watch.only()


def attention_received(
    projected: Projected,
    rows: Tensor,
    valid: Tensor,
    most: int | None = None,
    heads_by: Literal["mean", "max"] = "mean",
) -> Tensor:
    """Sum the softmax attention, averaged over heads or the largest of them, over the given query rows.

    Rows are worked through in chunks, so a (heads, tokens, tokens) matrix never exists.

    Parameters
    ----------
    projected : Projected
        Queries and keys of the layer.
    rows : Tensor
        (batch, tokens), bool: the query rows that count.
    valid : Tensor
        (batch, tokens), bool: False for padding.
    most : int, optional
        The most query rows that count in a batch row; without it the device is asked, and waited for.
    heads_by : {"mean", "max"}
        What is taken of the heads, before the sum over rows.

    Returns
    -------
    Tensor
        (batch, tokens), float32.
    """
    batch, heads, tokens, size = projected.query.shape
    key_heads = projected.key.shape[1]
    key = projected.key[:, :, :tokens].float().transpose(2, 3)
    received = torch.zeros(batch, tokens, device=key.device)
    if most is None:
        most = int(rows.sum(1).max())
    index = right_aligned(rows, most)
    counted = rows.gather(1, index)
    chunk = max(1, _CHUNK // (batch * heads * tokens))
    for start in range(0, most, chunk):
        at, count = index[:, start : start + chunk], counted[:, start : start + chunk]
        n_rows = at.shape[1]
        query = projected.query.gather(2, at[:, None, :, None].expand(-1, heads, -1, size)).float()
        # Grouped heads share keys: fold the group into the rows instead of repeating the keys.
        query = query.reshape(batch, key_heads, heads // key_heads * n_rows, size) * projected.scaling
        logits = (query @ key).view(batch, heads, n_rows, tokens)
        if projected.softcap is not None:
            logits = torch.tanh(logits / projected.softcap) * projected.softcap
        logits = _masked(logits, projected.mask, at, valid)
        share = logits.softmax(dim=-1)
        share = share.amax(1) if heads_by == "max" else share.mean(dim=1)
        received += torch.einsum("brt,br->bt", share, count.to(share.dtype))
    return received


def mean_query_attention(projected: Projected, among: Tensor) -> Tensor:
    """Return the attention of the marked tokens' mean query to the marked tokens, averaged over heads.

    One softmax for all, without the causal mask.

    Parameters
    ----------
    projected : Projected
        Queries and keys of the layer.
    among : Tensor
        (batch, tokens), bool.

    Returns
    -------
    Tensor
        (batch, tokens), float32; 0 where not marked.
    """
    batch, heads, tokens, size = projected.query.shape
    key_heads = projected.key.shape[1]
    marked = among[:, None, :, None]
    query = (
        projected.query.float().masked_fill(~marked, 0.0).sum(2) / among.sum(1).clamp_min(1)[:, None, None]
    )
    query = query.reshape(batch, key_heads, heads // key_heads, size) * projected.scaling
    logits = (query @ projected.key[:, :, :tokens].float().transpose(2, 3)).view(batch, heads, tokens)
    logits = logits.masked_fill(~among[:, None], torch.finfo(logits.dtype).min)
    return logits.softmax(dim=-1).mean(dim=1).masked_fill(~among, 0.0)


def _masked(logits: Tensor, mask: Tensor | None, at: Tensor, valid: Tensor) -> Tensor:
    """Apply the layer's mask to the rows `at` (batch, rows) of logits (batch, heads, rows, tokens)."""
    batch, _, n_rows, tokens = logits.shape
    if mask is None or mask.dim() == 2:
        seen = torch.arange(tokens, device=at.device) <= at[:, :, None]
        # A padded row may see nothing valid; it does not count, but must not become NaN.
        seen = (seen & valid[:, None, :]) | (torch.arange(tokens, device=at.device) == at[:, :, None])
        return logits.masked_fill(~seen[:, None], torch.finfo(logits.dtype).min)
    mask = mask[..., :tokens].expand(batch, -1, -1, -1)
    mask = mask.gather(2, at[:, None, :, None].expand(-1, mask.shape[1], n_rows, tokens))
    if mask.dtype == torch.bool:
        return logits.masked_fill(~mask, torch.finfo(logits.dtype).min)
    return logits + mask.float()
