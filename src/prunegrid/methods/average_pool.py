"""average pool."""

from prunegrid.study.method import Method


class AveragePool(Method):
    """The projector's grid, averaged over windows: the baseline that many methods do not beat."""

    title = "average pool"
    paper = "no paper: the baseline of VTC-Bench"
    strategy = "pool"
    exact = "Averages over windows of the grid."
    budget = "Whole windows only, so that budgets are met as nearly as windows allow."
