"""The engine is right: dropping tokens is the same as forbidding later layers to look at them.

Strategies with criteria, alone and in a ragged batch, against `tests.pruning.oracle`; `tests.pruning.cases`
says which in which family.
"""

from itertools import combinations

import pytest

from prunegrid.errors import PruningError
from prunegrid.plugins import names
from tests.pruning.cases import (
    AT_THE_INPUT,
    ATTENTION,
    NOT_RANKING,
    PAIRS,
    RANKING,
    SEVERAL_CUTS,
    STRATEGIES,
    WHOLE,
    cases,
    covering,
    first_cut_only,
    needs_class_token,
    of_family,
    reads_layer_before,
    scorings,
    takers,
)
from tests.pruning.comparison import FAMILIES, SCORINGS, differences, expected, measured, requests_of
from tests.pruning.oracle import SCORES, SETS

BATCHES = {"alone": slice(1, 2), "ragged": slice(0, 5)}
OTHERS = [family for family in FAMILIES if family != WHOLE]


def batches(scoring):
    """Return the batches of a case: alone a sample is in the ragged one, too, where rows differ most."""
    return BATCHES if scoring is None or scoring in ATTENTION else ["ragged"]


def marked(family, strategy, scoring, batch):
    """Return a case, marked where other cases cover what it meets."""
    further = (strategy, scoring) not in covering(family)
    # Whole batches meet every pair of the one family, and samples alone one strategy for each scoring.
    further |= batch == "alone" and scoring is not None and strategy != takers(scoring)[0]
    return pytest.param(family, strategy, scoring, batch, marks=[pytest.mark.exhaustive] * further)


@pytest.mark.parametrize(
    ("family", "strategy", "scoring", "batch"),
    [
        marked(family, *case, batch)
        for family in FAMILIES
        for case in cases(family)
        for batch in batches(case[1])
    ],
)
def test_engine_is_the_oracle(family, strategy, scoring, batch):
    rows = list(requests_of(family))[BATCHES[batch]]
    found = differences(family, rows, strategy, scoring)
    assert not found, "\n".join(map(" ".join, found))


def test_one_family_meets_all():
    refused = {(a, b) for a in AT_THE_INPUT for b in names("criteria") if reads_layer_before(b)}
    late = {(a, b) for a in SEVERAL_CUTS for b in names("criteria") if first_cut_only(b)}
    assert set(cases(WHOLE)) >= {(a, b) for a in RANKING for b in names("criteria")} - refused - late
    for strategy, criterion in refused | late:
        layer = "0" if (strategy, criterion) in refused else r"[1-9], only before the first cut"
        with pytest.raises(PruningError, match=rf"'\w+' cannot score before layer {layer}"):
            measured(WHOLE, list(requests_of(WHOLE))[:1], strategy, criterion)
    assert {scoring for _, scoring in cases(WHOLE)} == {None, *SCORINGS}


@pytest.mark.parametrize("family", OTHERS)
def test_every_family_meets_what_it_can_get_wrong(family):
    found = cases(family)
    assert len(found) == len(set(found))
    assert {strategy for strategy, _ in found} == set(STRATEGIES)
    assert {scoring for _, scoring in found} == {None, *scorings(family)}
    assert {strategy for strategy, scoring in found if scoring is None} == set(NOT_RANKING)
    attention = [
        "attention",
        "attention_own",
        "attention_deep",
        "attention_deep_mean",
        "attention_last",
        "attention_shallow",
    ]
    assert {*attention, "staged"} <= set(ATTENTION)
    assert {"hierarchical", "uniform", "random", "pyramid", "cuts"} == set(SEVERAL_CUTS)
    assert set(found) >= {(a, b) for a, b in PAIRS if a in SEVERAL_CUTS and b in ATTENTION}
    run = covering(family)
    assert set(run) <= set(found)
    assert {strategy for strategy, _ in run} == set(STRATEGIES)
    assert {scoring for _, scoring in run} == {None, *filter(of_family, scorings(family))}


def test_families_together_meet_all():
    """But for what only some families have the tower for: too few to meet every strategy."""
    everywhere = {case for case in cases(WHOLE) if case[1] is None or not needs_class_token(case[1])}
    found = {case for family in OTHERS for case in cases(family)}
    assert everywhere <= found <= set(cases(WHOLE))
    together = {case for family in OTHERS for case in covering(family)}
    assert {case for case in everywhere if case[1] is None or of_family(case[1])} <= together


@pytest.mark.parametrize(
    "family", [WHOLE, *(pytest.param(one, marks=pytest.mark.exhaustive) for one in OTHERS)]
)
def test_criteria_are_told_apart(family):
    """Each criterion keeps something else in some sample, else agreement would say little."""
    # `staged` is `attention` by default; what meets no such cuts reads no score that it could share.
    apart = [scoring for scoring in scorings(family) if scoring in names("criteria") and scoring != "staged"]
    apart = [scoring for scoring in apart if "uniform" in takers(scoring)]
    alike = list(combinations(apart, 2))
    for name in requests_of(family):
        kept = {one: expected(family, name, "uniform", one).kept for pair in alike for one in pair}
        alike = [(a, b) for a, b in alike if kept[a] == kept[b]]
    assert alike == []


def test_every_criterion_has_an_oracle():
    assert set(names("criteria")) < {*SCORES, *SETS}
    assert not set(SCORES) & set(SETS)
