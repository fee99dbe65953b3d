"""How many of the dropped tokens `merge: recycle` takes up again, in how many clusters. Imports no torch."""


def recycled(present: int, keep: int) -> tuple[int, int]:
    """Return how many tokens are pooled, and how many clusters they become.

    SparseVLM (arXiv 2410.04417) pools the best 30 % of the dropped and makes a tenth of them, plus one,
    clusters, beside the tokens that stay. Here clusters are among those that stay, so that a cut leaves as
    many tokens as its schedule says; at least one stays for its score.

    Parameters
    ----------
    present, keep : int
        Image tokens before and after the cut.

    Returns
    -------
    int, int
        0, 0 where nothing is recycled: nothing is dropped, or fewer than two tokens stay.
    """
    best = 3 * (present - keep) // 10
    clusters = max(0, min(best // 10 + 1, keep - 1)) if present > keep else 0
    return (max(best, clusters), clusters) if clusters else (0, 0)
