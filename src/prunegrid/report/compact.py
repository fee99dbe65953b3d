"""One compact table for a question: value, difference to the reference, and cost, by budget."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from prunegrid.findings.found_difference import BEST
from prunegrid.report.compact_cells import (
    KEY_OF_MARKS,
    body,
    cell,
    head_cell,
    limits,
    line,
    name_cell,
    seeds,
    share_of_compute,
    sup,
    table,
)
from prunegrid.report.first_blocks import FirstBlocks
from prunegrid.tables.difference import LEVEL
from prunegrid.tables.signs import DASH, METRICS, SIGNIFICANT, plain, scaled, signed

# More benchmarks than this, and value and difference stand below each other.
_BESIDE = 6


def compact(blocks: FirstBlocks, reference: str, findings: Sequence[Mapping[str, Any]]) -> str:
    """Return the table's HTML; on a phone a row becomes a list of its benchmarks.

    Parameters
    ----------
    blocks : FirstBlocks
    reference : str
        What the rows are compared with.
    findings : sequence of mapping
        Of findings.json: they tell who is best.
    """
    shown = [blocks.anchors, *blocks.budgets.values()]
    measured = any(bool(rows["prefill_ms"].notna().any()) for rows in shown if "prefill_ms" in rows)
    names = ["total compute, % of unpruned", *(["prefill, ms"] if measured else [])]
    heads = [head_cell(name) for name in (blocks.kind, *names)]
    for benchmark in blocks.benchmarks:
        metric = METRICS.get(blocks.metrics[benchmark], blocks.metrics[benchmark])
        heads.append(head_cell(benchmark, f"{metric}; to {reference}"))
    best = {
        (one["subject"], one["ratio"], one["match"], one["benchmark"])
        for one in findings
        if one["relation"] == BEST and one["question"] == blocks.kind and one["fixed"] == blocks.fixed
    }
    bodies = [
        body(
            heading,
            [_line(row, blocks, reference, best, measured) for _, row in rows.iterrows()],
            len(heads),
        )
        for heading, rows in {"no pruning, and the floors": blocks.anchors, **blocks.budgets}.items()
    ]
    caption = (
        f"{blocks.kind.capitalize()} by {blocks.kind}, {blocks.other} {blocks.fixed}: value with its 95 % "
        f"interval, and paired difference to {reference}"
    )
    key = (
        f"Bold: best of its block. {SIGNIFICANT} differs from {reference}, p < 0.05 after Holm over the "
        f"whole table. {KEY_OF_MARKS}"
    )
    return table(caption, heads, bodies, key, many=len(blocks.benchmarks) > _BESIDE)


def _line(
    row: "pd.Series[Any]",
    blocks: FirstBlocks,
    reference: str,
    best: set[tuple[str, float, str, str]],
    measured: bool,
) -> str:
    name, anchor = str(row[blocks.kind]) if row["ratio"] > 0 else str(row["strategy"]), row["ratio"] == 0
    shown = "unpruned" if row["strategy_type"] == "none" else name
    is_reference = not anchor and name == reference
    cells = name_cell(row, shown, seeds(row), anchor)
    cells += cell("total compute", share_of_compute(row, blocks.benchmarks))
    if measured:
        cells += cell("prefill, ms", plain(row["prefill_ms"], 1))
    for benchmark in blocks.benchmarks:
        is_best = any(
            benchmark == where
            and row["ratio"] == ratio
            and name in subject.split(" = ")
            and match == _match(row)
            for subject, ratio, match, where in best
        )
        cells += cell(benchmark, _numbers(row, benchmark, blocks.effect, is_best, is_reference))
    return line(cells, anchor, is_reference)


def _match(row: "pd.Series[Any]") -> str:
    match = row.get("match", "")
    return match if isinstance(match, str) else ""


def _numbers(row: "pd.Series[Any]", benchmark: str, effect: str, best: bool, reference: bool) -> str:
    value = row[f"{benchmark}_value"]
    if np.isnan(value):
        return DASH
    main = f"<b>{scaled(value)}</b>" if best else scaled(value)
    span = limits(scaled(row[f"{benchmark}_low"]), scaled(row[f"{benchmark}_high"]))
    column = f"{benchmark}_{effect}"
    difference = row.get(column, np.nan)
    if reference:
        told = "reference"
    elif np.isnan(difference) or row["ratio"] == 0:
        told = ""
    else:
        star = SIGNIFICANT * bool(row[f"{column}_p_holm"] < LEVEL)
        around = limits(signed(row[f"{column}_low"]), signed(row[f"{column}_high"]))
        told = f"{signed(difference)}{sup(star)}{around}"
    return f'<span class="value">{main}{span}</span><span class="difference">{told}</span>'
