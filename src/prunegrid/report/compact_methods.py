"""One compact table of methods: what each keeps on average, and its differences, by budget."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from prunegrid.axis_names import BASELINE
from prunegrid.report.compact_cells import (
    KEY_OF_MARKS,
    body,
    cell,
    head_cell,
    is_true,
    limits,
    line,
    name_cell,
    seeds,
    share_of_compute,
    sup,
    table,
)
from prunegrid.tables.difference import LEVEL
from prunegrid.tables.signs import DASH, METRICS, SIGNIFICANT, plain, scaled, signed

# Columns of differences of the average in methods.csv.
_REFERENCE, _REVERSED = "to_reference", "to_reversed"
_KEY = (
    f"{SIGNIFICANT} p < 0.05 after Holm over all methods and budgets. To itself reversed: the method that "
    f"keeps what it would drop. {KEY_OF_MARKS}"
)


def compact_methods(tables: Path) -> str:
    """Return the table's HTML; reversed methods stand in it as differences alone.

    Parameters
    ----------
    tables : Path
        Folder of methods.csv.
    """
    # Names such as "none" and "nan" are names: an empty field alone is none.
    named = dict.fromkeys(("method", "block", "strategy", "strategy_type"), str)
    rows = pd.read_csv(tables / "methods.csv", keep_default_na=False, na_values=[""], dtype=named)
    rows = rows[~rows["reversed"].map(is_true)]
    benchmarks = [column.removesuffix("_metric") for column in rows.columns if column.endswith("_metric")]
    reference = next(iter(rows.loc[rows["reference"].map(is_true), "method"]), "")
    compared = [kind for kind in (_REFERENCE, _REVERSED) if rows[kind].notna().any()]
    measured = "prefill_ms" in rows and bool(rows["prefill_ms"].notna().any())
    names = {_REFERENCE: f"to {reference}", _REVERSED: "to itself reversed"}
    heads = [
        ("method", ""),
        ("image tokens a layer", ""),
        ("total compute, % of unpruned", ""),
        *([("prefill, ms", "")] if measured else []),
        ("kept on average", "% of unpruned"),
        *((names[kind], "points") for kind in compared),
        *((name, METRICS.get(metric, metric)) for name, metric in _metrics(rows, benchmarks).items()),
    ]
    bodies = [
        body(
            str(heading),
            [_line(row, benchmarks, compared, names, measured) for _, row in some.iterrows()],
            len(heads),
        )
        for heading, some in rows.groupby("block", sort=False)
    ]
    caption = (
        "Score / unpruned score, mean over benchmarks, with its 95 % interval; paired differences of it; and "
        "the score on each benchmark"
    )
    return table(caption, [head_cell(*head) for head in heads], bodies, _KEY)


def _metrics(rows: pd.DataFrame, benchmarks: Sequence[str]) -> dict[str, str]:
    return {name: str(rows[f"{name}_metric"].dropna().iloc[0]) for name in benchmarks}


def _line(
    row: "pd.Series[Any]",
    benchmarks: Sequence[str],
    compared: Sequence[str],
    names: dict[str, str],
    measured: bool,
) -> str:
    anchor, reference = row["ratio"] == 0, is_true(row["reference"])
    shown = "unpruned" if row["strategy_type"] == BASELINE else str(row["method"])
    below = "out of reach" if isinstance(row["unreachable"], str) else seeds(row)
    cells = name_cell(row, shown, below, anchor)
    cells += cell("image tokens a layer", plain(row["mean_image_tokens"], 1))
    share = share_of_compute(row, benchmarks) if np.isfinite(row["tflops_total_share"]) else DASH
    cells += cell("total compute, %", share)
    if measured:
        cells += cell("prefill, ms", plain(row["prefill_ms"], 1))
    cells += cell("kept on average", _kept(row))
    for kind in compared:
        told = "reference" if reference and kind == _REFERENCE else _difference(row, kind)
        cells += cell(names[kind], told)
    for benchmark in benchmarks:
        cells += cell(benchmark, scaled(row[f"{benchmark}_value"]))
    return line(cells, anchor, reference)


def _kept(row: "pd.Series[Any]") -> str:
    if row["strategy_type"] == BASELINE:
        return f"<span>{scaled(1.0)}</span>"
    if np.isnan(row["kept"]):
        return DASH
    return f"<span>{scaled(row['kept'])}{limits(scaled(row['kept_low']), scaled(row['kept_high']))}</span>"


def _difference(row: "pd.Series[Any]", kind: str) -> str:
    if np.isnan(row[kind]):
        return DASH
    star = SIGNIFICANT * bool(row[f"{kind}_p_holm"] < LEVEL)
    around = limits(signed(row[f"{kind}_low"]), signed(row[f"{kind}_high"]))
    return f"<span>{signed(row[kind])}{sup(star)}{around}</span>"
