"""SparseVLM (arXiv 2410.04417)."""

from typing import Any, ClassVar

from prunegrid.study.method import Method


class SparseVlm(Method):
    """Cuts before layers 3, 7 and 16 of 32 by what raters in the text attend to; the dropped are recycled."""

    title = "SparseVLM"
    paper = "arXiv 2410.04417"
    repository = "github.com/Gumpest/SparseVLMs"
    commit = "26a5f48"
    strategy = "pyramid"
    strategy_options: ClassVar[dict[str, Any]] = {
        "layers": [0.09375, 0.21875, 0.5],
        "positions": "contiguous",
    }
    criterion = "text_relevance"
    criterion_options: ClassVar[dict[str, Any]] = {"merge": "recycle"}
    exact = (
        "Of version 1.0: raters, their mean attention in layers 2, 6 and 15, behind which tokens are "
        "dropped, and positions that move up."
    )
    differs = (
        "The published code has a table of counts for each budget; here each cut keeps the same share. It "
        "recycles one token more, adds a random number to densities, and puts clusters behind the tokens "
        "that stay, beside their number; here they stand at their peaks, within it."
    )
    budget = "Each cut keeps the same share of what is present, solved for the mean."
