"""Rules of criteria, each written from its formula: loops, float64, one sample at a time.

Nothing of the engine is used. Tokens are numbered from 0; a rule returns those that stay, or their scores.
Vectors are lists of tensors of float64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

Vectors = Sequence[Tensor]


def dot(a: Tensor, b: Tensor) -> float:
    return float((a * b).sum())


def length(a: Tensor) -> float:
    return math.sqrt(dot(a, a))


def cosine(a: Tensor, b: Tensor) -> float:
    lengths = length(a) * length(b)
    # A token without patches has a key of zeros.
    return dot(a, b) / lengths if lengths else 0.0


def softmax(values: Sequence[float]) -> list[float]:
    most = max(values)
    powers = [math.exp(value - most) for value in values]
    return [power / sum(powers) for power in powers]


def first_best(values: dict[int, float]) -> int:
    """Return the key of the largest value, of equal ones the smallest key."""
    return min(values, key=lambda key: (-values[key], key))


def diversity(states: Vectors, n: int) -> list[int]:
    distance = [[1 - cosine(one, other) for other in states] for one in states]
    tokens, taken = range(len(states)), []
    while len(taken) < n:
        against = taken or tokens
        gaps = {
            j: min([distance[j][s] for s in against if s != j], default=0.0) for j in tokens if j not in taken
        }
        taken.append(first_best(gaps))
    return sorted(taken)


def duplication(
    keys: Vectors, text_keys: Vectors, states: Vectors, text_states: Vectors, n: int
) -> list[int]:
    def largest(vectors: Vectors, most: int) -> list[int]:
        sizes = [float(vector.abs().sum()) for vector in vectors]
        return sorted(range(len(vectors)), key=lambda i: (-sizes[i], i))[:most]

    taken = largest(keys, min(4, n))
    pivots = [states[i] for i in taken] + [text_states[i] for i in largest(text_keys, 4)]
    left = n - len(taken)
    for rank, pivot in enumerate(pivots):
        share = left // len(pivots) + (1 if rank < left % len(pivots) else 0)
        free = [i for i in range(len(states)) if i not in taken]
        taken += sorted(free, key=lambda i: (cosine(states[i], pivot), i))[:share]
    return sorted(taken)


def relevance(embedded: Vectors, text: Vectors) -> list[float]:
    means = [sum(cosine(one, word) for word in text) / max(1, len(text)) for one in embedded]
    low, high = min(means), max(means)
    return [(mean - low) / (high - low) if high > low else 1.0 for mean in means]


def conditional_dpp(states: Vectors, embedded: Vectors, text: Vectors, n: int) -> list[int]:
    """By determinants themselves: always the token that multiplies that of the selected most.

    A factor of less than 1e-4 of the token's own entry is 0, and such a token spans nothing.
    """
    r = relevance(embedded, text)
    tokens = range(len(states))
    kernel = torch.tensor(
        [[r[i] * (1.0 if i == j else cosine(states[i], states[j])) * r[j] for j in tokens] for i in tokens],
        dtype=torch.float64,
    )

    def volume(chosen: list[int]) -> float:
        """Return the logarithm of a determinant, -inf where rounding makes it negative."""
        sign, log = torch.linalg.slogdet(kernel[chosen][:, chosen])
        return float(log) if sign > 0 else -math.inf

    taken, basis = [], []
    while len(taken) < n:
        factors = {}
        before = volume(basis) if basis else 0.0
        for j in tokens:
            if j not in taken:
                factor, own = math.exp(volume([*basis, j]) - before), float(kernel[j, j])
                factors[j] = factor if factor >= 1e-4 * own else 0.0
        best = first_best(factors)
        taken.append(best)
        basis += [best] if factors[best] > 0 else []
    return sorted(taken)


def coverage(states: Vectors, embedded: Vectors, text: Vectors, n: int) -> list[int]:
    rows = []
    for word in text:
        shares = softmax([cosine(word, one) / 0.02 for one in embedded])
        rows.append([share / len(text) for share in shares])
    for one in states:
        shares = softmax([cosine(one, other) / 0.2 for other in states])
        rows.append([0.5 * share / len(states) for share in shares])
    taken: list[int] = []
    while len(taken) < n:
        covered = [max([row[s] for s in taken], default=0.0) for row in rows]
        gains = {}
        for j in range(len(states)):
            if j not in taken:
                gains[j] = sum(max(0.0, row[j] - best) for row, best in zip(rows, covered, strict=True))
        taken.append(first_best(gains))
    return sorted(taken)


def raters(embedded: Vectors, text: Vectors) -> list[int]:
    shares = [softmax([dot(one, word) for word in text]) for one in embedded]
    means = [sum(share[t] for share in shares) / len(shares) for t in range(len(text))]
    above = [t for t, mean in enumerate(means) if mean > sum(means) / len(means)]
    return above or list(range(len(text)))


def pact(queries: Tensor, keys: Tensor, scaling: float, states: Vectors) -> list[float]:
    """Queries and keys of image tokens: (heads, N, head size) and (key heads, N, head size)."""
    heads, n, _ = queries.shape
    shared = heads // len(keys)
    totals = [0.0] * n
    for head in range(heads):
        mean = sum(queries[head, i] for i in range(n)) / n
        shares = softmax([scaling * dot(mean, keys[head // shared, i]) for i in range(n)])
        totals = [total + share / heads for total, share in zip(totals, shares, strict=True)]
    return [total * length(state) for total, state in zip(totals, states, strict=True)]


# --- rules that read the vision tower ---------------------------------------------------------------


def quartile(values: Sequence[float], share: float) -> float:
    """Return a quartile, interpolated between the two values beside it."""
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    below = math.floor(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (at - below) * (ordered[above] - ordered[below])


def best(values: Sequence[float], tokens: Sequence[int], n: int) -> list[int]:
    return sorted(tokens, key=lambda i: (-values[i], i))[:n]


def visionzip_dominant(attention: Sequence[float], n: int, share: float) -> list[int]:
    return best(attention, range(len(attention)), n - int(n * share + 1e-9))


def visionzip(attention: Sequence[float], n: int, share: float) -> list[int]:
    dominant = visionzip_dominant(attention, n, share)
    rest = [i for i in range(len(attention)) if i not in dominant]
    contextual = n - len(dominant)
    step = max(1, len(rest) // contextual) if contextual else 1
    return sorted(dominant + rest[::step][:contextual])


def visionzip_weights(
    attention: Sequence[float], keys: Vectors, stay: Sequence[int], share: float
) -> dict[int, dict[int, float]]:
    """Keys are (heads, head size) of each token; return kept token -> token that is added to it -> weight."""
    dominant = visionzip_dominant(attention, len(stay), share)
    targets = [i for i in stay if i not in dominant]
    means = [key.mean(0) for key in keys]
    gone: dict[int, list[int]] = {i: [] for i in targets}
    for j in range(len(keys)):
        if targets and j not in stay:
            gone[first_best({i: cosine(means[i], means[j]) for i in targets})].append(j)
    return {i: dict.fromkeys(members, 1 / len(members)) for i, members in gone.items() if members}


def windows(
    shallow: Sequence[float], deep: Sequence[float], places: Sequence[Sequence[float]], n: int, side: int
) -> list[int]:
    """Places are tile and centre of each token; tile 0 is that of tokens without patches."""
    members: dict[tuple[int, int, int], list[int]] = {}
    for i, (tile, row, column) in enumerate(places):
        # Centres are whole halves of a patch: what rounding takes off is given back.
        at = round(tile), math.floor(side * row + 1e-6), math.floor(side * column + 1e-6)
        members.setdefault(at, []).append(i)
    queues = [best(shallow, some, len(some)) for some in members.values()]
    local: list[int] = []
    turn = 0
    while len(local) < n // 2:
        now = [queue[turn] for queue in queues if turn < len(queue)]
        local += best(shallow, now, n // 2 - len(local))
        turn += 1
    others = [i for i in range(len(deep)) if i not in local]
    return sorted(local + best(deep, others, n - n // 2))


def prumerge(similarity: Sequence[float], n: int) -> list[int]:
    first, third = (quartile(similarity, share) for share in (0.25, 0.75))
    outliers = [i for i, value in enumerate(similarity) if value > third + 1.5 * (third - first)]
    taken = best(similarity, outliers, n)
    rest = [i for i in range(len(similarity)) if i not in taken]
    spaced = n - len(taken)
    return sorted(taken + [rest[i * len(rest) // spaced] for i in range(spaced)])


def prumerge_weights(
    similarity: Sequence[float], keys: Vectors, stay: Sequence[int], neighbours: int
) -> dict[int, dict[int, float]]:
    found = {}
    for i in stay:
        others = {j: cosine(keys[i].flatten(), keys[j].flatten()) for j in range(len(keys)) if j != i}
        nearest = sorted(others, key=lambda j: (-others[j], j))[:neighbours]
        found[i] = {j: similarity[j] for j in nearest}
    return found
