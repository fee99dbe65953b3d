"""HiPrune (arXiv 2508.00553)."""

from prunegrid.study.method import Method


class HiPrune(Method):
    """Before layer 0: anchors of tower layer 9 with their neighbours, the rest by deep attention."""

    title = "HiPrune"
    paper = "arXiv 2508.00553"
    repository = "github.com/Danielement321/HiPrune"
    commit = "6e83a12"
    strategy = "input"
    criterion = "hiprune"
    exact = "Anchors (alpha = 0.1, object layer 9), four neighbours each, and the rest."
    budget = "All layers have the mean: one cut before layer 0, and positions without gaps."
