"""Layers of a first and a last cut that a model's flows of attention allow to suggest, and why; or why not.

Two claims are tested, one for each layer, against the answers of the unpruned model.

- K1: hiding image tokens from one another in all layers from K1 on, while text still reads all of them, loses
  no more than a margin. What a cut before K1 can lose beyond that is what text would have read of those that
  it drops: that is not tested here, but by a cut (docs/horizon.md).
- K2: hiding image tokens from text in all layers from K2 on loses no more, so that nothing reads the image
  any more. It is the same as a cut before K2 that drops all of them.

Each is told where the 95 % interval excludes a larger loss, for every beginning from the deepest up to K: the
order is fixed, and the first that fails ends it, so that all that passed hold together without a correction
(Maurer, Hothorn and Lehmacher 1995). A benchmark has a say if it is told to need the image at all, and all
that have one must agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from prunegrid.findings.words import joined
from prunegrid.results.flow_rows import IMAGE_TO_IMAGE, TEXT_TO_IMAGE
from prunegrid.tables.difference import LEVEL
from prunegrid.tables.flow_effects import DIFFERENCE, SHARE, FlowEffect
from prunegrid.tables.options import SCALE
from prunegrid.tables.signs import p_value, signed

_FLOW_WORDS = {
    TEXT_TO_IMAGE: "image tokens hidden from text",
    IMAGE_TO_IMAGE: "image tokens hidden from one another",
}
_CUT = {"K1": "first cut, of some image tokens", "K2": "last cut, of all that are left"}


@dataclass(frozen=True)
class SuggestedLayers:
    """What is suggested.

    Attributes
    ----------
    k1, k2 : int or None
        Layers before which a first cut may drop some image tokens, and a last one all; None: no suggestion.
    reasons : tuple of str
        Sentences: why, or why not.
    single : bool
        Whether `k1` is None because the first layer that passed for it is not before `k2`.
    """

    k1: int | None
    k2: int | None
    reasons: tuple[str, ...]
    single: bool = False

    @property
    def sentence(self) -> str:
        """What is suggested, in short."""
        if self.k1 is None and self.k2 is None:
            return "no suggestion of K1 and K2"
        if self.single:
            return f"a single cut, before K2 = {self.k2}"
        told = [
            f"{name} = {layer}" if layer is not None else f"no suggestion of {name}"
            for name, layer in (("K1", self.k1), ("K2", self.k2))
        ]
        return joined(told)


@dataclass(frozen=True)
class _Free:
    """From which layer on a flow can be hidden: None from none; `failed` is what ended the search."""

    first: int | None
    failed: FlowEffect | None = None


def suggest_layers(effects: Iterable[FlowEffect], margin: float) -> SuggestedLayers:
    """Suggest K1 and K2.

    Parameters
    ----------
    effects : iterable of FlowEffect
        All of one model.
    margin : float
        Loss that counts as none, in points of the printed scale.
    """
    effects = [*effects]
    tails = [
        one
        for one in effects
        if one.quantity == DIFFERENCE and one.end == one.n_layers and np.isfinite(one.low)
    ]
    blind = [one for one in tails if one.flow == TEXT_TO_IMAGE and one.first == 0]
    needing = [one for one in blind if one.p_corrected < LEVEL and one.value < 0]
    if not needing:
        told = "; ".join(map(_told, blind)) or "nothing that is known"
        reason = f"No benchmark is told to need the image: hiding it from text in every layer costs {told}."
        return SuggestedLayers(None, None, (reason, *_left_out(effects)))
    names = [one.benchmark for one in needing]
    reasons = [f"The image is needed: without it {'; '.join(map(_told, needing))}."]
    if others := [one.benchmark for one in blind if one.benchmark not in names]:
        reasons.append(f"{joined(others)}: not told to need the image, so without a say.")
    own = [one for one in tails if one.benchmark in names]
    reads = _free(own, TEXT_TO_IMAGE, margin)
    mixes = _free(own, IMAGE_TO_IMAGE, margin)
    reasons.append(_why("K2", own, TEXT_TO_IMAGE, reads, margin))
    reasons.append(_why("K1", own, IMAGE_TO_IMAGE, mixes, margin))
    # What scores tokens reads the layer before a cut.
    k2 = None if reads.first is None else max(1, reads.first)
    k1 = None if mixes.first is None else max(1, mixes.first)
    single = k1 is not None and k2 is not None and k1 >= k2
    if single:
        reasons.append("K1 is not before K2: a single cut, before K2, is what these numbers support.")
        # No layer before K2 that a cut can take passed K1's own test.
        k1 = None
    reasons += _attention([one for one in effects if one.benchmark in names], k1, k2)
    reasons += _left_out(effects)
    return SuggestedLayers(k1, k2, tuple(reasons), single)


def _free(tails: Sequence[FlowEffect], flow: str, margin: float) -> _Free:
    own = [one for one in tails if one.flow == flow]
    first = None
    for layer in sorted({one.first for one in own}, reverse=True):
        here = [one for one in own if one.first == layer]
        failed = [one for one in here if not one.low > -margin / SCALE]
        if failed:
            return _Free(first, min(failed, key=lambda one: one.low))
        first = layer
    return _Free(first)


def _why(name: str, tails: Sequence[FlowEffect], flow: str, free: _Free, margin: float) -> str:
    words = _FLOW_WORDS[flow]
    if free.first is None:
        assert free.failed is not None  # a flow was hidden somewhere
        one = free.failed
        return (
            f"No suggestion of {name}: already with {words} from layer {one.first} on, a loss of more than "
            f"{margin:g} points is not excluded ({_told(one)}; {_asked([one])}: more would narrow it)."
        )
    here = [one for one in tails if one.flow == flow and one.first == free.first]
    text = (
        f"{name}, a {_CUT[name]}: with {words} from layer {free.first} on, and from every later one that was "
        f"tried, a loss of more than {margin:g} points is excluded ({'; '.join(map(_told, here))}; "
        f"{_asked(here)})"
    )
    if free.failed is None:
        return f"{text}."
    return f"{text}; from layer {free.failed.first} on it is not ({_told(free.failed)})."


def _attention(effects: Sequence[FlowEffect], k1: int | None, k2: int | None) -> list[str]:
    """Return what share of its attention text gives to the image before, between and behind the cuts."""
    if not effects or (k1 is None and k2 is None):
        return []
    ends = [0, *sorted({cut for cut in (k1, k2) if cut is not None}), effects[0].n_layers]
    told = []
    for start, end in pairwise(ends):
        shares = [
            one.value
            for one in effects
            if one.quantity == SHARE and one.flow == TEXT_TO_IMAGE and start <= one.first < end
        ]
        if shares:
            where = f"layer {start}" if end == start + 1 else f"layers {start} to {end - 1}"
            told.append(f"{100 * float(np.mean(shares)):.0f} % in {where}")
    return [f"Text gives the image {', '.join(told)} of its attention."] if told else []


def _asked(effects: Sequence[FlowEffect]) -> str:
    """Return of which samples effects are, whose benchmarks may have been asked unlike many."""
    counts = {one.benchmark: one.n_asked for one in effects}
    if len({*counts.values()}) == 1:
        return f"of the first {effects[0].n_asked} samples"
    return f"of the first {joined([f'{n} samples of {name}' for name, n in counts.items()])}"


def _left_out(effects: Sequence[FlowEffect]) -> list[str]:
    """Return of each benchmark how many samples have no answer, or no share, somewhere."""
    told = []
    for name in dict.fromkeys(one.benchmark for one in effects):
        own = [one for one in effects if one.benchmark == name]
        missing = max(one.n_asked - one.n for one in own)
        if missing:
            told.append(
                f"{name}: up to {missing} of the first {own[0].n_asked} samples are left out of a number: "
                "memory did not suffice for them there, or their data cannot be read. The job's log tells."
            )
    return told


def _told(one: FlowEffect) -> str:
    p = f", corrected p {p_value(one.p_corrected)}" if np.isfinite(one.p_corrected) else ""
    low, high = signed(one.low), signed(one.high)
    return f"{one.benchmark} {signed(one.value)} points, 95 % interval {low} to {high}{p}"
