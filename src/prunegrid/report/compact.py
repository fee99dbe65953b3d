"""One compact table for a question: value, difference to the reference, and cost, by budget."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from prunegrid.findings.found_difference import BEST
from prunegrid.report.compact_cells import cell, is_true, share_of_compute, sup
from prunegrid.report.first_blocks import FirstBlocks
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
    head = "".join(f'<th scope="col" role="columnheader">{escape(name)}</th>' for name in names)
    for benchmark in blocks.benchmarks:
        metric = METRICS.get(blocks.metrics[benchmark], blocks.metrics[benchmark])
        below = f"<small>{escape(metric)}; to {escape(reference)}</small>"
        head += f'<th scope="col" role="columnheader">{escape(benchmark)}{below}</th>'
    width = 1 + len(names) + len(blocks.benchmarks)
    best = {
        (one["subject"], one["ratio"], one["match"], one["benchmark"])
        for one in findings
        if one["relation"] == BEST and one["question"] == blocks.kind and one["fixed"] == blocks.fixed
    }
    bodies = [_body("no pruning, and the floors", blocks.anchors, blocks, reference, best, measured, width)]
    bodies += [
        _body(heading, rows, blocks, reference, best, measured, width)
        for heading, rows in blocks.budgets.items()
    ]
    caption = (
        f"{blocks.kind.capitalize()} by {blocks.kind}, {blocks.other} {blocks.fixed}: value with its 95 % "
        f"interval, and paired difference to {reference}"
    )
    many = " many" if len(blocks.benchmarks) > _BESIDE else ""
    return (
        f'<table class="compact{many}" role="table"><caption>{escape(caption)}</caption>'
        f'<thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">{blocks.kind}</th>'
        f"{head}</tr>"
        f'</thead>{"".join(bodies)}</table>\n<p class="key">{escape(_key(reference))}</p>\n'
    )


def _key(reference: str) -> str:
    return (
        f"Bold: best of its block. {SIGNIFICANT} differs from {reference}, p < 0.05 after Holm over the "
        f"whole table. {NEEDS_ANSWER} needs the unpruned model's own answer. {DEGENERATE} fewer than 4 image "
        f"tokens in some layer. {MISSED_BUDGET} does not remove what was asked. {OFF_TARGET} does not have "
        "the reference's total compute."
    )


def _body(
    heading: str,
    rows: pd.DataFrame,
    blocks: FirstBlocks,
    reference: str,
    best: set[tuple[str, float, str, str]],
    measured: bool,
    width: int,
) -> str:
    lines = "".join(_line(row, blocks, reference, best, measured) for _, row in rows.iterrows())
    title = f'<tr class="block" role="row"><th colspan="{width}" scope="rowgroup" role="rowheader">'
    return f'<tbody role="rowgroup">{title}{escape(heading)}</th></tr>{lines}</tbody>\n'


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
    marks = NEEDS_ANSWER * is_true(row["needs_answer"]) + DEGENERATE * (
        is_true(row["degenerate"]) and not anchor
    )
    seeds = f"<small>{int(row['n_seeds'])} seeds</small>" if row["n_seeds"] > 1 else ""
    cells = cell(blocks.kind, f"{escape(shown)}{sup(marks)}{seeds}", tag="th")
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
    kind = ' class="quiet"' if anchor else ' class="reference"' if is_reference else ""
    return f'<tr role="row"{kind}>{cells}</tr>'


def _match(row: "pd.Series[Any]") -> str:
    match = row.get("match", "")
    return match if isinstance(match, str) else ""


def _numbers(row: "pd.Series[Any]", benchmark: str, effect: str, best: bool, reference: bool) -> str:
    value = row[f"{benchmark}_value"]
    if np.isnan(value):
        return DASH
    main = f"<b>{scaled(value)}</b>" if best else scaled(value)
    span = f"<small>{scaled(row[f'{benchmark}_low'])} to {scaled(row[f'{benchmark}_high'])}</small>"
    column = f"{benchmark}_{effect}"
    difference = row.get(column, np.nan)
    if reference:
        told = "reference"
    elif np.isnan(difference) or row["ratio"] == 0:
        told = ""
    else:
        star = SIGNIFICANT * bool(row[f"{column}_p_holm"] < LEVEL)
        limits = f"{signed(row[f'{column}_low'])} to {signed(row[f'{column}_high'])}"
        told = f"{signed(difference)}{sup(star)}<small>{limits}</small>"
    return f'<span class="value">{main}{span}</span><span class="difference">{told}</span>'
