"""One batch of prompts on its way through the layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from prunegrid.errors import PruningError
from prunegrid.pruning.attention import Projected
from prunegrid.pruning.deep_stack import DeepStack
from prunegrid.pruning.kept_tokens import Cut, KeptTokens
from prunegrid.pruning.moved_up import MovedUp
from prunegrid.pruning.prompt_tokens import PromptTokens
from prunegrid.pruning.schedule import Schedule
from prunegrid.pruning.token_layout import Layout
from prunegrid.pruning.transfer import to_device

# Name of a vision map -> what it is over a row's image tokens, (N, ...), float32.
RowMaps = Mapping[str, Tensor]
# (sample id, rank, answer tokens) -> gradient scores (layers, N), and how many answer tokens they explain.
Saliencies = MutableMapping[tuple[str, int, int], tuple[Tensor, int]]


@dataclass(eq=False)
class Prefill:
    """One prompt batch on its way through the layers, and what later tokens need to know of it."""

    inputs: dict[str, Any]
    tokens: PromptTokens
    layout: Layout
    schedules: list[Schedule]
    sample_ids: Sequence[str]
    embeddings: Tensor | None = None
    projected: Projected | None = None
    entered_before: Tensor | None = None
    deep_stack: DeepStack | None = None
    moved_up: MovedUp | None = None
    first_layer_refilled: bool = False
    vision_maps: Callable[[], Sequence[RowMaps]] | None = None
    saliencies: Saliencies = field(default_factory=dict)
    saliencies_on_device: dict[tuple[int, int], Tensor] = field(default_factory=dict)
    last_cut: Cut | None = None
    layouts: dict[int, Layout] = field(default_factory=dict)
    cut_arguments: dict[tuple[int, str, int], tuple[Any, Any]] = field(default_factory=dict)
    kept: KeptTokens = field(init=False)
    explained: list[int] = field(init=False)
    _keep_on: dict[torch.device, Tensor] = field(init=False, default_factory=dict)
    _vision: dict[str, Tensor] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.kept = KeptTokens(len(self.counts))
        self.explained = [0] * len(self.counts)

    @property
    def counts(self) -> list[int]:
        """Image tokens of the prompt per row."""
        return self.tokens.n_image

    @property
    def numbers(self) -> Tensor:
        """Original numbers of the image tokens that are present, (batch, present tokens); -1 elsewhere."""
        return self.tokens.numbers if self.last_cut is None else self.last_cut.numbers

    @property
    def sizes(self) -> Tensor | None:
        """Of how many tokens of the prompt each present one is the mean; None where nothing was merged."""
        return None if self.last_cut is None else self.last_cut.sizes

    @property
    def present(self) -> list[int]:
        """Image tokens per row that are present."""
        return self.counts if self.last_cut is None else self.present_after[self.last_cut.layer]

    @cached_property
    def cuts(self) -> dict[int, list[int | None]]:
        """Layer -> image tokens to keep per row (None: a row without images or without this cut)."""
        return cuts_of(self.schedules, self.counts)

    @cached_property
    def present_after(self) -> dict[int, list[int]]:
        """Layer -> image tokens per row that are present after the cut before it."""
        found, present = {}, self.counts
        for layer, cut in self.cuts.items():
            present = [have if keep is None else keep for keep, have in zip(cut, present, strict=True)]
            found[layer] = present
        return found

    def lengths_after(self, layer: int) -> tuple[int, ...]:
        """Return the tokens per row, text and image, that are present after the cut before a layer."""
        left = zip(self.tokens.lengths, self.counts, self.present_after[layer], strict=True)
        return tuple(length - had + have for length, had, have in left)

    def keep_on(self, layer: int, device: torch.device) -> Tensor:
        """Return `present_after` a cut on a device, (batch,), int64; all cuts are copied there at once."""
        if device not in self._keep_on:
            self._keep_on[device] = to_device(torch.tensor([*self.present_after.values()]), device)
        return self._keep_on[device][[*self.present_after].index(layer)]

    def vision_of(self, name: str) -> Tensor:
        """Return a vision map over the image tokens of all rows, (batch, most image tokens, ...), float32.

        Raises
        ------
        PruningError
            If it was not noted, or is not over the prompt's image tokens.
        """
        if name not in self._vision:
            rows = self.vision_maps() if self.vision_maps is not None else []
            found = [row.get(name) if n else None for row, n in zip(rows, self.counts, strict=bool(rows))]
            shown = next((have for have in found if have is not None), None)
            wrong = [
                n
                for have, n in zip(found, self.counts, strict=bool(rows))
                if n and (have is None or len(have) != n)
            ]
            if shown is None or wrong:
                raise PruningError(
                    f"there is no vision map {name} of the prompts' image tokens: a criterion names what it "
                    "reads of the vision tower in `vision_maps`, and the model is given pixels"
                )
            whole = shown.new_zeros(len(found), max(self.counts), *shown.shape[1:])
            for row, have in enumerate(found):
                if have is not None:
                    whole[row, : len(have)] = have
            self._vision[name] = to_device(whole, self.layout.columns.device)
        return self._vision[name]

    def cut(self, cut: Cut) -> None:
        """Note a cut."""
        self.last_cut = cut
        self.kept.add(cut)

    def release(self) -> None:
        """Let go of what only the prefill needs."""
        self.inputs, self.embeddings, self.projected, self.saliencies = {}, None, None, {}
        self.deep_stack = self.entered_before = self.vision_maps = None
        for held in (self.cut_arguments, self.saliencies_on_device, self._keep_on, self._vision):
            held.clear()


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
