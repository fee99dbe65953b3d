"""Seeds as a random factor crossed with images: by simulation, and where a factor does nothing."""

import numpy as np
import pytest

from prunegrid.statistics.two_way import TwoWay, two_way
from tests.statistics.drawn_worlds import drawn_differences

IMAGES, TRIALS = 100, 1500


def estimates(seeds: int, spread: float, seed: int = 0) -> list[tuple[TwoWay, float]]:
    """Return each trial's estimate, and half the width of the interval over images alone."""
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(TRIALS):
        by_seed = drawn_differences(generator, IMAGES, seeds, spread)
        alone = 1.96 * by_seed.mean(axis=1).std(ddof=1) / np.sqrt(IMAGES)
        found.append((two_way(by_seed, np.ones_like(by_seed)), alone))
    return found


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("spread", [0.03, 0.15])
def test_intervals_cover_as_often_as_promised(seeds: int, spread: float) -> None:
    found = estimates(seeds, spread)
    covered = np.mean([abs(one.value) <= one.half_width() for one, _ in found])
    assert 0.93 <= covered <= 0.97 + 0.01
    # A test rejects where its interval leaves out 0.
    assert 1 - covered <= 0.055 + 0.01
    if spread > 0.1:
        assert np.mean([abs(one.value) <= alone for one, alone in found]) < 0.7


def test_without_a_spread_of_seeds_it_claims_no_more_than_images_do() -> None:
    for seeds in (3, 10):
        covered = np.mean([abs(one.value) <= one.half_width() for one, _ in estimates(seeds, 0.0)])
        assert 0.94 <= covered <= 0.985


def test_p_is_the_size_at_which_the_interval_ends_at_zero() -> None:
    for value in (0.001, 0.02, 0.05, 0.3):
        found = TwoWay(value, 0.0004, 0.0002, 5, 80)
        assert found.half_width(1 - found.p) == pytest.approx(value, rel=1e-3)
    assert TwoWay(0.0, 0.0004, 0.0002, 5, 80).p == 1


def test_equal_seeds_leave_the_images_and_equal_images_the_seeds() -> None:
    column = np.random.default_rng(0).integers(-1, 2, (60, 1)).astype(float)
    found = two_way(np.repeat(column, 4, axis=1), np.ones((60, 4)))
    assert found.of_seeds == pytest.approx(0)
    assert found.of_clusters == pytest.approx(column.var(ddof=1) / 60)
    row = np.array([[0.1, -0.2, 0.4]])
    found = two_way(np.repeat(row, 50, axis=0), np.ones((50, 3)))
    assert found.of_clusters == pytest.approx(0)
    assert found.of_seeds == pytest.approx(row.var(ddof=1) / 3)
    assert found.half_width() == pytest.approx(4.3027 * np.sqrt(row.var(ddof=1) / 3), rel=1e-4)


def test_questions_about_one_image_are_no_independent_ones() -> None:
    by_seed = np.random.default_rng(1).normal(size=(40, 3))
    one, many = (two_way(n * by_seed, np.full((40, 3), float(n))) for n in (1, 6))
    assert one.half_width() == pytest.approx(many.half_width())
    assert one.value == pytest.approx(many.value)
