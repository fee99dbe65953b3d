"""The engine is right: dropping tokens is the same as forbidding later layers to look at them.

Every strategy with every criterion, alone and in a ragged batch, against `tests.engine.oracle`.
"""

import pytest

from prunegrid.plugins import build, names
from tests.engine.comparison import FAMILIES, SCORINGS, differences, expected, requests_of
from tests.engine.oracle import SCORES

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
    assert differences(family, rows, strategy, scoring) == []


@pytest.mark.parametrize("strategy", [s for s in names("strategies") if build("strategies", s).ranks])
@pytest.mark.parametrize("family", FAMILIES)
def test_criteria_are_told_apart(family, strategy):
    """Each criterion keeps something else, else agreement would say little."""
    name = list(requests_of(family))[1]
    kept = {scoring: expected(family, name, strategy, scoring).kept for scoring in names("criteria")}
    # By default `staged` is `attention`, which has one part only where there is one cut.
    same = {"staged", "attention"}
    distinct = {str(tokens) for scoring, tokens in kept.items() if scoring not in same}
    assert len(distinct) == len(kept) - len(same)


def test_every_criterion_has_an_oracle():
    assert set(names("criteria")) < set(SCORES)
