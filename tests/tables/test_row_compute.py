"""Rows that lack a benchmark are compared with the unpruned model on what they have."""

import io

import pandas as pd
import pytest

from prunegrid.tables import flat
from prunegrid.tables.build import make_tables
from prunegrid.tables.display import printed
from prunegrid.tables.options import TableOptions
from tests.tables.made_up import cell

ANSWERS = [1.0, 0.0] * 10


def test_shares_are_over_the_same_benchmarks() -> None:
    def at(strategy: str, benchmark: str, flops: float):
        ledger = {"tflops_published": flops, "tflops_total": 2 * flops, "ratio_achieved": 0.5}
        return cell(strategy, ANSWERS, benchmark=benchmark, compute=ledger)

    # The second benchmark has images of ten times as many tokens, and `single` is excluded from it.
    cells = [at("none", "small", 1.0), at("none", "large", 10.0), at("single", "small", 0.5)]
    table = make_tables(cells, [], TableOptions(replicates=100))[0]
    lines = {line.fields[0].main: line for _, lines in printed(table).blocks for line in lines}
    assert [field.below for field in lines["none"].fields[1:3]] == [("100.0 %",)] * 2
    assert [field.below for field in lines["single"].fields[1:3]] == [("50.0 %",)] * 2
    rows = pd.read_csv(io.StringIO(flat.render(table))).set_index("strategy")
    assert rows.tflops_published_share["single"] == pytest.approx(0.5)
    assert rows.tflops_total_share["none"] == 1
    assert rows.tflops_published["single"] == 0.5
