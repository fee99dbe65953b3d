"""Words follow from tests: recomputed from raw answers, and never beyond them."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest
from statsmodels.stats.multitest import multipletests

from prunegrid.findings.found_difference import (
    AVERAGE,
    BEST,
    BETTER,
    DEGENERATE,
    LEADERS,
    NEEDS_ANSWER,
    NOT_TESTED,
    NOT_TOLD,
    REFERENCE,
    UNPRUNED,
    WORSE,
    relation,
)
from prunegrid.tables.options import TableOptions
from tests.findings.made_up import OPTIONS, N, found, only, right, said, some, study
from tests.tables.made_up import cell
from tests.tables.two_matchings import BOTH
from tests.tables.two_matchings import cells as of_two_matchings

STRATEGIES = ("uniform", "single", "pyramid", "constant")


@pytest.mark.parametrize(
    ("difference", "corrected", "words"),
    [
        (0.1, 0.0499, BETTER),
        (-0.1, 0.0499, WORSE),
        (0.1, 0.05, NOT_TOLD),
        (-0.1, 1.0, NOT_TOLD),
        (0.0, 0.001, NOT_TOLD),
        (0.1, np.nan, NOT_TESTED),
        (np.nan, 0.01, NOT_TESTED),
    ],
)
def test_a_relation_says_no_more_than_its_corrected_p(difference, corrected, words) -> None:
    assert relation(difference, corrected) == words


@pytest.mark.parametrize("seed", range(4))
def test_relations_are_those_of_an_independent_count(seed: int) -> None:
    """Answers by chance: exact McNemar by scipy, Holm by statsmodels over all strategies and benchmarks."""
    world = np.random.default_rng(seed)
    names = ("hierarchical", *STRATEGIES)
    shares = dict(zip(names, world.choice([0.5, 0.6, 0.7, 0.8], len(names)), strict=True))
    answers = {
        (benchmark, name): (world.random(N) < share).astype(float)
        for benchmark in ("one", "two")
        for name, share in shares.items()
    }
    cells = [cell("none", right(N), benchmark=benchmark) for benchmark in ("one", "two")]
    cells += [cell(name, values.tolist(), benchmark=b) for (b, name), values in answers.items()]
    tests = [(b, name) for b in ("one", "two") for name in STRATEGIES]
    change = [answers[b, name] - answers[b, "hierarchical"] for b, name in tests]
    p = [binomtest(int((c > 0).sum()), int((c != 0).sum())).pvalue for c in change]
    corrected = multipletests(p, method="holm")[1]
    findings = found(cells)
    for (benchmark, name), own, holm in zip(tests, change, corrected, strict=True):
        wanted = NOT_TOLD if holm >= 0.05 else BETTER if own.mean() > 0 else WORSE
        one = only(findings, question="strategy", about=REFERENCE, benchmark=benchmark, subject=name)
        assert one.relation == wanted
        assert one.difference == pytest.approx(own.mean())
        assert one.p_corrected == pytest.approx(holm)
        assert one.low <= one.difference <= one.high


def test_another_reference_reverses_the_relation() -> None:
    cells = study(hierarchical=150, single=190)
    one = only(found(cells), about=REFERENCE, question="strategy")
    assert (one.subject, one.relation, one.object) == ("single", BETTER, "hierarchical")
    swapped = only(found(cells, replace(OPTIONS, reference_strategy="single")), about=REFERENCE)
    assert (swapped.subject, swapped.relation, swapped.object) == ("hierarchical", WORSE, "single")
    assert swapped.difference == -one.difference


def test_what_is_not_significant_is_never_called_better_nor_equal() -> None:
    cells = study(hierarchical=150, single=153, uniform=150)
    assert {one.relation for one in found(cells) if one.about != UNPRUNED} == {NOT_TOLD}
    text = " ".join(f"{one.topic} {one.sentence}" for one in said(cells)).lower()
    assert "no strategy can be told to be better than hierarchical" in text
    assert "is the best" not in text
    for word in ("equal", "as good as", "same", "outperform"):
        assert word not in text


def test_what_only_the_uncorrected_p_tells_is_not_told() -> None:
    cells = [one for number in range(12) for one in study(f"b{number}", hierarchical=150, single=150)]
    cells[2] = cell("single", right(158), benchmark="b0")
    one = only(found(cells), about=REFERENCE, benchmark="b0")
    assert one.p < 0.05 <= one.p_corrected
    assert one.relation == NOT_TOLD


def test_the_best_is_told_from_every_rival() -> None:
    findings = found(study(hierarchical=150, single=190, uniform=120))
    best = only(findings, about=LEADERS)
    assert (best.subject, best.relation, best.object, best.rivals) == ("single", BEST, "hierarchical", 3)
    assert best.p_corrected < 0.05
    assert (
        "single is the best of the 3 that are ranked"
        in said(study(hierarchical=150, single=190, uniform=9))[-1].sentence
    )


def test_a_group_at_the_top_is_named_and_nothing_in_it_is_best() -> None:
    findings = some(found(study(hierarchical=120, single=190, uniform=189)), about=LEADERS)
    assert [(one.subject, one.relation, one.object) for one in findings] == [("single", NOT_TOLD, "uniform")]


def test_the_best_has_to_pass_the_tables_correction_against_the_reference_too() -> None:
    """One pair of the block and p = 0.008; of the table's eight tests the same is no finding."""
    alone = study("b0", hierarchical=150, single=158)
    assert only(found(alone), about=LEADERS).relation == BEST
    more = [one for number in range(1, 8) for one in study(f"b{number}", hierarchical=150, single=150)]
    one = only(found([*alone, *more]), about=LEADERS, benchmark="b0")
    assert one.relation == NOT_TOLD
    assert one.p < 0.01 < 0.05 <= one.p_corrected


def test_a_reference_on_top_is_best_only_if_the_table_tells_all_others() -> None:
    alone = study("b0", hierarchical=158, single=150)
    best = only(found(alone), about=LEADERS)
    assert (best.subject, best.relation, best.subject_is_reference) == ("hierarchical", BEST, True)
    more = [one for number in range(1, 8) for one in study(f"b{number}", hierarchical=150, single=150)]
    assert only(found([*alone, *more]), about=LEADERS, benchmark="b0").relation == NOT_TOLD


def test_losses_are_to_the_unpruned_model_and_a_margin_is_told() -> None:
    findings = found(study(none=190, hierarchical=100, single=190))
    of = {one.subject: one for one in some(findings, about=UNPRUNED, question="strategy")}
    assert (of["hierarchical"].relation, of["hierarchical"].no_loss) == (WORSE, False)
    assert (of["single"].relation, of["single"].no_loss) == (NOT_TOLD, False)
    wide = TableOptions(replicates=200, accuracy_margin=5)
    assert only(found(study(none=190, single=190), wide), about=UNPRUNED, question="strategy").no_loss


def test_a_row_that_needs_the_answer_may_be_better_and_is_never_best() -> None:
    cells = [cell("none", right(N)), cell("hierarchical", right(100))]
    cells.append(replace(cell("hierarchical", right(190), criterion="gradient"), needs_answer=True))
    cells.append(cell("hierarchical", right(99), criterion="norm"))
    findings = found(cells)
    one = only(findings, about=REFERENCE, subject="gradient")
    assert (one.relation, one.notes) == (BETTER, (NEEDS_ANSWER,))
    assert not any("gradient" in f"{f.subject}{f.object}" for f in some(findings, about=LEADERS))
    text = " ".join(f.sentence for f in said(cells))
    assert f"gradient, which {NEEDS_ANSWER}" in text


def test_a_degenerate_row_is_never_best_and_its_gain_says_so() -> None:
    compute = {"tflops_total": 2.0, "tflops_published": 1.0, "min_image_tokens": 2.0}
    cells = [*study(hierarchical=100, uniform=99), cell("single", right(190), compute=compute)]
    findings = found(cells)
    assert only(findings, about=REFERENCE, subject="single").notes == (DEGENERATE,)
    assert {one.subject for one in some(findings, about=LEADERS)} == {"hierarchical"}
    assert any(f"single {DEGENERATE}, hence not ranked" in one.sentence for one in said(cells))


def test_one_drawn_schedule_is_not_tested() -> None:
    cells = [*study(hierarchical=100), cell("random", right(190), draws_schedule=True)]
    one = only(found(cells), about=REFERENCE)
    assert one.relation == NOT_TESTED
    assert np.isnan(one.p)
    assert "was not tested against hierarchical" in one.sentence


def test_draws_that_disagree_are_too_few() -> None:
    cells = study(hierarchical=100)
    cells += [
        cell("random", right(count), seed=s, draws_schedule=True) for s, count in enumerate((90, 130, 190))
    ]
    one = only(found(cells), about=REFERENCE)
    assert (one.relation, one.n_draws, one.too_few) == (NOT_TOLD, 3, "schedules")
    assert "too few schedules" in one.sentence


def test_errors_leave_the_samples_that_both_answered() -> None:
    cells = study(hierarchical=100)
    cells.append(cell("single", [None] * 50 + right(140, 150)))
    cells.append(cell("uniform", [None] * N))
    findings = found(cells)
    one = only(findings, about=REFERENCE, subject="single")
    assert one.difference == pytest.approx((140 - 50) / 150)
    assert not some(findings, subject="uniform")


def test_the_same_computation_is_compared_with_nothing() -> None:
    told = {
        "schedule": [[1, 0.5]],
        "scored_by": [[1, "attention", None]],
        "strategy": ["x", {}],
        "criterion": ["a", {}],
    }
    cells = [cell("none", right(N))]
    cells += [cell(name, right(150), metadata=lambda: told) for name in ("hierarchical", "single")]
    assert not some(found(cells), about=REFERENCE)
    assert not some(found(cells), about=LEADERS)


def test_each_matching_has_findings_of_its_own() -> None:
    findings = found(of_two_matchings(), BOTH)
    for match, words in (("share", "equal share of tokens"), ("tflops_total", "equal total compute")):
        own = some(findings, match=match, about=REFERENCE, question="strategy")
        assert {one.subject for one in own} == {"single", "exit"}
        assert all(words in one.sentence for one in own)
    exit_ = only(findings, match="share", about=REFERENCE, subject="exit")
    assert exit_.notes == ("removes 0.520 instead of 0.5",)
    assert {one.match for one in some(findings, about=AVERAGE)} == {"share", "tflops_total"}


def test_a_row_of_another_criterion_is_compared_in_its_own_block_once() -> None:
    cells = [cell("none", right(N))]
    cells += [
        cell(s, right(120), criterion=c)
        for s in ("hierarchical", "uniform", "random")
        for c in ("attention", "random")
    ]
    own = some(found(cells), question="strategy", about=REFERENCE, subject="uniform")
    assert [(one.fixed, one.object) for one in own] == [
        ("attention", "hierarchical"),
        ("random", "hierarchical"),
    ]
    assert not some(found(cells), about=REFERENCE, subject="uniform x random")


def test_averages_say_what_holm_over_the_axis_says() -> None:
    cells = [one for name in ("one", "two") for one in study(name, hierarchical=150, single=190, uniform=149)]
    findings = {one.subject: one for one in some(found(cells), about=AVERAGE, question="strategy")}
    assert findings["single"].relation == BETTER
    assert findings["single"].difference == pytest.approx(40 / N)
    assert findings["uniform"].relation == NOT_TOLD


def test_costs_are_those_of_the_benchmark() -> None:
    whole = {"tflops_total": 4.0, "tflops_published": 1.0}
    cells = [cell("none", right(N), compute=whole), cell("hierarchical", right(100))]
    cells.append(cell("single", right(190), compute={**whole, "tflops_total": 3.0}))
    one = only(found(cells), about=REFERENCE)
    assert (one.compute_share, one.object_compute_share) == (0.75, 0.5)
    assert "at 75.0 % of the unpruned model's total compute (hierarchical: 50.0 %)" in one.sentence
