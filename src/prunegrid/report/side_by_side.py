"""One compact table of several models: what each scores unpruned, and what each keeps on average."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from prunegrid.axis_names import BASELINE
from prunegrid.report.compact_cells import body, cell, head_cell, is_true, limits, line, row_head, sup, table
from prunegrid.report.first_blocks import FirstBlocks, first_blocks
from prunegrid.tables.difference import LEVEL
from prunegrid.tables.signs import DASH, METRICS, NEEDS_ANSWER, SIGNIFICANT, scaled, signed

_KEY = (
    "Kept: score / unpruned score, mean over benchmarks, and over the rows that are named where each model's "
    "averages stand, with its 95 % interval; beside it the paired difference to the model's own reference. "
    f"{SIGNIFICANT} p < 0.05 after Holm over the axis of that model. {NEEDS_ANSWER} needs the unpruned "
    "model's own answer. No test compares one model with another."
)
_AXES = {"strategy": "kept on average: strategies", "criterion": "kept on average: criteria"}


def side_by_side(models: Sequence[Mapping[str, Any]]) -> str:
    """Return the table's HTML: a column for each model.

    Parameters
    ----------
    models : sequence of mappings
        Of each `name`, and `tables`, the folder of its strategy.csv and main_effects.csv.
    """
    names = [str(model["name"]) for model in models]
    blocks = [first_blocks(Path(model["tables"]), "strategy", "") for model in models]
    effects = [_effects(model) for model in models]
    bodies = [body("unpruned", _unpruned(names, blocks), 1 + len(names))]
    for axis, heading in _AXES.items():
        lines = _kept(names, [rows[rows["axis"] == axis] for rows in effects])
        if lines:
            bodies.append(body(heading, lines, 1 + len(names)))
    heads = [head_cell("row"), *map(head_cell, names)]
    return table("Unpruned scores, and what is kept on average, by model", heads, bodies, _KEY)


def _effects(model: Mapping[str, Any]) -> pd.DataFrame:
    # Names such as "none" and "nan" are names: an empty field alone is none.
    file = Path(model["tables"], "main_effects.csv")
    return pd.read_csv(
        file, keep_default_na=False, na_values=[""], dtype=dict.fromkeys(("name", "match"), str)
    )


def _unpruned(names: Sequence[str], blocks: Sequence[FirstBlocks]) -> list[str]:
    lines = []
    for benchmark in dict.fromkeys(benchmark for own in blocks for benchmark in own.benchmarks):
        metric = next(own.metrics[benchmark] for own in blocks if benchmark in own.benchmarks)
        text = row_head(escape(benchmark), METRICS.get(metric, metric))
        for name, own in zip(names, blocks, strict=True):
            unpruned = own.anchors[own.anchors["strategy_type"] == BASELINE]
            known = benchmark in own.benchmarks and len(unpruned)
            text += cell(name, _score(unpruned.iloc[0], benchmark) if known else DASH)
        lines.append(line(text, anchor=False, reference=False))
    return lines


def _score(row: "pd.Series[Any]", benchmark: str) -> str:
    around = limits(scaled(row[f"{benchmark}_low"]), scaled(row[f"{benchmark}_high"]))
    return f"<span>{scaled(row[f'{benchmark}_value'])}{around}</span>"


def _kept(names: Sequence[str], effects: Sequence[pd.DataFrame]) -> list[str]:
    found = [{(row["name"], row.get("match", "")): row for _, row in rows.iterrows()} for rows in effects]
    lines = []
    for key in dict.fromkeys(key for rows in found for key in rows):
        needs = any(is_true(rows[key]["needs_answer"]) for rows in found if key in rows)
        name, match = key
        text = row_head(escape(name) + sup(NEEDS_ANSWER * needs), match if isinstance(match, str) else "")
        for model, rows in zip(names, found, strict=True):
            text += cell(model, _effect(rows[key]) if key in rows else DASH)
        lines.append(line(text, anchor=False, reference=False))
    return lines


def _effect(row: "pd.Series[Any]") -> str:
    kept = f"{scaled(row['value'])}{limits(scaled(row['low']), scaled(row['high']))}"
    if pd.isna(row["difference"]):
        return f"<span>{kept}<small>reference</small></span>"
    star = SIGNIFICANT * bool(row["p_holm"] < LEVEL)
    return f"<span>{kept}</span><span>{signed(row['difference'])}{sup(star)}</span>"
