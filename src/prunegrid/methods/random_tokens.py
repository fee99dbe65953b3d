"""Random tokens, one cut before layer 0: what any ranking has to beat."""

from prunegrid.study.method import Method


class RandomTokens(Method):
    """Before layer 0 a random set of image tokens stays, drawn from the seed and the sample's id."""

    title = "random tokens"
    paper = "no paper: the baseline of pruning benchmarks"
    strategy = "input"
    criterion = "random"
    exact = "A uniform draw without replacement, one for each seed and sample."
    budget = "All layers have the mean: one cut before layer 0, and positions without gaps."
