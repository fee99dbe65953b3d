"""SparseVLM (arXiv 2410.04417)."""

from typing import Any, ClassVar

from prunegrid.study.method import Method


class SparseVlm(Method):
    """Cuts before layers 2, 6 and 15 of 32 by what raters in the text attend to; the dropped are recycled."""

    title = "SparseVLM"
    paper = "arXiv 2410.04417"
    repository = "github.com/Gumpest/SparseVLMs"
    commit = "26a5f48"
    strategy = "pyramid"
    strategy_options: ClassVar[dict[str, Any]] = {"layers": [0.0625, 0.1875, 0.46875]}
    criterion = "text_relevance"
    criterion_options: ClassVar[dict[str, Any]] = {"merge": "recycle"}
    exact = "Raters, their mean attention, and recycling as clusters."
    differs = (
        "The attention is that of layer l - 1, in the published code of layer l. It has a table of counts "
        "for each budget; here each cut keeps the same share."
    )
    budget = "Each cut keeps the same share of what is present, solved for the mean."
