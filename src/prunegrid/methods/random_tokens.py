"""Random tokens, one cut before layer 1: what any ranking has to beat."""

from prunegrid.study.method import Method


class RandomTokens(Method):
    """Before layer 1 a random set of image tokens stays, drawn from the seed and the sample's id."""

    title = "random tokens"
    paper = "no paper: the baseline of pruning benchmarks"
    strategy = "constant"
    criterion = "random"
    exact = "A uniform draw without replacement, one for each seed and sample."
    differs = "Benchmarks of pruning draw before layer 0: here layer 0 sees all tokens."
    budget = "All N tokens in layer 0, and as many in each later layer as give the mean."
