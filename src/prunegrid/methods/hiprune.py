"""HiPrune (arXiv 2508.00553)."""

from typing import ClassVar

from prunegrid.study.method import Method


class HiPrune(Method):
    """Before layer 0 anchors of a middle tower layer stay with their neighbours, the rest by a deep one."""

    title = "HiPrune"
    paper = "arXiv 2508.00553"
    repository = "github.com/Danielement321/HiPrune"
    commit = "6e83a12"
    strategy = "input"
    criterion = "hiprune"
    exact = (
        "Both scores, attention of all rows in the ninth and the penultimate of 24 tower layers; anchors, "
        "1/50 of the tokens, with the tokens at +-1 and +- a row, over ends of rows, too; the others by the "
        "deep layer."
    )
    differs = (
        "Tiles of a picture are one pool, there each tile has a budget and rows of its own, and ends of rows "
        "are all kept."
    )
    budget = "All layers have the mean: one cut before layer 0, and positions without gaps."
    cannot: ClassVar[dict[str, str]] = {
        "qwen2_5_vl": "the authors read other layers of its tower; criterion hiprune takes them as options"
    }
