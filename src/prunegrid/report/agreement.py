"""Figures of agreement: how many samples are answered as without pruning, right or wrong."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from prunegrid.report.first_blocks import first_blocks
from prunegrid.report.forest import Point, draw_forest, draw_points
from prunegrid.tables.options import SCALE, TableOptions


def plot_agreement(tables: str | Path, folder: str | Path, options: TableOptions | None = None) -> list[Path]:
    """Draw agreement-strategy.{svg,png} and agreement-criterion.{svg,png} from the tables' CSV files.

    They have the rows of the first blocks of strategy.csv and criterion.csv, and the figures of changes.csv.

    Parameters
    ----------
    tables : path
        Folder of the files.
    folder : path
        Where the figures go.
    options : TableOptions, optional
        Names the references.

    Returns
    -------
    list of Path
        The files written.
    """
    tables, options = Path(tables), options or TableOptions()
    named = dict.fromkeys(("block", "strategy", "criterion", "strategy_type"), str)
    changes = pd.read_csv(tables / "changes.csv", keep_default_na=False, na_values=[""], dtype=named)
    written = []
    for kind, other in (
        ("strategy", options.reference_criterion),
        ("criterion", options.reference_strategy),
    ):
        blocks = first_blocks(tables, kind, other)
        axes = ["strategy", "criterion", "ratio", *(["match"] if "match" in changes else [])]
        budgets = {
            heading: rows[axes].merge(changes, on=axes, how="inner")
            for heading, rows in blocks.budgets.items()
        }
        names = list(dict.fromkeys(name for rows in budgets.values() for name in rows[kind]))
        written += draw_forest(
            partial(_panel, kind, names, list(budgets.values())),
            names,
            blocks.benchmarks,
            list(budgets),
            f"Answered as without pruning, {blocks.other} {blocks.fixed}",
            Path(folder) / f"agreement-{kind}",
        )
    return written


def _panel(
    kind: str, names: Sequence[str], budgets: Sequence[pd.DataFrame], panel: Axes, benchmark: str
) -> None:
    column = f"{benchmark}_agreement"
    points = [
        Point(
            names.index(row[kind]),
            place,
            SCALE * row[column],
            SCALE * row[f"{column}_low"],
            SCALE * row[f"{column}_high"],
        )
        for place, rows in enumerate(budgets)
        for _, row in rows.dropna(subset=[column]).iterrows()
    ]
    # All panels begin at nothing: differences of some points look as small as they are.
    draw_points(panel, points, len(budgets), 0.0, 100.0)
    panel.set_xlabel("% of samples")
