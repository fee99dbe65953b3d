"""How cells are called in the browser of samples: in links, and in words."""

from collections.abc import Iterable, Mapping
from typing import Any

from prunegrid.axis_names import BASELINE, ratio_digits, row_name, with_match


def method(cell: Mapping[str, Any]) -> str:
    """Return what a cell runs, in words."""
    if cell["strategy"] == BASELINE:
        return "unpruned"
    return row_name(cell["strategy"], cell["criterion"])


def ratio(cell: Mapping[str, Any]) -> str:
    """Return a cell's ratio with what is equal there; empty without one."""
    return with_match(ratio_digits(cell["ratio"]), cell.get("match", "")) if cell["ratio"] else ""


def link(cell: Mapping[str, Any]) -> str:
    """Return how links name a cell, whatever its benchmark."""
    match = f"-{cell['match']}" if cell.get("match") else ""
    ratio = ratio_digits(cell["ratio"])
    return f"{cell['strategy']}/{cell['criterion']}/ratio-{ratio}{match}/seed-{cell['seed']}"


def label(cell: Mapping[str, Any]) -> str:
    """Return a cell's name in words, whatever its benchmark."""
    parts = [method(cell), ratio(cell), f"seed {cell['seed']}" if cell["seed"] else ""]
    return ", ".join(part for part in parts if part)


def listed(cells: Iterable[Mapping[str, Any]]) -> str:
    """Return several cells in a line: each method once, with its ratios, and in brackets seeds beside 0."""
    ratios: dict[str, dict[str, list[str]]] = {}
    for cell in cells:
        ratios.setdefault(method(cell), {}).setdefault(ratio(cell), []).append(str(cell["seed"]))
    return "; ".join(
        " ".join(part for part in (name, ", ".join(_with_seeds(*one) for one in own.items())) if part)
        for name, own in ratios.items()
    )


def _with_seeds(at: str, seeds: list[str]) -> str:
    if seeds == ["0"]:
        return at
    return f"{at} (seed {seeds[0]})" if len(seeds) == 1 else f"{at} (seeds {', '.join(seeds)})"
