"""VTW: all image tokens leave the decoder from one layer on (arXiv 2405.05803)."""

from prunegrid.study.method import Method


class Vtw(Method):
    """All image tokens are dropped before layer l; nothing is ranked."""

    title = "VTW"
    paper = "arXiv 2405.05803"
    strategy = "exit"
    exact = "What is computed for a given layer l."
    differs = (
        "The paper chooses l by how far the output of a few samples moves; here l follows from the budget."
    )
    budget = "l is the layer whose mean is nearest: budgets are met within half a layer's share."
