"""VTW: all image tokens leave the decoder from one layer on (arXiv 2405.05803)."""

from prunegrid.study.method import Method


class Vtw(Method):
    """All image tokens are dropped before layer l; nothing is ranked."""

    title = "VTW"
    paper = "arXiv 2405.05803"
    strategy = "exit"
    repository = "github.com/lzhxmu/VTW"
    commit = "a3d8cfc"
    exact = "What is computed for a given layer l: tokens are gone from its input on, and positions stay."
    differs = (
        "The published code searches l on 20 samples, by the KL divergence of the first token's distribution "
        "from the unpruned one; here l follows from the budget."
    )
    budget = "l is the layer whose mean is nearest: budgets are met within half a layer's share."
