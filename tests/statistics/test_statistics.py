"""Statistics against scipy and by simulation."""

import numpy as np
import pytest
from scipy import stats

from prunegrid.statistics.clusters import Clusters
from prunegrid.statistics.resampling import Bootstrap, interval
from prunegrid.statistics.sums import intervals, mean, mean_of, ratio
from prunegrid.statistics.testing import holm, mcnemar_exact, sign_flip


def test_bootstrap_agrees_with_scipy() -> None:
    values = np.random.default_rng(0).exponential(size=80)
    ours = intervals({"m": mean(values)}, Clusters.of([f"c{i:03d}" for i in range(80)]), Bootstrap(80))["m"]
    theirs = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=10_000, rng=1
    ).confidence_interval
    assert ours["value"] == pytest.approx(values.mean())
    np.testing.assert_allclose([ours["low"], ours["high"]], theirs, atol=0.01)


def test_every_resample_draws_as_many_clusters_as_there_are() -> None:
    bootstrap = Bootstrap(37, replicates=500)
    totals = bootstrap.totals(np.ones((37, 1)))
    np.testing.assert_array_equal(totals, 37)
    sums = np.random.default_rng(0).normal(size=(37, 3))
    np.testing.assert_array_equal(bootstrap.totals(sums), bootstrap.totals(sums))
    np.testing.assert_array_equal(bootstrap.totals(sums), Bootstrap(37, replicates=500).totals(sums))
    assert not np.array_equal(bootstrap.totals(sums), Bootstrap(37, replicates=500, seed=1).totals(sums))


def test_sign_flip_agrees_with_scipy_exactly_and_by_sampling() -> None:
    generator = np.random.default_rng(3)
    small, large = generator.normal(0.4, 1, size=10), generator.normal(0.2, 1, size=60)

    def p(values: np.ndarray) -> float:
        test = stats.permutation_test(
            (values,), np.mean, permutation_type="samples", n_resamples=20_000, rng=0, alternative="two-sided"
        )
        return test.pvalue

    assert sign_flip(small[:, None], 50_000)[0] == pytest.approx(p(small), abs=0.01)
    assert sign_flip(large[:, None], 20_000)[0] == pytest.approx(p(large), abs=0.012)
    assert sign_flip(np.zeros((5, 1)), 100)[0] == 1


@pytest.mark.parametrize(
    ("better", "worse", "p"), [(0, 0, 1.0), (0, 6, 2 / 64), (3, 9, 2 * 299 / 4096), (7, 7, 1.0)]
)
def test_mcnemar_by_hand(better: int, worse: int, p: float) -> None:
    assert mcnemar_exact(better, worse) == pytest.approx(p)
    assert mcnemar_exact(worse, better) == pytest.approx(p)


def test_mcnemar_is_what_sign_flips_of_single_rows_approach() -> None:
    differences = np.array([1.0] * 14 + [-1.0] * 5 + [0.0] * 30)[:, None]
    assert sign_flip(differences, 100_000)[0] == pytest.approx(mcnemar_exact(14, 5), abs=0.005)


def test_holm_by_hand() -> None:
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, np.nan])), [0.03, 0.06, 0.06, np.nan])
    assert holm(np.array([0.9, 0.8]))[0] == 1
    assert holm(np.array([])).shape == (0,)


def test_metrics_are_functions_of_sums() -> None:
    a, b = np.array([1.0, 0, 1, np.nan]), np.array([1.0, 1, 1, 0])
    assert mean(a).value() == pytest.approx(2 / 3)
    assert ratio([0, 0], [0, 0], empty=0.0).value() == 0
    assert np.isnan(ratio([0], [0]).value())
    assert mean_of([mean(a), mean(b)]).value() == pytest.approx((2 / 3 + 3 / 4) / 2)
    assert np.isnan(interval(np.full((5, 1), np.nan))).all()
