"""Uncertainty of a table: clustered bootstrap, paired differences, exact and permutation tests, Holm.

Everything is NumPy, seeded and vectorised over cells: the weights of one bootstrap are shared by all
cells of a benchmark, so that a whole table costs one matrix product.
"""

from prunegrid.statistics.clusters import Clusters
from prunegrid.statistics.resampling import Bootstrap, interval
from prunegrid.statistics.score_interval import detectable_difference, score_limits
from prunegrid.statistics.testing import holm, mcnemar_exact, sign_flip

__all__ = [
    "Bootstrap",
    "Clusters",
    "detectable_difference",
    "holm",
    "interval",
    "mcnemar_exact",
    "score_limits",
    "sign_flip",
]
