"""Warn of benchmarks on which the unpruned model itself knows nothing: no pruning can lose there."""

from collections.abc import Iterable

import numpy as np

from prunegrid.tables.blocks import Table
from prunegrid.tables.signs import scaled


def hopeless(table: Table) -> Iterable[str]:
    """Yield a warning for each benchmark where the unpruned model is at 0, at chance, or as good as blind."""
    anchors = {row.strategy_type: row for row in table.rows if row.anchor}
    for benchmark in table.benchmarks:
        none = anchors["none"].results.get(benchmark) if "none" in anchors else None
        if none is None or np.isnan(none.value):
            continue
        blind = anchors["blind"].results.get(benchmark) if "blind" in anchors else None
        chance = table.chances.get(benchmark)
        if none.value == 0:
            why = "has the score 0"
        elif chance is not None and none.low <= chance:
            why = (
                f"is not above chance ({scaled(none.value)}, chance {scaled(chance)}), as far as can be told"
            )
        elif blind is not None and blind.to_none is not None and not blind.to_none.high < 0:
            why = (
                f"is not better than without the image ({scaled(none.value)}, blind {scaled(blind.value)}), "
                "as far as can be told"
            )
        else:
            continue
        yield (
            f"Warning: on {benchmark} the unpruned model {why}: a row that is no worse there may have had "
            "nothing to lose."
        )
