"""Brier score and calibration error against plain loops."""

import math

import numpy as np
import pytest

from prunegrid.statistics import calibration


def rows(seed: int, n: int = 400, options: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 2, (n, options))
    gold = generator.integers(0, options, n)
    probabilities = np.array([calibration.softmax(row) for row in logits])
    return probabilities, gold, np.array(probabilities.argmax(axis=1) == gold, dtype=float)


def by_counting(confidence: list[float], correct: list[float], bins: int) -> float:
    """Guo et al.'s sum over bins, one row at a time; a bin is open below and closed above."""
    total = 0.0
    for k in range(bins):
        held = [i for i, c in enumerate(confidence) if k / bins < c <= (k + 1) / bins or (k == 0 and c == 0)]
        if held:
            mean_confidence = sum(confidence[i] for i in held) / len(held)
            accuracy = sum(correct[i] for i in held) / len(held)
            total += len(held) / len(confidence) * abs(accuracy - mean_confidence)
    return total


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("bins", [1, 10, 15])
def test_bins_of_equal_width(seed: int, bins: int) -> None:
    probabilities, _, correct = rows(seed)
    confidence = probabilities.max(axis=1)
    wanted = by_counting(confidence.tolist(), correct.tolist(), bins)
    assert calibration.expected_calibration_error(confidence, correct, bins) == pytest.approx(wanted)


@pytest.mark.parametrize("n", [7, 15, 100, 401])
def test_bins_of_equal_mass(n: int) -> None:
    probabilities, _, correct = rows(9, n)
    confidence = probabilities.max(axis=1)
    order = sorted(range(n), key=lambda i: confidence[i])
    sizes = [n // 15 + (k < n % 15) for k in range(15)]
    wanted, start = 0.0, 0
    for size in sizes:
        held = order[start : start + size]
        start += size
        if held:
            gap = sum(correct[i] for i in held) / size - sum(confidence[i] for i in held) / size
            wanted += size / n * abs(gap)
    found = calibration.expected_calibration_error(confidence, correct, binning="equal_mass")
    assert found == pytest.approx(wanted)


def test_edges_and_rows_without_logits() -> None:
    confidence = np.array([0.0, 0.2, 0.4, 1.0, np.nan])
    correct = np.array([0.0, 1.0, 0.0, 1.0, np.nan])
    # Bins (0, .2], (.2, .4], ..., (.8, 1]: {0, .2}, {.4}, {1}; the row without logits counts nowhere.
    assert calibration.expected_calibration_error(confidence, correct, 5) == pytest.approx(
        (0.8 + 0.4 + 0) / 4
    )
    nothing = np.array([np.nan])
    assert math.isnan(calibration.expected_calibration_error(nothing, nothing))
    assert math.isnan(calibration.expected_calibration_error(nothing, nothing, binning="equal_mass"))
    with pytest.raises(ValueError, match="'equal_width' or 'equal_mass', found 'width'"):
        calibration.expected_calibration_error(confidence, correct, 5, "width")  # type: ignore[arg-type]


def test_brier_is_the_sum_of_squares_over_options() -> None:
    probabilities, gold, _ = rows(3, 50)
    for row, g in zip(probabilities.tolist(), gold.tolist(), strict=True):
        wanted = sum((p - (k == g)) ** 2 for k, p in enumerate(row))
        assert calibration.brier(np.array(row), g) == pytest.approx(wanted)
    assert calibration.brier(np.array([1.0, 0.0]), 1) == 2.0
    assert calibration.brier(np.array([1.0, 0.0]), 0) == 0.0


def test_softmax_is_what_the_formula_gives_and_large_logits_do_no_harm() -> None:
    powers = [math.exp(x) for x in (0.5, -1.0, 2.0)]
    wanted = [power / sum(powers) for power in powers]
    np.testing.assert_allclose(calibration.softmax([0.5, -1.0, 2.0]), wanted)
    np.testing.assert_allclose(calibration.softmax([1e4, 1e4 - 1000]), [1.0, 0.0])
