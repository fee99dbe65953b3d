"""The order of cells in which neighbours have as many layers in common as they can. Imports no torch."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class SharedPrefill:
    """One prefill, the cells that it serves, and the layers it shares with its neighbours in the order.

    Attributes
    ----------
    cells : tuple of int
        Which cells it serves: more than one where they prune alike to the end.
    shared_before, shared_after : int
        How many layers it has in common with the prefill before it, and with the next.
    """

    cells: tuple[int, ...]
    shared_before: int
    shared_after: int


def sharing_order(decisions: Sequence[Sequence[Hashable]]) -> list[SharedPrefill]:
    """Order cells so that neighbours have as many layers in common as they can.

    Of cells that are alike up to a layer, those that do nothing before it come last. So what enters the
    layer, which those that cut there need, is not kept while many other cells run.

    Parameters
    ----------
    decisions : sequence of sequence of hashable
        Per cell what it does before each layer, None for nothing; see `Pruning.decisions`.
    """
    numbers: dict[Hashable, int] = {None: sum(map(len, decisions))}
    alike: dict[tuple[int, ...], list[int]] = {}
    for cell, done in enumerate(decisions):
        alike.setdefault(tuple(numbers.setdefault(one, len(numbers)) for one in done), []).append(cell)
    if not alike:
        return []
    order = sorted(alike)
    common = [_common(one, other) for one, other in pairwise(order)]
    return [
        SharedPrefill(tuple(alike[key]), before, after)
        for key, before, after in zip(order, [0, *common], [*common, 0], strict=True)
    ]


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    return next(at for at, (a, b) in enumerate(zip(one, other, strict=True)) if a != b)


def parting_layers(order: Sequence[SharedPrefill]) -> list[frozenset[int]]:
    """Return per prefill the layers at which later ones part from what it has run, or taken over.

    What enters these layers has to be kept for them. A prefill that shares few layers ends what is kept for
    those after it: they can part from nothing deeper that ran before.
    """
    found: list[frozenset[int]] = []
    later: list[int] = []
    for prefill in reversed(order):
        found.append(frozenset(later) - {0})
        later = [layer for layer in later if layer < prefill.shared_before] + [prefill.shared_before]
    return found[::-1]
