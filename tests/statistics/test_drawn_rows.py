"""What tables say of rows that seeds draw: by simulation, how often intervals cover and a loss is found."""

import numpy as np
import pytest

from tests.statistics.drawn_worlds import drawn_differences, power_at_detectable, tabulated

IMAGES, TRIALS = 100, 1500
# Of a share of 0.95 in so many trials, one in 700 is further off.
CHANCE = 0.018


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("spread", [0.1, 0.2])
def test_intervals_cover_and_tests_reject_as_often_as_promised(seeds: int, spread: float) -> None:
    generator = np.random.default_rng(0)
    made = [drawn_differences(generator, IMAGES, seeds, spread) for _ in range(TRIALS)]
    found = tabulated(made, IMAGES)
    assert 0.95 - CHANCE <= np.mean([one.low <= 0 <= one.high for one in found]) <= 0.97 + CHANCE
    assert np.mean([one.p <= 0.05 for one in found]) <= 0.05 + CHANCE


@pytest.mark.parametrize(
    ("seeds", "spread", "size", "per_image"),
    [
        (3, 0.1, 0.05, 1),
        (5, 0.03, 0.05, 1),
        (5, 0.2, 0.05, 1),
        (5, 0.1, 0.05 / 10, 1),
        (10, 0.1, 0.05 / 100, 1),
        (10, 0.1, 0.05, 1),
        (10, 0.1, 0.05, 3),
    ],
)
def test_the_power_at_the_detectable_difference(
    seeds: int, spread: float, size: float, per_image: int
) -> None:
    generator = np.random.default_rng(7)
    _, power = power_at_detectable(generator, IMAGES, seeds, spread, size, per_image)
    assert 0.75 <= power <= 0.85


def test_where_no_loss_would_be_found_none_is_told() -> None:
    made = drawn_differences(np.random.default_rng(0), IMAGES, 3, 0.2)
    assert np.isnan(tabulated([made], IMAGES)[0].detectable(0.05 / 300))
