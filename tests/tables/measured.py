"""Made-up measurements of cells."""

import pandas as pd

from prunegrid.results.measurements import GENERATE, MEASUREMENTS, PREFILL, VISION

AXES = ("strategy", "criterion", "ratio", "seed")
NONE, PRUNED = ("none", "none", 0.0, 0), ("hierarchical", "attention", 0.5, 0)


def measurement(benchmark, cell, quantity, wall_ms, number=0, **more):
    """Return a row of latency.parquet; `cell` is (strategy, criterion, ratio, seed)."""
    known = {
        "benchmark": benchmark,
        **dict(zip(AXES, cell or (), strict=False)),
        "quantity": quantity,
        "batch_size": 1,
        "round": number,
        "sample_ids": [f"s{number}"],
        "wall_ms": wall_ms,
        **more,
    }
    return {name: known.get(name) for name in MEASUREMENTS.names}


def rounds(benchmark, cell, prefills, short, long, tokens=9, **more):
    """Return the measurements of a cell, a round per prefill; times in ms."""
    rows = []
    for number, times in enumerate(zip(prefills, short, long, strict=True)):
        what = ((PREFILL, 0), (GENERATE, 1), (GENERATE, tokens))
        rows += [
            measurement(benchmark, cell, quantity, wall, number, n_generated=n, **more)
            for (quantity, n), wall in zip(what, times, strict=True)
        ]
    return rows


def made_up_rows():
    """Return measurements of the benchmark `presence`: its unpruned cell, and another at two batch sizes.

    Prefills take 40 and 10 ms in the median, tokens 3 and 2 ms; at batch size 4, 100 and 50 ms.
    """
    rows = [measurement("presence", None, VISION, wall, i) for i, wall in enumerate([5.0, 6.0, 9.0])]
    rows += rounds("presence", NONE, [41.0, 40.0, 30.0], [42.0, 44.0, 40.0], [66.0, 68.0, 72.0])
    rows += rounds("presence", PRUNED, [10.0, 8.0, 20.0], [12.0, 12.0, 12.0], [28.0, 20.0, 36.0])
    more = {"batch_size": 4, "peak_memory_mb": 500.0, "clock_mhz": 1000}
    rows += rounds("presence", NONE, [100.0], [110.0], [190.0], **more)
    rows += rounds("presence", PRUNED, [50.0, 50.0], [60.0, 60.0], [140.0, 140.0], **more)
    rows[-3]["clock_mhz"] = 1031
    rows[-1]["peak_memory_mb"] = 510.0
    return [{**row, "position": i} for i, row in enumerate(rows)]


def made_up():
    """Return `made_up_rows` as the file of measurements is read."""
    return pd.DataFrame(made_up_rows())
