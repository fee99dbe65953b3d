"""Fast sums are the slow ones: the same p and the same resamples, to the last bit."""

import numpy as np
import pytest

from prunegrid.statistics.clusters import Clusters
from prunegrid.statistics.products import WeightedSums
from prunegrid.statistics.resampling import Bootstrap
from prunegrid.statistics.testing import sign_flip
from prunegrid.tables.difference import Resampled


def plain_sign_flip(differences: np.ndarray, replicates: int, seed: int) -> np.ndarray:
    """Return what sign_flip promises, with one matrix of signs in double precision."""
    changed = differences[np.any(differences != 0, axis=1)]
    limit = np.abs(changed.sum(axis=0)) - 1e-12 * np.abs(changed).sum(axis=0)
    generator = np.random.default_rng([seed, len(differences), replicates])
    bits = generator.integers(0, 256, size=(replicates, -(-len(changed) // 8)), dtype=np.uint8)
    signs = np.where(np.unpackbits(bits, axis=1, count=len(changed)) == 1, 1.0, -1.0)
    return (1 + (np.abs(signs @ changed) >= limit).sum(axis=0)) / (1 + replicates)


def columns() -> np.ndarray:
    """Return whole numbers, thirds, captions' scores, numbers too large for single precision, and nothing."""
    rng = np.random.default_rng(5)
    n = 301
    whole = rng.integers(-2, 3, size=(n, 3)) * (rng.random((n, 3)) < 0.3)
    return np.column_stack(
        [
            whole,
            rng.integers(-3, 4, size=n) / 3,
            rng.integers(-10, 11, size=n) / 10 + rng.integers(-2, 3, size=n) * (1 / 9),
            rng.normal(0.1, 1, size=n),
            whole[:, 0] * 2.0**22 + 1,
            np.zeros(n),
        ]
    )


def test_sign_flips_are_those_of_signs_in_double_precision() -> None:
    differences = columns()
    np.testing.assert_array_equal(sign_flip(differences, 4000, 7), plain_sign_flip(differences, 4000, 7))


def test_ties_count_whatever_their_rounding() -> None:
    """Sums of thirds have many ties, which rounding must not break: p is that of the same numbers times 3."""
    thirds = columns()[:, [3]]
    np.testing.assert_array_equal(sign_flip(thirds, 4000), sign_flip(np.rint(3 * thirds), 4000))


def test_resamples_are_those_of_double_precision() -> None:
    sums = columns()
    bootstrap = Bootstrap(len(sums), replicates=300, seed=2)
    weights = np.concatenate(list(bootstrap._weights())).astype(np.float64)
    assert weights.sum(axis=1) == pytest.approx(len(sums))
    found = bootstrap.totals(sums)
    whole = [0, 1, 2, 6, 7]
    np.testing.assert_array_equal(found[:, whole], (weights @ sums)[:, whole])
    np.testing.assert_allclose(found, weights @ sums, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("value", "single"), [(1.0, True), (2.0**23, True), (2.0**24, False), (0.5, False)])
def test_only_what_stays_exact_is_added_in_single_precision(value: float, single: bool) -> None:
    values = np.array([[value], [0.0]])
    sums = WeightedSums(values, np.zeros(1), values.sum(axis=0))
    assert (sums._singles.shape[1], sums._doubles.shape[1]) == ((1, 0) if single else (0, 1))
    assert sums.of(np.array([[1, 1]], dtype=np.uint8)).item() == value


@pytest.mark.parametrize("density", [0.02, 0.3, 1.0])
@pytest.mark.parametrize("largest", [1, 4, 600])
def test_two_columns_in_one_number_come_apart_again(density: float, largest: int) -> None:
    """At both ends of what sums may be, too; those that have no room stand alone."""
    rng = np.random.default_rng(9)
    n = 4000
    values = rng.integers(-largest, largest + 1, size=(n, 9)) * (rng.random((n, 9)) < density) * 1.0
    values[:, 4], values[:, 5] = np.abs(values[:, 4]), -np.abs(values[:, 5])
    gains, losses = np.maximum(values, 0).sum(axis=0), np.maximum(-values, 0).sum(axis=0)
    sums = WeightedSums(values, losses, gains)
    assert (len(sums._low) > 0) == (largest * density * n < 5000)
    weights = rng.integers(0, 2, size=(600, n), dtype=np.uint8)
    extremes = np.concatenate([values.T > 0, values.T < 0, values.T >= 0, values.T <= 0]).astype(np.uint8)
    for some in (weights, extremes, np.zeros((1, n), np.uint8), np.ones((1, n), np.uint8)):
        np.testing.assert_array_equal(sums.of(some), some.astype(np.float64) @ values)


def test_means_are_of_the_samples_that_each_row_answered() -> None:
    """Rows that answer the same samples share their counts; the others have their own."""
    rng = np.random.default_rng(1)
    scores = [rng.integers(0, 2, 60).astype(float) for _ in range(5)]
    scores[1][3] = scores[2][3] = np.nan
    scores[4][:30] = np.nan
    clusters = Clusters.of([f"i{k % 20:02d}" for k in range(60)])
    bootstrap = Bootstrap(clusters.count, replicates=50)
    together = Resampled(bootstrap, clusters, scores)
    for number, score in enumerate(scores):
        alone = Resampled(bootstrap, clusters, [score])
        np.testing.assert_array_equal(together.means[:, [number]], alone.means)
