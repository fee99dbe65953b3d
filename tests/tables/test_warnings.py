"""Missed budgets are marked wherever they occur, and benchmarks with nothing to lose are named."""

import io
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from prunegrid.tables import flat, latex, markdown
from prunegrid.tables.build import make_tables
from prunegrid.tables.display import printed
from prunegrid.tables.options import TableOptions
from tests.tables.made_up import cell

OPTIONS = TableOptions(replicates=100)
ANSWERS = [1.0, 1.0, 1.0, 0.0] * 25


def removing(strategy: str, asked: float, achieved: float):
    compute = {"tflops_total": 1.0, "tflops_published": 1.0, "ratio_achieved": achieved}
    return cell(strategy, ANSWERS, compute=compute | {"ratio_requested": asked})


def test_a_missed_budget_is_marked_and_told() -> None:
    cells = [cell("none", ANSWERS), removing("hierarchical", 0.653, 0.650), removing("exit", 0.653, 0.625)]
    for table in make_tables(cells, [], OPTIONS):
        marked = {
            line.fields[0].main: line.fields[3].mark for _, lines in printed(table).blocks for line in lines
        }
        assert "≠" in marked.values()
    table = make_tables(cells, [], OPTIONS)[0]
    shown = printed(table)
    assert any("exit 0.625 for 0.653" in note for note in shown.notes)
    assert "0.625≠" in markdown.render(shown)
    assert r"0.625$^{\neq}$" in latex.render(shown)
    rows = pd.read_csv(io.StringIO(flat.render(table))).set_index("strategy")
    assert rows.b_budget_missed.to_dict() == {"none": False, "hierarchical": False, "exit": True}


def test_where_total_compute_is_matched_what_is_removed_may_differ() -> None:
    cells = [removing("hierarchical", 0.653, 0.650), removing("exit", 0.653, 0.625)]
    table = make_tables(cells, [], TableOptions(replicates=100, match="tflops_total"))[0]
    assert not any("≠" in note for note in printed(table).notes)


def warnings(
    none: list[float], blind: list[float] | None = None, questions: pa.Table | None = None
) -> list[str]:
    cells = [cell("none", none, questions=lambda: questions), cell("hierarchical", none)]
    if blind is not None:
        cells.append(cell("blind", blind, criterion="none", ratio=0.0))
    notes = printed(make_tables(cells, [], OPTIONS)[0]).notes
    return [note for note in notes if note.startswith("Warning")]


def questions(choices: list[str] | None, answer: str = "A") -> pa.Table:
    return pa.table(
        {"choices": pa.array([choices] * 100, pa.list_(pa.string())), "answer": pa.array([answer, "no"] * 50)}
    )


def test_a_model_that_knows_nothing_is_named() -> None:
    assert not warnings(ANSWERS)
    assert not warnings(ANSWERS, [0.0] * 100)
    assert "score 0" in warnings([0.0] * 100)[0]
    assert (
        "not better than without the image (75.0, blind 74.0)"
        in warnings(ANSWERS, [*ANSWERS[:-2], 0.0, 0.0])[0]
    )


@pytest.mark.parametrize(
    ("choices", "answer", "right", "at_chance"),
    [
        (["a", "b", "c", "d"], "A", 0.25, True),
        (["a", "b", "c", "d"], "A", 0.75, False),
        (None, "yes", 0.5, True),
        (None, "yes", 0.75, False),
        (None, "dog", 0.25, False),
    ],
)
def test_a_model_at_chance_is_named(choices, answer: str, right: float, at_chance: bool) -> None:
    scores = [1.0] * round(100 * right) + [0.0] * round(100 * (1 - right))
    found = warnings(scores, questions=questions(choices, answer))
    assert any("not above chance" in warning for warning in found) == at_chance


def test_latex_explains_no_column_that_it_leaves_out(study) -> None:
    for kind in ("strategy", "criterion"):
        tex, md = (Path(study.tables, f"{kind}.{ending}").read_text() for ending in ("tex", "md"))
        for word in ("gain kept", "interaction"):
            assert word in md.lower()
            assert word not in tex.lower()
        assert "p = " not in tex
        assert "Holm" in tex
