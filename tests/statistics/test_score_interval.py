"""Limits where few answers change: against Tango's interval, and by simulation."""

import numpy as np
import pytest
from scipy import optimize

from prunegrid.statistics.score_interval import score_limits


def tango(better: int, worse: int, n: int) -> list[float]:
    """Tango's score interval, by its own equations."""

    def statistic(delta: float) -> float:
        middle = -better - worse + (2 * n - better + worse) * delta
        last = -worse * delta * (1 - delta)
        q = (np.sqrt(max(middle**2 - 8 * n * last, 0.0)) - middle) / (4 * n)
        variance = n * (2 * q + delta * (1 - delta))
        return (better - worse - n * delta) / np.sqrt(max(variance, 1e-300))

    found = (better - worse) / n
    return [
        optimize.brentq(lambda d: statistic(d) - 1.959964, -0.9999, found - 1e-9),
        optimize.brentq(lambda d: statistic(d) + 1.959964, found + 1e-9, 0.9999),
    ]


def single_rows(better: int, worse: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    sums = np.zeros((n, 1))
    sums[:better], sums[better : better + worse] = 1, -1
    return sums, np.ones((n, 1))


@pytest.mark.parametrize("n", [120, 1145])
@pytest.mark.parametrize(("better", "worse"), [(0, 0), (0, 1), (2, 0), (3, 3), (2, 9), (30, 20)])
def test_single_rows_get_tangos_interval(better: int, worse: int, n: int) -> None:
    limits = score_limits(*single_rows(better, worse, n))[:, 0]
    np.testing.assert_allclose(limits, tango(better, worse, n), atol=1e-6)


def test_without_a_change_the_rule_of_three_holds() -> None:
    sums, counts = single_rows(0, 0, 120)
    low, high = score_limits(sums, counts)[:, 0]
    assert low < -3 / 120
    assert high == -low
    # Eighteen questions to an image are still one image.
    np.testing.assert_allclose(score_limits(sums, 18 * counts)[:, 0], [low, high])
    np.testing.assert_allclose(score_limits(sums, counts, whole=0.8)[:, 0], [0.8 * low, 0.8 * high])


def test_many_changes_outvote_the_imagined_one() -> None:
    generator = np.random.default_rng(0)
    rows = generator.choice([-1, 0, 1], size=(500, 18), p=[0.05, 0.9, 0.05])
    sums, counts = rows.sum(axis=1, keepdims=True).astype(float), np.full((500, 1), 18.0)
    low, high = score_limits(sums, counts)[:, 0]
    wald = 2 * 1.96 * np.sqrt((sums**2).sum()) / rows.size
    assert wald < high - low < 1.2 * wald


@pytest.mark.parametrize(("n_images", "per_image"), [(120, 1), (500, 1), (200, 6)])
@pytest.mark.parametrize("loss", [0.01, 0.02, 0.05])
def test_a_loss_is_excluded_no_more_often_than_promised(n_images: int, per_image: int, loss: float) -> None:
    generator = np.random.default_rng(1)
    trials = 4000
    # The worst case: whole images are lost.
    sums = -per_image * (generator.random((n_images, trials)) < loss).astype(float)
    counts = np.full((n_images, trials), float(per_image))
    assert (score_limits(sums, counts)[0] > -loss).mean() <= 0.035


def test_nothing_compared_gives_no_limits() -> None:
    nothing = np.zeros((5, 1))
    assert np.isnan(score_limits(nothing, nothing)).all()
