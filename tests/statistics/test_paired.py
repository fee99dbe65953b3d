"""Flips, agreement and strata against plain loops."""

import math

import numpy as np
import pytest

from prunegrid.statistics import paired


@pytest.mark.parametrize("seed", range(3))
def test_against_loops(seed: int) -> None:
    generator = np.random.default_rng(seed)
    n = 200
    before, after = (generator.choice([0.0, 1.0, 0.3, np.nan], n) for _ in range(2))
    answers = tuple(
        [None if x == "-" else str(x) for x in generator.choice(list("AB-"), n)] for _ in range(2)
    )
    texts = tuple([str(x) for x in generator.choice(["A", "A.", "B"], n)] for _ in range(2))
    fell = rose = other_answer = other_text = compared = 0
    for i in range(n):
        if math.isnan(before[i]) or math.isnan(after[i]):
            continue
        compared += 1
        fell += after[i] < before[i]
        rose += after[i] > before[i]
        other_answer += answers[0][i] != answers[1][i]
        other_text += texts[0][i] != texts[1][i]
    found = paired.flips(before, after, answers, texts)  # type: ignore[arg-type]
    assert found == paired.Flips(compared, fell, rose, other_answer, other_text)
    assert found.rate == pytest.approx((fell + rose) / compared)
    agreed = paired.agreement(before, after, answers)  # type: ignore[arg-type]
    assert agreed == pytest.approx(1 - other_answer / compared)


def test_strata_are_the_samples_that_the_blind_cell_has_right_and_the_rest() -> None:
    score = np.array([1.0, 0.0, 1.0, 1.0, np.nan, 0.0])
    blind = np.array([1.0, 1.0, 0.0, 0.0, 1.0, np.nan])
    assert paired.strata(score, blind) == paired.Strata(0.5, 1.0, 2, 2)
    empty = paired.strata(score[:2], blind[:2])
    assert (empty.answerable_blind, empty.n_needs_image) == (0.5, 0)
    assert math.isnan(empty.needs_image)
    whole = np.nanmean(score[:4])
    parts = paired.strata(score, blind)
    shares = (parts.n_answerable_blind, parts.n_needs_image)
    assert np.average([parts.answerable_blind, parts.needs_image], weights=shares) == pytest.approx(whole)


def test_nothing_compared_and_samples_that_do_not_match() -> None:
    none = np.array([np.nan])
    assert math.isnan(paired.flips(none, none, (["A"], ["A"]), (["A"], ["A"])).rate)
    assert math.isnan(paired.agreement(none, none, (["A"], ["A"])))
    with pytest.raises(ValueError, match=r"found \(1,\) and \(2,\)"):
        paired.strata(np.ones(1), np.ones(2))
    with pytest.raises(ValueError, match="same 1 samples are compared, found 1 and 2"):
        paired.agreement(np.ones(1), np.ones(1), (["A"], ["A", "B"]))
