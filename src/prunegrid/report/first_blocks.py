"""The rows of a table that answer its question first: with the reference on the other axis, by budget."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from prunegrid.axis_names import NO_CRITERION
from prunegrid.tables.contrasts import CRITERION, STRATEGY

EFFECTS = {"strategy": STRATEGY, "criterion": CRITERION}


@dataclass(frozen=True)
class FirstBlocks:
    """A table's first blocks.

    Attributes
    ----------
    kind : str
        strategy or criterion.
    fixed : str
        Name on the other axis.
    anchors : DataFrame
        The unpruned model and the floors.
    budgets : dict
        Heading, such as `ratio 0.75`, -> rows, in the order of the table; those that are compared with
        another cell than the block's are left out.
    benchmarks : list of str
    metrics : dict
        Benchmark -> headline metric.
    """

    kind: str
    fixed: str
    anchors: pd.DataFrame
    budgets: dict[str, pd.DataFrame]
    benchmarks: list[str]
    metrics: dict[str, str]

    @property
    def effect(self) -> str:
        """Name of the columns of the difference to the reference, after the benchmark's."""
        return EFFECTS[self.kind]

    @property
    def other(self) -> str:
        """The axis that is fixed."""
        return "criterion" if self.kind == "strategy" else "strategy"


def first_blocks(tables: Path, kind: str, reference: str) -> FirstBlocks:
    """Read strategy.csv or criterion.csv.

    Parameters
    ----------
    tables : Path
        Folder of the file.
    kind : str
        strategy or criterion.
    reference : str
        Wanted name on the other axis; where no block has it, the table's first block is taken.
    """
    # Names such as "none" and "nan" are names: an empty field alone is none.
    named = dict.fromkeys(("block", "strategy", "criterion", "strategy_type"), str)
    rows = pd.read_csv(tables / f"{kind}.csv", keep_default_na=False, na_values=[""], dtype=named)
    pruned = rows[rows["ratio"] > 0]
    other = "criterion" if kind == "strategy" else "strategy"
    prefixes = pruned["block"].str.split(", ratio ").str[0].drop_duplicates()
    wanted = f"{other} {reference}"
    prefix = wanted if wanted in set(prefixes) else next(iter(prefixes), wanted)
    fixed = prefix.removeprefix(f"{other} ")
    own = pruned[pruned["block"].str.startswith(f"{prefix}, ratio ")]
    own = own[own[other].isin([fixed, NO_CRITERION])]
    benchmarks = [c.removesuffix("_metric") for c in rows.columns if c.endswith("_metric")]
    return FirstBlocks(
        kind=kind,
        fixed=fixed,
        anchors=rows[rows["ratio"] == 0],
        budgets={str(block)[len(prefix) + 2 :]: some for block, some in own.groupby("block", sort=False)},
        benchmarks=benchmarks,
        metrics={name: str(rows[f"{name}_metric"].dropna().iloc[0]) for name in benchmarks},
    )
