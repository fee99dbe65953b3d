"""Cells that answer like the unpruned model: what may be claimed of them."""

import pandas as pd
import pytest

from prunegrid.tables.build import compare, make_tables
from prunegrid.tables.cells import ScoredCell
from prunegrid.tables.display import NO_LOSS, printed
from prunegrid.tables.options import TableOptions

OPTIONS = TableOptions(replicates=200)


def cell(strategy: str, scores: list[float | None], headline: str = "accuracy", **changes) -> ScoredCell:
    n, n_error = len(scores), sum(score is None for score in scores)
    known = [score for score in scores if score is not None]
    samples = pd.DataFrame(
        {
            "sample_id": [f"s{i:05d}" for i in range(n)],
            "image_id": [f"i{i:05d}" for i in range(n)],
            "score": pd.Series(scores, dtype="float64"),
            "said": [None] * n,
        }
    )
    value = sum(known) / len(known) if known else None
    axes = {
        "model": "m",
        "benchmark": "b",
        "strategy": strategy,
        "criterion": "none" if strategy == "none" else "attention",
        "ratio": 0.0 if strategy == "none" else 0.5,
        "seed": 0,
    } | changes
    return ScoredCell(
        **axes,
        strategy_type=axes["strategy"],
        criterion_type=axes["criterion"],
        needs_answer=False,
        scores={
            "n": n,
            "n_error": n_error,
            "headline": headline,
            "headline_variant": "rule",
            "metrics": {headline: {"value": value, "low": value, "high": value}},
            "variants": {},
            "compute": {"tflops_published": 1.0, "tflops_total": 2.0, "ratio_achieved": 0.5},
        },
        samples=samples,
    )


def to_none(n: int, headline: str = "accuracy", changed: int = 0):
    none = [1.0, 0.0, 1.0, 1.0] * (n // 4)
    pruned = [0.0] * changed + none[changed:]
    rows = compare([cell("none", none, headline), cell("single", pruned, headline)], OPTIONS)["b"]
    return rows["single", "attention", 0.5]


@pytest.mark.parametrize("headline", ["accuracy", "cider"])
def test_no_loss_is_not_claimed_of_equal_answers_to_few_questions(headline: str) -> None:
    result = to_none(120, headline)
    assert result.to_none.value == 0
    assert result.to_none.low < -0.02 < 0.02 < result.to_none.high
    assert result.non_inferior is False
    assert result.to_none.detectable > 0.015
    assert to_none(1200, headline).non_inferior is True


def test_one_change_is_no_better_than_none() -> None:
    assert to_none(120, changed=1).to_none.low < to_none(120).to_none.low


def test_the_printed_table_neither_marks_nor_promises_what_was_not_shown() -> None:
    answers = [1.0, 0.0] * 60
    cells = [cell("none", answers), cell("single", answers)]
    shown = printed(make_tables(cells, [], OPTIONS)[0])
    marks = {field.mark for _, lines in shown.blocks for line in lines for field in line.fields}
    assert not any(NO_LOSS in mark for mark in marks)
    assert any("minimum detectable difference 2.3 to 2.3" in note for note in shown.notes)
