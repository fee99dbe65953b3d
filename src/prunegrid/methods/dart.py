"""DART (arXiv 2502.11494)."""

from typing import Any, ClassVar

from prunegrid.study.method import Method


class Dart(Method):
    """Before layer K = 2, pivots of the largest key norm stay, and the tokens least similar to them."""

    title = "DART"
    paper = "arXiv 2502.11494"
    repository = "github.com/Chenfei-Liao/VTC-Bench"
    commit = "983e443"
    strategy = "single"
    strategy_options: ClassVar[dict[str, Any]] = {"layer": 2}
    criterion = "duplication"
    exact = (
        "Four image and four text pivots by the L1 norm of layer K - 1's keys, rotary positions in them; the "
        "tokens least similar to each; and positions that stay as they were."
    )
    differs = (
        "Cosines are before the decoder's final norm, there behind it. Pivots take their tokens by their "
        "norm, image pivots first; there in the order of a set of numbers. Counts are exactly the budget's: "
        "there each pivot takes its share rounded down, beside the image pivots. The authors' repository was "
        "not at hand: read is VTC-Bench's copy of it."
    )
    budget = "All N tokens before the cut, and as many in each later layer as give the mean."
