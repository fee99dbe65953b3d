"""DivPrune (arXiv 2503.02175)."""

from prunegrid.study.method import Method


class DivPrune(Method):
    """The greedy solution of max-min diversity over projector outputs, before layer 0."""

    title = "DivPrune"
    paper = "arXiv 2503.02175"
    repository = "github.com/vbdi/divprune"
    commit = "799e2d9"
    strategy = "input"
    criterion = "diversity"
    exact = "The greedy rule, its first token, and the order of positions in which kept tokens stand."
    differs = "The published code rounds half a token to even, here up."
    budget = "All layers have the mean: one cut before layer 0, and positions without gaps."
