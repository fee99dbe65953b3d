"""The page's first lines: which models, what of them was run, on how much."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from prunegrid.axis_names import BASELINE, NO_CRITERION
from prunegrid.results.predictions import read_metadata_if_any
from prunegrid.tables.signs import counted

_WHAT = (
    "<p>A vision-language model reads an image as tokens{tokens}. <em>Pruning</em> drops part of them on the "
    "way through the decoder. A <strong>strategy</strong> says at which layers and how many; a "
    "<strong>criterion</strong> says which. This page crosses them: every row of a block has the same "
    "budget. It removes the same share of image-token work or, where the configuration says so, costs as "
    "much in total.</p>\n"
)


def lead(models: Sequence[Mapping[str, Any]]) -> str:
    """Return the HTML below the page's title: a line for each model, and what pruning is.

    Parameters
    ----------
    models : sequence of mapping
        As `write.write_report` takes them.
    """
    lines, everywhere = [], []
    for model in models:
        cells = pd.read_csv(Path(model["tables"], "cells.csv"), keep_default_na=False, na_values=[""])
        tokens = image_tokens(cells)
        everywhere += tokens
        facts = [*_facts(model), *([f"{span(tokens)} image tokens an image"] if tokens else [])]
        of = f" ({', '.join(facts)})" if facts else ""
        lines.append(f"Model <strong>{escape(str(model['name']))}</strong>{of}: {_run(cells)}.")
    said = "".join(f'<p class="lead">{line}</p>\n' for line in lines)
    how_many = f", {span(everywhere)} here" if everywhere else ""
    return said + _WHAT.format(tokens=how_many)


def image_tokens(cells: pd.DataFrame) -> list[float]:
    """Return the mean number of image tokens of a sample on each benchmark, in the unpruned model."""
    if "min_image_tokens" not in cells:
        return []
    own = cells.loc[cells["strategy"] == BASELINE, "min_image_tokens"].astype(float)
    return [float(value) for value in own if np.isfinite(value)]


def span(values: Sequence[float]) -> str:
    """Return `64`, or `576 to 1,204`, of numbers rounded to whole ones."""
    low, high = (f"{round(value):,}" for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def _facts(model: Mapping[str, Any]) -> list[str]:
    """Return how many layers a model's predictions tell of."""
    for file in (model.get("metadata") or {}).values():
        layers = read_metadata_if_any(file).get("n_layers")
        if layers:
            return [counted(int(layers), "decoder layer")]
    return []


def _run(cells: pd.DataFrame) -> str:
    samples = cells.groupby("benchmark", sort=False)["n"].max()
    where = ", ".join(f"{escape(str(name))} ({counted(int(n), 'sample')})" for name, n in samples.items())
    pruned = cells[cells["ratio"] > 0]
    strategies = pruned["strategy"].nunique()
    criteria = pruned.loc[pruned["criterion"] != NO_CRITERION, "criterion"].nunique()
    ratios = ", ".join(f"{ratio:g}" for ratio in sorted(pruned["ratio"].unique()))
    parts = [f"{counted(len(samples), 'benchmark')}: {where}"]
    if strategies:
        axes = [counted(strategies, "strategy", "strategies")]
        axes += [counted(criteria, "criterion", "criteria")] * bool(criteria)
        parts.append(f"{' and '.join(axes)} at {'ratios' if ',' in ratios else 'ratio'} {ratios}")
    return f"{'; '.join(parts)}; {counted(len(cells), 'cell')} in all"
