"""Differences said to be found with a power of 80 % are: by simulation of the table's own test."""

import numpy as np
import pytest
from scipy import stats

from prunegrid.statistics.power import clusters_to_exclude, detectable_share, pairs_needed, power
from prunegrid.statistics.score_interval import score_limits
from tests.statistics.fixed_worlds import KINDS, Kind, fixed_power_at_detectable

TRIALS = 1500
FAMILY = 250


@pytest.mark.parametrize("size", [0.05, 0.05 / FAMILY])
@pytest.mark.parametrize("kind", KINDS)
def test_the_power_at_the_detectable_difference(kind: Kind, size: float) -> None:
    _, found = fixed_power_at_detectable(np.random.default_rng(5), kind, 120, size, TRIALS)
    assert 0.75 <= found <= 0.85


def test_power_is_that_of_the_exact_sign_test_by_enumeration() -> None:
    for pairs, both, loss, size in ((40, 0, 0.2, 0.05), (40, 4, 0.2, 0.05), (60, 3, 0.3, 0.002)):
        total = 0.0
        for better in range(pairs + 1):
            for worse in range(pairs + 1 - better):
                chances = [both / pairs, both / pairs + loss, 1 - 2 * both / pairs - loss]
                chance = stats.multinomial.pmf([better, worse, pairs - better - worse], pairs, chances)
                changed = better + worse
                if changed and worse > better and stats.binomtest(worse, changed).pvalue <= size:
                    total += chance
        assert power(pairs, both, loss, size) == pytest.approx(total, abs=1e-9)


def test_the_points_of_a_hundred_unchanged_answers() -> None:
    assert detectable_share(100, 0, 0.05) == pytest.approx(0.078, abs=5e-4)
    assert detectable_share(100, 0, 0.05 / 312) == pytest.approx(0.167, abs=5e-4)
    assert np.isnan(detectable_share(5, 0, 0.05))


def test_n_needed_is_the_fewest() -> None:
    for size in (0.05, 0.05 / FAMILY):
        needed = pairs_needed(0.02, size)
        assert power(needed, 0, 0.02, size) >= 0.8 > power(needed - 1, 0, 0.02, size)
    enough = clusters_to_exclude(0.01)
    for n, excluded in ((enough, True), (enough - 1, False)):
        low = score_limits(np.zeros((n, 1)), np.ones((n, 1)))[0, 0]
        assert (low >= -0.01) == excluded
