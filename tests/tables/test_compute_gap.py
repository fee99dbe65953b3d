"""`match: tflops_total`: a row that does not cost what the reference costs is marked wherever it is shown."""

import io
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from prunegrid.tables import flat, html, latex, markdown
from prunegrid.tables.build import make_tables
from prunegrid.tables.cells import write_cells
from prunegrid.tables.compute_gap import gap_columns, reference_totals
from prunegrid.tables.display import printed
from prunegrid.tables.options import TableOptions
from prunegrid.tables.signs import OFF_TARGET
from tests.tables.made_up import cell

MATCHED = TableOptions(replicates=100, match="tflops_total")
ANSWERS = [1.0, 0.0] * 10


def costing(strategy: str, total: float, **changes):
    compute = {"tflops_published": 1.0, "tflops_total": total, "ratio_achieved": 0.5}
    return cell(strategy, ANSWERS, compute=compute, **changes)


@pytest.fixture
def cells() -> list:
    """`single` costs 0.4 % more than the reference, `constant` 2 % less; `random` does so on average only."""
    return [
        costing("none", 4.0),
        costing("hierarchical", 2.0),
        costing("single", 2.008),
        costing("constant", 1.96),
        costing("random", 1.9, seed=0),
        costing("random", 2.1, seed=1),
        costing("uniform", 2.0, ratio=0.75),
    ]


def marked(shown) -> set[str]:
    return {
        line.fields[0].main
        for _, lines in shown.blocks
        for line in lines
        for field in line.fields
        if OFF_TARGET in field.mark
    }


def test_rows_that_miss_the_total_are_marked(cells) -> None:
    table = make_tables(cells, [], MATCHED)[0]
    shown = printed(table)
    assert marked(shown) == {"constant"}
    assert any("from the reference's" in note and "−2.0 %" in note for note in shown.notes)  # noqa: RUF001
    assert "1.960§" in markdown.render(shown)
    assert r"1.960$^{\S}$" in latex.render(shown)
    assert "1.960<sup>§</sup>" in html.render(shown)
    rows = pd.read_csv(io.StringIO(flat.render(table))).set_index("strategy")
    assert rows.b_total_gap.round(6).dropna().to_dict() == {
        "hierarchical": 0.0,
        "single": 0.004,
        "constant": -0.02,
        "random": 0.0,
    }
    assert rows.index[rows.b_total_is_off == True].tolist() == ["constant"]  # noqa: E712


def test_another_benchmark_is_told_by_name(cells) -> None:
    more = [costing("hierarchical", 1.0, benchmark="c"), costing("single", 1.1, benchmark="c")]
    shown = printed(make_tables([*cells, *more], [], MATCHED)[0])
    assert marked(shown) == {"constant", "single"}
    tips = {field.tip for _, lines in shown.blocks for line in lines for field in line.fields}
    assert "c: +10.0 % of the reference's total" in tips


def test_cells_csv_tells_each_cell(cells, tmp_path: Path) -> None:
    write_cells(cells, tmp_path / "cells.csv", partial(gap_columns, reference_totals(cells, MATCHED)))
    rows = pd.read_csv(tmp_path / "cells.csv")
    gaps = [None if pd.isna(gap) else round(gap, 6) for gap in rows.total_gap]
    assert gaps == [None, 0.0, 0.004, -0.02, -0.05, 0.05, None]
    off = [None if pd.isna(mark) else mark for mark in rows.total_is_off]
    assert off == [None, False, False, True, True, True, None]


def test_nothing_is_said_where_shares_are_equal(cells, tmp_path: Path) -> None:
    options = TableOptions(replicates=100)
    table = make_tables(cells, [], options)[0]
    assert not marked(printed(table))
    assert "total_gap" not in flat.render(table)
    write_cells(cells, tmp_path / "cells.csv", partial(gap_columns, reference_totals(cells, options)))
    assert "total_gap" not in (tmp_path / "cells.csv").read_text()


def test_a_cell_without_a_ledger_is_neither_on_nor_off_target(cells) -> None:
    broken = cell("pyramid", ANSWERS, compute=None)
    assert marked(printed(make_tables([*cells, broken], [], MATCHED)[0])) == {"constant"}
