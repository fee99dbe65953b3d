"""One compact table of methods: what each keeps on average, and its differences, by budget."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from prunegrid.axis_names import BASELINE
from prunegrid.report.compact_cells import cell, is_true, share_of_compute, sup
from prunegrid.tables.difference import LEVEL
from prunegrid.tables.signs import (
    DASH,
    DEGENERATE,
    METRICS,
    MISSED_BUDGET,
    NEEDS_ANSWER,
    OFF_TARGET,
    SIGNIFICANT,
    plain,
    scaled,
    signed,
)

# Columns of differences of the average in methods.csv.
_REFERENCE, _REVERSED = "to_reference", "to_reversed"
_KEY = (
    f"{SIGNIFICANT} p < 0.05 after Holm over all methods and budgets. To itself reversed: the method that "
    f"keeps what it would drop. {NEEDS_ANSWER} needs the unpruned model's own answer. {DEGENERATE} fewer "
    f"than 4 image tokens in some layer. {MISSED_BUDGET} does not remove what was asked. {OFF_TARGET} does "
    "not have the reference's total compute."
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
        ("image tokens a layer", ""),
        ("total compute, % of unpruned", ""),
        *([("prefill, ms", "")] if measured else []),
        ("kept on average", "% of unpruned"),
        *((names[kind], "points") for kind in compared),
        *((name, METRICS.get(metric, metric)) for name, metric in _metrics(rows, benchmarks).items()),
    ]
    head = "".join(
        f'<th scope="col" role="columnheader">{escape(name)}'
        f"{f'<small>{escape(below)}</small>' if below else ''}</th>"
        for name, below in heads
    )
    bodies = "".join(
        _body(str(heading), some, benchmarks, compared, names, measured, 1 + len(heads))
        for heading, some in rows.groupby("block", sort=False)
    )
    return (
        '<table class="compact" role="table"><caption>Score / unpruned score, mean over benchmarks, '
        "with its 95 % interval; paired differences of it; and the score on each benchmark</caption>"
        '<thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">method</th>'
        f'{head}</tr></thead>{bodies}</table>\n<p class="key">{escape(_KEY)}</p>\n'
    )


def _metrics(rows: pd.DataFrame, benchmarks: Sequence[str]) -> dict[str, str]:
    return {name: str(rows[f"{name}_metric"].dropna().iloc[0]) for name in benchmarks}


def _body(
    heading: str,
    rows: pd.DataFrame,
    benchmarks: Sequence[str],
    compared: Sequence[str],
    names: dict[str, str],
    measured: bool,
    width: int,
) -> str:
    lines = "".join(_line(row, benchmarks, compared, names, measured) for _, row in rows.iterrows())
    title = f'<tr class="block" role="row"><th colspan="{width}" scope="rowgroup" role="rowheader">'
    return f'<tbody role="rowgroup">{title}{escape(heading)}</th></tr>{lines}</tbody>\n'


def _line(
    row: "pd.Series[Any]",
    benchmarks: Sequence[str],
    compared: Sequence[str],
    names: dict[str, str],
    measured: bool,
) -> str:
    anchor, reference = row["ratio"] == 0, is_true(row["reference"])
    shown = "unpruned" if row["strategy_type"] == BASELINE else str(row["method"])
    marks = NEEDS_ANSWER * is_true(row["needs_answer"]) + DEGENERATE * (
        is_true(row["degenerate"]) and not anchor
    )
    below = f"<small>{int(row['n_seeds'])} seeds</small>" if row["n_seeds"] > 1 else ""
    if isinstance(row["unreachable"], str):
        below = "<small>out of reach</small>"
    cells = cell("", f"{escape(shown)}{sup(marks)}{below}", tag="th")
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
    kind = ' class="quiet"' if anchor else ' class="reference"' if reference else ""
    return f'<tr role="row"{kind}>{cells}</tr>'


def _kept(row: "pd.Series[Any]") -> str:
    if row["strategy_type"] == BASELINE:
        return f"<span>{scaled(1.0)}</span>"
    if np.isnan(row["kept"]):
        return DASH
    return f"<span>{scaled(row['kept'])}{_limits(scaled(row['kept_low']), scaled(row['kept_high']))}</span>"


def _difference(row: "pd.Series[Any]", kind: str) -> str:
    if np.isnan(row[kind]):
        return DASH
    star = SIGNIFICANT * bool(row[f"{kind}_p_holm"] < LEVEL)
    limits = _limits(signed(row[f"{kind}_low"]), signed(row[f"{kind}_high"]))
    return f"<span>{signed(row[kind])}{sup(star)}{limits}</span>"


def _limits(low: str, high: str) -> str:
    return f"<small>{low} to {high}</small>"
