"""One batch of prompts on its way through the layers."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from torch import Tensor
from transformers.cache_utils import DynamicCache, DynamicLayer

from prunegrid.pruning.attention import Projected
from prunegrid.pruning.deep_stack import DeepStack
from prunegrid.pruning.schedule import Schedule
from prunegrid.pruning.token_layout import Layout

# (sample id, rank, answer tokens) -> gradient scores (layers, N), and how many answer tokens they explain.
Saliencies = MutableMapping[tuple[str, int, int], tuple[Tensor, int]]


@dataclass(eq=False)
class Prefill:
    """One prompt batch on its way through the layers, and what later tokens need to know of it."""

    inputs: dict[str, Any]
    numbers: Tensor
    layout: Layout
    counts: list[int]
    schedules: list[Schedule]
    sample_ids: Sequence[str]
    embeddings: Tensor | None = None
    projected: Projected | None = None
    deep_stack: DeepStack | None = None
    first_layer_refilled: bool = False
    saliencies: Saliencies = field(default_factory=dict)
    layouts: dict[int, Layout] = field(default_factory=dict)
    cut_arguments: dict[tuple[int, str, int], tuple[Any, Any]] = field(default_factory=dict)
    kept: list[list[tuple[int, list[int]]]] = field(init=False)
    explained: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.kept = [[] for _ in self.counts]
        self.explained = [0] * len(self.counts)

    @cached_property
    def cuts(self) -> dict[int, list[int | None]]:
        """Layer -> image tokens to keep per row (None: a row without images or without this cut)."""
        return cuts_of(self.schedules, self.counts)

    def release(self) -> None:
        """Let go of what only the prefill needs."""
        self.inputs, self.embeddings, self.projected, self.saliencies = {}, None, None, {}
        self.deep_stack = None
        self.cut_arguments.clear()


def keep_whole(cache: DynamicCache) -> None:
    """Let an empty cache keep all tokens of sliding layers.

    A sliding layer keeps the last tokens by their number, but windows count original positions; with
    whole layers the model's masks enforce them.
    """
    for index, layer in enumerate(cache.layers):
        # Layers of other kinds of attention have no such attribute.
        if getattr(layer, "is_sliding", False):
            cache.layers[index] = DynamicLayer()


def cuts_of(schedules: Sequence[Schedule], counts: Sequence[int]) -> dict[int, list[int | None]]:
    """Return layer -> image tokens to keep per row (None: a row without images or without this cut).

    Parameters
    ----------
    schedules : sequence of Schedule
        Per row.
    counts : sequence of int
        Per row the image tokens of its prompt.
    """
    found: dict[int, list[int | None]] = {}
    for row, (schedule, count) in enumerate(zip(schedules, counts, strict=True)):
        for layer, keep in schedule.counts(count):
            found.setdefault(layer, [None] * len(counts))[row] = keep if count else None
    return dict(sorted(found.items()))
