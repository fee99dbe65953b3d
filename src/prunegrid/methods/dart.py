"""DART (arXiv 2502.11494)."""

from typing import Any, ClassVar

from prunegrid.study.method import Method


class Dart(Method):
    """Before layer K = 2, pivots of the largest key norm stay, and the tokens least similar to them."""

    title = "DART"
    paper = "arXiv 2502.11494"
    repository = "github.com/ZichenWen1/DART"
    strategy = "single"
    strategy_options: ClassVar[dict[str, Any]] = {"layer": 2}
    criterion = "duplication"
    exact = "Pivots by the L1 norm of keys, and the least similar tokens of each."
    differs = (
        "Cosines are before the decoder's final norm, and counts are exactly the budget's: the published "
        "code keeps a few more or fewer."
    )
    budget = "All N tokens before the cut, and as many in each later layer as give the mean."
