"""Cells that compact tables have in common: they are lines of a list on a phone."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from prunegrid.tables.signs import DASH, MISSED_BUDGET, OFF_TARGET, plain


def is_true(value: object) -> bool:
    """Whether a field of the CSV is true; one of a row out of reach is empty."""
    return str(value) == "True"


def sup(marks: str) -> str:
    """Return marks as HTML, nothing where there are none."""
    return f"<sup>{escape(marks)}</sup>" if marks else ""


def cell(label: str, content: str, tag: str = "td") -> str:
    """Return a cell that carries its column's name, for a phone."""
    if tag == "th":
        return f'<th scope="row" role="rowheader">{content}</th>'
    empty = ' class="empty"' if content == DASH else ""
    return f'<td role="cell" data-label="{escape(label)}"{empty}>{content}</td>'


def share_of_compute(row: "pd.Series[Any]", benchmarks: Sequence[str]) -> str:
    """Return the total compute in per cent of the unpruned model's, marked where a budget is missed."""
    missed = any(is_true(row.get(f"{name}_budget_missed")) for name in benchmarks)
    off = any(is_true(row.get(f"{name}_total_is_off")) for name in benchmarks)
    marks = MISSED_BUDGET * missed + OFF_TARGET * off
    share = row.get("tflops_total_share", np.nan)
    return f"<span>{plain(100 * share, 1)}{sup(marks)}</span>"
