"""The exact sign-flip test is the list of all signs, and what drawn signs come near to."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import binomtest

from prunegrid.statistics.testing import exact_sign_flip, sign_flip


@pytest.mark.parametrize("unit", [1.0, 1 / 3, 0.1, 1 / 30])
def test_it_lists_all_signs(unit: float) -> None:
    generator = np.random.default_rng(0)
    for _ in range(5):
        values = generator.integers(-3, 4, 11) * unit
        sums = np.array([np.dot(signs, values) for signs in product((1, -1), repeat=11)])
        expected = (np.abs(sums) >= abs(values.sum()) - 1e-9).mean()
        assert exact_sign_flip(values) == pytest.approx(expected, abs=1e-12)


def test_of_single_answers_it_is_the_sign_test() -> None:
    for better, worse in ((0, 0), (5, 5), (0, 14), (30, 61)):
        values = np.array([1.0] * better + [-1.0] * worse + [0.0] * 40)
        expected = binomtest(better, better + worse).pvalue if better + worse else 1.0
        assert exact_sign_flip(values) == pytest.approx(expected)


def test_sums_that_are_zero_but_for_their_last_digit_are_no_change() -> None:
    rest = 0.1 + 0.2 - 0.3
    assert rest != 0
    assert exact_sign_flip(np.array([0.1] * 6 + [rest, -rest])) == pytest.approx(2 / 2**6)
    assert exact_sign_flip(np.array([0.1, -0.2, 0.3, rest])) == exact_sign_flip(np.array([0.1, -0.2, 0.3]))


def test_drawn_signs_come_near_and_other_numbers_are_left_to_them() -> None:
    generator = np.random.default_rng(1)
    values = generator.integers(-4, 6, (200, 6)) * (generator.random((200, 6)) < 0.4) / 3
    exact = [exact_sign_flip(column) for column in values.T]
    np.testing.assert_allclose(exact, sign_flip(values, 40_000), atol=0.01)
    assert np.isnan(exact_sign_flip(generator.normal(size=50)))
