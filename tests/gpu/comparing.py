"""How far the kept tokens of two runs of the same samples agree."""

from tests.gpu.sizes import SIZE

# Two independent choices of a quarter have a quarter in common. Rounding moves tokens near the cut.
LEAST_OVERLAP = 0.9


def kept(rows):
    """Return the tokens that each row keeps to its end."""
    return [{i for i, depth in enumerate(row["token_depth"]) if depth == SIZE.layers} for row in rows]


def overlap(rows, others):
    shares = [len(a & b) / len(a) for a, b in zip(kept(rows), kept(others), strict=True)]
    return sum(shares) / len(shares)


def finished(rows):
    assert [row["error"] for row in rows] == [None] * len(rows)
    return rows
