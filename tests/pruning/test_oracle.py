"""The engine is right: dropping tokens is the same as forbidding later layers to look at them.

Every strategy with every criterion, alone and in a ragged batch, against `tests.pruning.oracle`.
"""

from itertools import combinations

import pytest

from prunegrid.plugins import names
from tests.pruning.comparison import FAMILIES, SCORINGS, differences, expected, requests_of
from tests.pruning.oracle import SCORES

# Options of criteria are tried where several cuts show them.
PAIRS = [
    (strategy, scoring)
    for strategy in names("strategies")
    for scoring in SCORINGS
    if scoring in names("criteria") or strategy in ("hierarchical", "uniform")
]
BATCHES = {"alone": slice(1, 2), "ragged": slice(0, 5)}


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize(("strategy", "scoring"), PAIRS)
@pytest.mark.parametrize("family", FAMILIES)
def test_engine_is_the_oracle(family, strategy, scoring, batch):
    rows = list(requests_of(family))[BATCHES[batch]]
    found = differences(family, rows, strategy, scoring)
    assert not found, "\n".join(map(" ".join, found))


@pytest.mark.parametrize("family", FAMILIES)
def test_criteria_are_told_apart(family):
    """Each criterion keeps something else somewhere, else agreement would say little."""
    # `staged` is `attention` by default.
    apart = [scoring for scoring in names("criteria") if scoring != "staged"]
    kept = {
        scoring: [
            expected(family, name, strategy, scoring).kept
            for strategy in ("hierarchical", "single", "uniform")
            for name in requests_of(family)
        ]
        for scoring in apart
    }
    assert [(a, b) for a, b in combinations(apart, 2) if kept[a] == kept[b]] == []


def test_every_criterion_has_an_oracle():
    assert set(names("criteria")) < set(SCORES)
