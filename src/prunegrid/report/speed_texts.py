"""What the page says of measured times: sentences, a line per cell, and facts of the device."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from prunegrid.axis_names import with_match
from prunegrid.report.speedup import describe_run, method, suffixes

CAPTION = (
    "Each point is a cell: how many times fewer FLOPs its prefill has than the unpruned model's, the "
    "criterion's own included, and how many times faster it was. Bars are quartiles. Below the dotted line "
    "it gains less time than FLOPs."
)
# Name of a column, the column of cells.csv, its digits.
_NUMBERS = (
    ("on the device, ms", "prefill_device_ms", 2),
    ("ms a token", "ms_per_token", 2),
    ("vision, ms", "vision_ms", 2),
    ("peak MB over the weights", "peak_memory_mb", 0),
    ("times faster", "prefill_speedup", 2),
    ("times fewer FLOPs", "prefill_flops_speedup", 2),
)


def sentences(rows: pd.DataFrame, metadata: Mapping[str, Any]) -> Iterator[str]:
    """Yield on what, and how, times were measured, and by how much the fastest cell beat the unpruned one.

    Parameters
    ----------
    rows : DataFrame
        cells.csv.
    metadata : mapping
        That of latency.parquet.
    """
    how = metadata["how"]
    yield (
        f"Measured on {describe_run(metadata)}. Every cell is timed on the same {how['samples']} batches, "
        f"cell after cell on each, after {how['warmups']} passes that do not count; figures are medians. The "
        "prefill is the prompt in the decoder, with what the criterion computes; a picture's encoding is "
        f"timed apart. A token's time is that of {how['tokens']} generated tokens minus that of one, over "
        f"{how['tokens'] - 1}."
    )
    for suffix, size in suffixes(rows).items():
        speedup = f"prefill_speedup{suffix}"
        # What has no ratio is no method: the unpruned model, and the blind one.
        pruned = rows[(rows["ratio"] > 0) & rows[speedup].notna()]
        if pruned.empty:
            continue
        best = pruned.sort_values(speedup).iloc[-1]
        fewer = best[f"prefill_flops_speedup{suffix}"]
        yield (
            f"At batch size {size} the fastest prefill was {best[speedup]:.2f} times as fast as the unpruned "
            f"model's, with {fewer:.2f} times fewer FLOPs: {method(best['strategy'], best['criterion'])} at "
            f"ratio {_ratio(best, '{:g}')} on {best['benchmark']}. {_slower(pruned[speedup])}"
        )
    if metadata["device"]["type"] == "cpu":
        yield "On a CPU peak memory is not measured, and times say nothing of a GPU."


def _slower(speedups: "pd.Series[float]") -> str:
    slower = int((speedups < 1).sum())
    if not slower:
        return f"All {len(speedups)} pruned cells were faster than the unpruned model."
    return f"{slower} of {len(speedups)} pruned cells were slower than the unpruned model."


def table(rows: pd.DataFrame) -> list[list[str]]:
    """Return the names of columns, then a line of text per measured cell and batch size.

    Parameters
    ----------
    rows : DataFrame
        cells.csv.
    """
    names = ["cell", "ratio", "benchmark", "batch", "prefill, ms", "quartiles", *(n for n, _, _ in _NUMBERS)]
    lines = [
        [
            method(row["strategy"], row["criterion"]),
            _ratio(row, "{:.3f}"),
            row["benchmark"],
            str(size),
            _number(row, f"prefill_ms{suffix}", 2),
            " to ".join(_number(row, f"prefill_ms_{quartile}{suffix}", 2) for quartile in ("q1", "q3")),
            *(_number(row, f"{column}{suffix}", digits) for _, column, digits in _NUMBERS),
        ]
        for suffix, size in suffixes(rows).items()
        for row in rows[rows[f"prefill_ms{suffix}"].notna()].to_dict("records")
    ]
    # What was not measured on this device has no column.
    kept = [place for place in range(len(names)) if any(line[place] for line in lines)]
    return [[line[place] for place in kept] for line in [names, *lines]]


def _ratio(row: "Mapping[Any, Any] | pd.Series[Any]", form: str) -> str:
    """Return a row's ratio, with what is equal there in a study of several matchings.

    Of what no ratio was asked of, the unpruned model and the floors, it is what it removes, as in the tables.
    """
    match, asked = row.get("match"), row["ratio"]
    removed = row.get("ratio_achieved", asked)
    ratio = asked if asked > 0 or not np.isfinite(removed) else removed
    return with_match(form.format(ratio), match if isinstance(match, str) else "")


def _number(row: Mapping[Any, Any], name: str, digits: int) -> str:
    return f"{row[name]:.{digits}f}" if np.isfinite(row[name]) else ""


def facts(metadata: Mapping[str, Any]) -> list[list[str]]:
    """Return (what, value) of the device and of how the model ran."""
    device = metadata["device"]
    before, after = (metadata[name] or {} for name in ("clocks_before", "clocks_after"))
    known = {
        "device": device["name"],
        "memory": f"{device['memory_gb']:g} GB",
        "CPU threads": device["threads"],
        "CUDA": device["cuda"],
        "driver": before.get("driver"),
        "clock before and after, MHz": _both(before, after, "clock_mhz"),
        "throttle reasons before and after": _both(before, after, "throttle"),
        "precision": metadata["dtype"],
        "attention kernel": metadata["attn_implementation"],
        **{name: metadata["packages"][name] for name in ("torch", "transformers")},
    }
    return [[name, str(value)] for name, value in known.items() if value is not None]


def _both(before: Mapping[str, str], after: Mapping[str, str], name: str) -> str | None:
    return f"{before[name]}, {after.get(name)}" if name in before else None
