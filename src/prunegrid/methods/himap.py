"""HiMAP: two cuts, by attention from the text and then by attention among image tokens (arXiv 2503.13108)."""

from typing import Any, ClassVar

from prunegrid.study.method import Method


class HiMap(Method):
    """Cuts before layers 2 and 8 of 32: first by phi_sh, from text rows, then by phi_dp, from image rows."""

    title = "HiMAP"
    paper = "arXiv 2503.13108"
    strategy = "hierarchical"
    strategy_options: ClassVar[dict[str, Any]] = {"layers": [0.0625, 0.25]}
    criterion = "attention"
    repository = "github.com/ustc-hyin/HiMAP"
    commit = "6c279e7"
    exact = (
        "Kept tokens after both cuts and logits of the prefill, in float32; at ratio 0.75 the paper's "
        "counts, 288 and 72 of 576."
    )
    differs = (
        "The published code has no key-value cache and prunes anew at every generated token; here tokens are "
        "dropped once. In a batch it takes the first row's tokens for all, here each row has its own. Models "
        "of other depths have the cuts at the same fractions."
    )
    budget = "The second cut keeps the cube of the first one's share, which is solved for."
