"""Cells that compact tables have in common: they are lines of a list on a phone."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from prunegrid.tables.signs import DASH, DEGENERATE, MISSED_BUDGET, NEEDS_ANSWER, OFF_TARGET, plain

# What the marks of rows mean.
KEY_OF_MARKS = (
    f"{NEEDS_ANSWER} needs the unpruned model's own answer. {DEGENERATE} fewer than 4 image tokens in some "
    f"layer. {MISSED_BUDGET} does not remove what was asked. {OFF_TARGET} does not have the reference's "
    "total compute."
)


def is_true(value: object) -> bool:
    """Whether a field of the CSV is true; one of a row out of reach is empty."""
    return str(value) == "True"


def sup(marks: str) -> str:
    """Return marks as HTML, nothing where there are none."""
    return f"<sup>{escape(marks)}</sup>" if marks else ""


def cell(label: str, content: str) -> str:
    """Return a cell that carries its column's name, for a phone."""
    empty = ' class="empty"' if content == DASH else ""
    return f'<td role="cell" data-label="{escape(label)}"{empty}>{content}</td>'


def head_cell(name: str, below: str = "") -> str:
    """Return the head of a column, with what its numbers are below its name."""
    small = f"<small>{escape(below)}</small>" if below else ""
    # Words of our own are short, those of data sets may be divided.
    whole = "" if below else ' class="whole"'
    return f'<th scope="col" role="columnheader"{whole}>{escape(name)}{small}</th>'


def table(caption: str, heads: Sequence[str], bodies: Sequence[str], key: str, *, many: bool = False) -> str:
    """Return a table of `head_cell` and `body`, and its key below it; parts of many columns are stacked."""
    classes = "compact many" if many else "compact"
    return (
        f'<table class="{classes}" role="table"><caption>{escape(caption)}</caption>'
        f'<thead role="rowgroup"><tr role="row">{"".join(heads)}</tr></thead>{"".join(bodies)}</table>\n'
        f'<p class="key">{escape(key)}</p>\n'
    )


def body(heading: str, lines: Sequence[str], width: int) -> str:
    """Return a block of rows of so many columns below a heading."""
    title = f'<tr class="block" role="row"><th colspan="{width}" scope="rowgroup" role="rowheader">'
    return f'<tbody role="rowgroup">{title}{escape(heading)}</th></tr>{"".join(lines)}</tbody>\n'


def line(cells: str, anchor: bool, reference: bool) -> str:
    """Return a row: quiet where nothing is pruned or everything is, told apart where it is the reference."""
    kind = ' class="quiet"' if anchor else ' class="reference"' if reference else ""
    return f'<tr role="row"{kind}>{cells}</tr>'


def name_cell(row: "pd.Series[Any]", shown: str, below: str, anchor: bool) -> str:
    """Return the head of a row: its name, marks, and what stands below it."""
    marks = NEEDS_ANSWER * is_true(row["needs_answer"]) + DEGENERATE * (
        is_true(row["degenerate"]) and not anchor
    )
    return row_head(f"{escape(shown)}{sup(marks)}", below)


def row_head(content: str, below: str = "") -> str:
    """Return the head of a row, HTML, with plain text below it."""
    small = f"<small>{escape(below)}</small>" if below else ""
    return f'<th scope="row" role="rowheader">{content}{small}</th>'


def seeds(row: "pd.Series[Any]") -> str:
    """Return the number of a row's seeds in words, nothing for one."""
    return f"{int(row['n_seeds'])} seeds" if row["n_seeds"] > 1 else ""


def limits(low: str, high: str) -> str:
    """Return the limits of an interval."""
    return f"<small>{low} to {high}</small>"


def share_of_compute(row: "pd.Series[Any]", benchmarks: Sequence[str]) -> str:
    """Return the total compute in per cent of the unpruned model's, marked where a budget is missed."""
    missed = any(is_true(row.get(f"{name}_budget_missed")) for name in benchmarks)
    off = any(is_true(row.get(f"{name}_total_is_off")) for name in benchmarks)
    marks = MISSED_BUDGET * missed + OFF_TARGET * off
    share = row.get("tflops_total_share", np.nan)
    return f"<span>{plain(100 * share, 1)}{sup(marks)}</span>"
