"""Measured times in the tables are medians of what latency.parquet holds, worked out by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from prunegrid.tables.build import build_tables, make_tables
from prunegrid.tables.cells import read_cells
from prunegrid.tables.display import DASH, printed
from prunegrid.tables.options import TableOptions
from prunegrid.tables.speed import with_speed
from prunegrid.tables.speed_fields import UNSTEADY
from tests.tables.measured import NONE, PRUNED, made_up

OPTIONS = TableOptions(replicates=200)
MEASURED = ["prefill, ms", "ms a token", "speed-up"]
FILES = (
    "cells.csv",
    *(f"{kind}.{end}" for kind in ("strategy", "criterion") for end in ("csv", "md", "tex")),
)


@pytest.fixture(scope="module")
def cells(study):
    return [cell for cell in study.cells if cell["benchmark"] in ("presence", "letters")]


@pytest.fixture(scope="module")
def built(cells, tmp_path_factory):
    """Return the folders of tables without and with measurements."""
    folder = tmp_path_factory.mktemp("speed")
    build_tables(cells, [], folder / "without", vars(OPTIONS))
    build_tables(cells, [], folder / "with", vars(OPTIONS), made_up())
    return folder / "without", folder / "with"


def row_of(folder: Path, benchmark: str, cell) -> pd.Series:
    rows = pd.read_csv(folder / "cells.csv", keep_default_na=False, na_values=[""])
    for name, value in zip(("strategy", "criterion", "ratio", "seed"), cell, strict=True):
        rows = rows[rows[name] == value]
    (found,) = (row for _, row in rows[rows["benchmark"] == benchmark].iterrows())
    return found


def test_medians_and_quartiles_are_those_of_the_measurements(built):
    row = row_of(built[1], "presence", PRUNED)
    # Prefills of 8, 10 and 20 ms: quartiles lie half-way to the median.
    assert [row[f"prefill_ms{q}"] for q in ("_q1", "", "_q3")] == [9.0, 10.0, 15.0]
    # Nine tokens minus one, over eight: 16, 8 and 24 ms.
    assert [row[f"ms_per_token{q}"] for q in ("_q1", "", "_q3")] == [1.5, 2.0, 2.5]
    assert [row[f"vision_ms{q}"] for q in ("_q1", "", "_q3")] == [5.5, 6.0, 7.5]
    assert (row["latency_batch_size"], row["latency_n"]) == (1, 3)
    assert np.isnan([row["peak_memory_mb"], row["prefill_device_ms"], row["clock_drift"]]).all()


def test_each_further_batch_size_has_columns_of_its_own(built):
    row = row_of(built[1], "presence", PRUNED)
    assert (row["prefill_ms_b4"], row["ms_per_token_b4"], row["prefill_speedup_b4"]) == (50, 10, 2)
    assert row["peak_memory_mb_b4"] == 510
    assert row["clock_drift_b4"] == pytest.approx(0.031)


def test_speed_up_is_against_the_unpruned_cell_and_stands_beside_that_of_flops(built):
    row, unpruned = (row_of(built[1], "presence", cell) for cell in (PRUNED, NONE))
    assert (unpruned["prefill_speedup"], unpruned["prefill_flops_speedup"]) == (1, 1)
    assert row["prefill_speedup"] == 4
    prefills = [one["tflops_prefill"] + one["tflops_scoring"] for one in (unpruned, row)]
    assert row["prefill_flops_speedup"] == pytest.approx(prefills[0] / prefills[1], rel=1e-12)
    assert row["prefill_flops_speedup"] > 1


def test_cells_that_were_not_measured_have_empty_fields(built):
    for benchmark, cell in (("letters", NONE), ("presence", ("uniform", "norm", 0.5, 0))):
        row = row_of(built[1], benchmark, cell)
        names = [name for name in row.index if name.startswith(("prefill_", "latency_", "ms_", "vision_"))]
        assert len(names) > 20
        assert row[names].isna().all()


def test_all_other_columns_stay_as_they_are(built):
    without, with_them = (pd.read_csv(folder / "cells.csv", dtype=str) for folder in built)
    pd.testing.assert_frame_equal(without, with_them[list(without)])


@pytest.fixture(scope="module")
def tables(cells):
    return make_tables(with_speed(read_cells(cells), made_up()), [], OPTIONS)


@pytest.mark.parametrize("number", [0, 1])
def test_printed_columns_stand_where_something_was_measured(tables, number):
    shown = printed(tables[number])
    assert shown.columns[4:] == MEASURED
    assert any("latency.parquet" in note for note in shown.notes)
    lines = {line.fields[0].main: line.fields[4:7] for _, some in shown.blocks for line in some}
    name = "hierarchical" if number == 0 else "attention"
    measured = [
        line.fields[4:7] for _, some in shown.blocks for line in some if line.fields[4].main == "10.0"
    ]
    assert measured, lines
    prefill, token, speedup = measured[0]
    assert (prefill.below, token.main, token.below) == (("9.0 to 15.0",), "2.0", ("1.5 to 2.5",))
    assert speedup.main == "4.00"
    assert speedup.below[0].startswith("FLOPs 1.")
    assert all(field.main == DASH for field in lines["blind"]), name
    widths = {len(line.fields) for _, some in shown.blocks for line in some}
    assert widths == {len(shown.columns) + sum(len(columns) for _, columns in shown.groups)}


def test_a_clock_that_moved_marks_the_row(cells):
    rows = made_up()
    rows.loc[rows["batch_size"] == 1, "clock_mhz"] = 1000
    for moved, marked in ((1029, False), (1031, True)):
        rows.loc[
            rows[(rows["strategy"] == "hierarchical") & (rows["batch_size"] == 1)].index[0], "clock_mhz"
        ] = moved
        table, _ = make_tables(with_speed(read_cells(cells), rows), [], OPTIONS)
        shown = printed(table)
        marks = {line.fields[6].mark for _, some in shown.blocks for line in some}
        assert (UNSTEADY in marks) == marked
        assert any(UNSTEADY in note for note in shown.notes) == marked


def test_without_measurements_nothing_of_it_is_written(built):
    texts = [(built[0] / name).read_text() for name in FILES]
    assert not any("prefill_ms" in text or "speed-up" in text or "Measured" in text for text in texts)


def test_cells_of_two_matchings_are_measured_apart(cells):
    """The second one takes 5 ms where the first takes 10 ms, at the same ratio."""
    read = read_cells({**cell, "match": "share" if cell["ratio"] else ""} for cell in cells)
    read += [replace(cell, match="tflops_total") for cell in read if cell.match]
    first = made_up()
    pruned = first["strategy"] == "hierarchical"
    first.loc[pruned, "match"] = "share"
    second = first[pruned].assign(match="tflops_total", wall_ms=first["wall_ms"] / 2)
    rows = pd.concat([first, second], ignore_index=True)
    found = {
        cell.match: cell.speed["prefill_ms"]
        for cell in with_speed(read, rows)
        if (cell.benchmark, cell.strategy, cell.criterion, cell.ratio, cell.seed) == ("presence", *PRUNED)
    }
    assert found == {"share": 10.0, "tflops_total": 5.0}
