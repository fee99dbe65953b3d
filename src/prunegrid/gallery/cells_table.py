"""HTML of the table of all cells of a model, in units that people read: cells.csv for the page."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from prunegrid.cost.flops_unit import flops_unit
from prunegrid.tables.options import SCALE

# Name on the page, column of cells.csv, what it is multiplied with, digits. What no cell has is left out.
_AXES = ("benchmark", "strategy", "criterion", "ratio", "seed", "match")
_NUMBERS = (
    ("samples", "n", 1, 0),
    ("errors", "n_error", 1, 0),
    ("score", "score", SCALE, 1),
    ("low", "score_low", SCALE, 1),
    ("high", "score_high", SCALE, 1),
    ("same answers as unpruned, %", "agreement", 100, 1),
    ("turned wrong, %", "right_to_wrong", 100, 1),
    ("turned right, %", "wrong_to_right", 100, 1),
    ("image-token work removed, %", "ratio_achieved", 100, 1),
    ("fewest image tokens in a layer", "min_image_tokens", 1, 1),
    ("compute in all, {unit}", "tflops_total", 0, 2),
    ("of it scoring, %", "scoring_share", 100, 1),
    ("prefill, ms", "prefill_ms", 1, 2),
    ("times faster", "prefill_speedup", 1, 2),
)


def cells_table(file: str | Path, metrics: Mapping[str, str]) -> str:
    """Return the table.

    Parameters
    ----------
    file : path
        cells.csv.
    metrics : mapping
        Benchmark -> its headline metric, which the column `score` shows, x 100.
    """
    cells = pd.read_csv(file, keep_default_na=False, na_values=[""])
    scores = {
        f"score{suffix}": [
            cells.at[row, f"{metrics[benchmark]}{suffix}"] for row, benchmark in cells["benchmark"].items()
        ]
        for suffix in ("", "_low", "_high")
    }
    shares = {"scoring_share": cells["tflops_scoring"] / cells["tflops_total"]}
    cells = pd.concat([cells, pd.DataFrame({**scores, **shares})], axis=1)
    factor, unit = flops_unit(cells["tflops_total"].max())
    axes = [name for name in _AXES if name in cells]
    numbers = [
        (name.format(unit=unit), column, times or 1 / factor, digits if _has_parts(cells[column]) else 0)
        for name, column, times, digits in _NUMBERS
        if column in cells and cells[column].notna().any()
    ]
    head = "".join(
        [f'<th scope="col" data-filter="{name}">{name}</th>' for name in axes]
        + [f'<th scope="col">{escape(name)}</th>' for name in ("metric", *(name for name, *_ in numbers))]
    )
    lines = []
    for row in cells.to_dict("records"):
        metric = metrics[row["benchmark"]].replace("cider", "CIDEr")
        texts = [*(_axis(name, row) for name in axes), metric]
        texts += [_number(row[column], factor, digits) for _, column, factor, digits in numbers]
        lines.append("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in texts) + "</tr>")
    return (
        '<table class="cells"><caption>All cells; score, low and high (95 % interval) x 100</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    )


def _axis(name: str, row: Mapping[Any, Any]) -> str:
    """Return a field of an axis: for a ratio of what none was asked of, the share that it removes."""
    value = row[name]
    if name == "ratio" and value == 0 and np.isfinite(row.get("ratio_achieved", np.nan)):
        value = row["ratio_achieved"]
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.3f}"
    return str(value)


def _has_parts(column: "pd.Series[float]") -> bool:
    """Whether a column has numbers that are no whole ones: 64 tokens are not 64.0."""
    known = column.dropna()
    return bool((known != known.round()).any())


def _number(value: float, factor: float, digits: int) -> str:
    return f"{value * factor:.{digits}f}" if np.isfinite(value) else ""
