"""Rules of criteria, each written from its formula: loops, float64, one sample at a time.

Nothing of the engine is used. Tokens are numbered from 0; a rule returns those that stay, or their scores.
Vectors are lists of tensors of float64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import torch
from torch import Tensor

Vectors = Sequence[Tensor]


def dot(a: Tensor, b: Tensor) -> float:
    return float((a * b).sum())


def length(a: Tensor) -> float:
    return math.sqrt(dot(a, a))


def cosine(a: Tensor, b: Tensor) -> float:
    """Return the cosine; 0 where a vector is 0, such as the features of a token without patches."""
    return cosines([a], [b])[0][0]


def cosines(ones: Vectors, others: Vectors) -> list[list[float]]:
    """Return the cosine of each of some vectors with each of others: a row for each of the first."""
    if not ones or not others:
        return [[] for _ in ones]
    products = (torch.stack([*ones])[:, None] * torch.stack([*others])).sum(-1).tolist()
    sizes = [[length(vector) for vector in vectors] for vectors in (ones, others)]
    return [
        [
            product / (one * other) if one * other else 0.0
            for product, other in zip(row, sizes[1], strict=True)
        ]
        for row, one in zip(products, sizes[0], strict=True)
    ]


def softmax(values: Sequence[float]) -> list[float]:
    most = max(values)
    powers = [math.exp(value - most) for value in values]
    return [power / sum(powers) for power in powers]


def first_best(values: dict[int, float]) -> int:
    """Return the key of the largest value, of equal ones the smallest key."""
    return min(values, key=lambda key: (-values[key], key))


def diversity(states: Vectors, n: int) -> list[int]:
    distance = [[1 - value for value in row] for row in cosines(states, states)]
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
        (alike,) = cosines([pivot], states)
        free = [i for i in range(len(states)) if i not in taken]
        taken += sorted(free, key=lambda i: (alike[i], i))[:share]
    return sorted(taken)


def relevance(embedded: Vectors, text: Vectors) -> list[float]:
    means = [sum(row) / max(1, len(text)) for row in cosines(embedded, text)]
    low, high = min(means), max(means)
    return [(mean - low) / (high - low) if high > low else 1.0 for mean in means]


def conditional_dpp(states: Vectors, embedded: Vectors, text: Vectors, n: int) -> list[int]:
    """By determinants themselves: always the token that multiplies that of the selected most.

    A factor of less than 1e-4 of the token's own entry is 0, and such a token spans nothing.
    """
    r = relevance(embedded, text)
    tokens, alike = range(len(states)), cosines(states, states)
    kernel = torch.tensor(
        [[r[i] * (1.0 if i == j else alike[i][j]) * r[j] for j in tokens] for i in tokens],
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
    for row in cosines(text, embedded):
        shares = softmax([value / 0.02 for value in row])
        rows.append([share / len(text) for share in shares])
    for row in cosines(states, states):
        shares = softmax([value / 0.2 for value in row])
        rows.append([0.5 * share / len(states) for share in shares])
    taken: list[int] = []
    covered = [0.0] * len(rows)
    while len(taken) < n:
        gains = {}
        for j in range(len(states)):
            if j not in taken:
                gains[j] = sum(max(0.0, row[j] - best) for row, best in zip(rows, covered, strict=True))
        taken.append(first_best(gains))
        covered = [max(best, row[taken[-1]]) for row, best in zip(rows, covered, strict=True)]
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
    alike = cosines(means, means)
    gone: dict[int, list[int]] = {i: [] for i in targets}
    for j in range(len(keys)):
        if targets and j not in stay:
            gone[first_best({i: alike[i][j] for i in targets})].append(j)
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
    flat = [key.flatten() for key in keys]
    alike = cosines(flat, flat)
    for i in stay:
        others = {j: alike[i][j] for j in range(len(keys)) if j != i}
        nearest = sorted(others, key=lambda j: (-others[j], j))[:neighbours]
        found[i] = {j: similarity[j] for j in nearest}
    return found


def hiprune(
    middle: Sequence[float], deep: Sequence[float], places: Sequence[Sequence[float]], n: int, alpha: float
) -> list[int]:
    """Keep round(alpha n / 5) anchors with their neighbours, then the highest of the deep layer."""
    anchors = best(middle, range(len(middle)), min(round(n * alpha / 5), n // 5))
    around = set(anchors)
    for anchor in anchors:
        grid, _, columns, *_ = places[anchor]
        own = [i for i, place in enumerate(places) if place[0] == grid]
        steps = (-round(columns), -1, 1, round(columns))
        around |= {min(max(anchor + step, own[0]), own[-1]) for step in steps}
    others = [i for i in range(len(deep)) if i not in around]
    return sorted([*around, *best(deep, others, n - len(around))])


def pooled(places: Sequence[Sequence[float]], n: int) -> dict[int, dict[int, float]]:
    """Return the token in the middle of a cell -> token -> its share.

    A place is (grid, its rows and columns, row and column, whether the last column are ends of rows). Means
    are read off torch's adaptive pooling of pictures that are 1 in one place.
    """
    found = {}
    for grid in dict.fromkeys(place[0] for place in places):
        tokens = [i for i, place in enumerate(places) if place[0] == grid]
        _, rows, columns, _, _, ends = (int(value) for value in places[tokens[0]])
        assert [places[i][3] * columns + places[i][4] for i in tokens] == list(range(rows * columns))
        share = n * (tokens[-1] + 1) // len(places) - n * tokens[0] // len(places)
        if not share:
            continue
        # The nearest whole number to a root: that whose half more, squared, is the first above it.
        height = next(r for r in range(rows + 1) if (2 * r + 1) ** 2 * columns > 4 * share * rows)
        fewest = math.ceil(Fraction(share, columns))
        height = min(max(height, fewest), max(fewest, share // (1 + ends)), rows)
        numbers = torch.tensor(tokens).view(rows, columns)
        width = columns - ends
        one_hot = torch.eye(rows * width, dtype=torch.float64).view(-1, rows, width)
        bound = torch.nn.functional.adaptive_avg_pool2d(one_hot, (height, width))
        for band in range(height):
            cells = share * (band + 1) // height - share * band // height
            ended = ends and cells > 1
            row = math.floor(Fraction(2 * band + 1, 2) * Fraction(rows, height))
            means = torch.nn.functional.adaptive_avg_pool1d(bound[:, band], cells - ended)
            for cell in range(cells - ended):
                column = math.floor(Fraction(2 * cell + 1, 2) * Fraction(width, cells - ended))
                some = means[:, cell].nonzero()[:, 0].tolist()
                found[int(numbers[row, column])] = {
                    int(numbers[:, :width].flatten()[j]): float(means[j, cell]) for j in some
                }
            if ended:
                first = band * rows // height
                last = math.ceil(Fraction((band + 1) * rows, height))
                own = [int(i) for i in numbers[first:last, -1]]
                found[int(numbers[row, -1])] = dict.fromkeys(own, 1 / len(own))
    return found


def pool(places: Sequence[Sequence[float]], n: int) -> list[int]:
    return sorted(pooled(places, n))


def pool_weights(places: Sequence[Sequence[float]], stay: Sequence[int]) -> dict[int, dict[int, float]]:
    shares = pooled(places, len(stay))
    return {i: {j: shares[i].get(j, 0.0) - (i == j) for j in {i, *shares[i]}} for i in stay if i in shares}


def deduplication(features: Vectors, attention: Sequence[float], n: int, important: float = 0.5) -> list[int]:
    left = sorted(range(len(features)), key=lambda i: (-attention[i], i))
    taken, left = left[: int(n * important)], left[int(n * important) :]
    wanted, alike = n - len(taken), cosines(features, features)
    while len(left) > wanted > 0:
        even, odd = left[::2], left[1::2]
        likeness = {i: max(alike[i][j] for j in odd) if length(features[i]) else math.inf for i in even}
        even.sort(key=lambda i: -likeness[i])
        left = even[min(8, len(left) - wanted, len(even)) :] + odd
    return sorted(taken + left[:wanted])


def salient_coverage(features: Vectors, attention: Sequence[float], n: int) -> list[int]:
    tokens = range(len(features))
    likeness = cosines(features, features)
    taken: list[int] = []
    covered = [0.0 for _ in tokens]
    while len(taken) < n:
        gains = {
            j: attention[j] * sum(max(0.0, likeness[i][j] - covered[i]) for i in tokens)
            for j in tokens
            if j not in taken
        }
        taken.append(first_best(gains))
        covered = [max(covered[i], likeness[i][taken[-1]]) for i in tokens]
    return sorted(taken)


def parts_of(n: int, runs: int) -> list[list[int]]:
    """Return runs of numbers, the first n % runs of them one longer; without those that are empty."""
    numbers = iter(range(n))
    sizes = [n // runs + (1 if part < n % runs else 0) for part in range(runs)]
    return [[next(numbers) for _ in range(size)] for size in sizes if size]


def worth(part: list[int], states: Vectors, attention: Sequence[float]) -> float:
    """Return the mean score of a part's tokens, one after the other."""
    spread = []
    own = [states[i] for i in part]
    for i, row in zip(part, cosines(own, own), strict=True):
        likeness = [0.0 if j == i else value for j, value in zip(part, row, strict=True)]
        mean = sum(likeness) / max(1, len(part) - 1)
        spread.append(sum((one - mean) ** 2 for one in likeness) / max(1, len(part) - 1))
    looked_at = [1000 * attention[i] for i in part]
    scale = (sum(looked_at) / len(part)) / (sum(spread) / len(part) + 1e-6)
    scores = [one + 0.09 * other * scale for one, other in zip(looked_at, spread, strict=True)]
    return sum(scores) / len(part)


def chunks(states: Vectors, attention: Sequence[float], n: int, runs: int = 16) -> list[int]:
    parts = parts_of(len(states), runs)
    scores = [worth(part, states, attention) for part in parts]
    shares = [score / (sum(scores) + 1e-6) for score in scores]
    quotas = [math.floor(share * n) for share in shares]
    by_share = sorted(range(len(parts)), key=lambda part: (-shares[part], part))
    for part in by_share[: n - sum(quotas)]:
        quotas[part] += 1

    def by_attention(tokens: Sequence[int]) -> list[int]:
        return sorted(tokens, key=lambda i: (-attention[i], i))

    taken = [i for part, quota in zip(parts, quotas, strict=True) for i in by_attention(part)[:quota]]
    free = [i for i in range(len(states)) if i not in taken]
    return sorted(taken + by_attention(free)[: n - len(taken)])
