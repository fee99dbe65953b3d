"""What becomes of dropped tokens, by its definition (docs/definitions.md, Merging): loops over float64.

Nothing of the engine is used. Tokens are columns of a prompt; `states` gives the hidden state of each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from torch import Tensor

States = Mapping[int, Tensor]


def cosine(a: Tensor, b: Tensor) -> float:
    length = math.sqrt(float(a @ a)) * math.sqrt(float(b @ b))
    return float(a @ b) / length if length else 0.0


def into_nearest(states: States, kept: Sequence[int], gone: Sequence[int]) -> dict[int, int]:
    """Return dropped token -> the most similar one that stays, of equal ones the first."""
    return {column: max(kept, key=lambda other: cosine(states[column], states[other])) for column in gone}


def distance(a: Tensor, b: Tensor) -> float:
    return math.sqrt(float(((a - b) ** 2).mean()))


def density_peaks(states: States, pool: Sequence[int], n: int) -> list[int]:
    """Return the n tokens of the highest density x distance to what is denser."""
    density = {}
    for column in pool:
        nearest = sorted(distance(states[column], states[other]) for other in pool)[:n]
        density[column] = math.exp(-sum(gap**2 for gap in nearest) / n)
    farthest = max(distance(states[a], states[b]) for a in pool for b in pool)
    scores = {}
    for column in pool:
        denser = [
            other
            for other in pool
            if density[other] > density[column] or (density[other] == density[column] and other < column)
        ]
        apart = min([distance(states[column], states[other]) for other in denser], default=farthest)
        scores[column] = density[column] * apart
    return sorted(sorted(pool, key=lambda column: (-scores[column], column))[:n])


def recycle(states: States, ranked: Sequence[int], keep: int) -> tuple[list[int], dict[int, int]]:
    """Return what stays of tokens ranked from the best, and pooled token -> the peak of its cluster."""
    dropped = len(ranked) - keep
    thirty_percent = int(0.3 * dropped)
    clusters = min(thirty_percent // 10 + 1, keep - 1)
    if dropped == 0 or clusters < 1:
        return sorted(ranked[:keep]), {}
    best, rest = ranked[: keep - clusters], ranked[keep - clusters :]
    pool = sorted(rest[: max(thirty_percent, clusters)])
    peaks = density_peaks(states, pool, clusters)
    into = {
        column: min(peaks, key=lambda peak: distance(states[column], states[peak]))
        for column in pool
        if column not in peaks
    }
    return sorted([*best, *peaks]), into


def averages(states: States, sizes: Mapping[int, int], into: Mapping[int, int]) -> dict[int, Tensor]:
    """Return token -> the mean, by size, of itself and of those that go into it."""
    found = {}
    for target in set(into.values()):
        members = [target, *(column for column, other in into.items() if other == target)]
        total = sum(sizes[column] for column in members)
        found[target] = sum(states[column] * sizes[column] for column in members) / total
    return found
