"""PyramidDrop (arXiv 2410.17247)."""

from typing import Any, ClassVar

from prunegrid.study.method import Method


class PyramidDrop(Method):
    """Cuts before layers 8, 16 and 24 of 32 by layer l's own attention from the last prompt token."""

    title = "PyramidDrop"
    paper = "arXiv 2410.17247"
    repository = "github.com/Cooperx521/PyramidDrop"
    commit = "6444f30"
    strategy = "pyramid"
    strategy_options: ClassVar[dict[str, Any]] = {
        "layers": [0.25, 0.5, 0.75],
        "positions": "contiguous",
        "rounding": "floor",
    }
    criterion = "attention_own"
    exact = "Score, positions that move up after every cut, and counts rounded down."
    differs = "The published code cuts at one share, 1/2; here the share follows from the budget."
    budget = "Each cut keeps the same share of what is present, solved for the mean."
