"""Which layers cells have in common, as far as a configuration tells. Imports no torch.

The engine decides by the criteria themselves. Here they are told apart by name and options, as
`prunegrid.study.handed_layers` says who scores. Where that is not so, jobs share fewer layers and take more
time; no number changes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from prunegrid import plugins
from prunegrid.pruning.strategy import UNRANKED
from prunegrid.study.config import plugin_of
from prunegrid.study.grid import Cell, criterion_of, needs_answer, schedule_of
from prunegrid.study.handed_layers import scored_by

# Image tokens that stay, and their positions; plug-in, options and reversal of what scores them; seed.
Decision = tuple[int, str, str, str, bool, int]
# Image tokens of a prompt where a configuration tells none: shares become counts of them.
_IMAGE_TOKENS = 576


def in_sharing_order(
    config: Mapping[str, Any], n_layers: int, cells: Sequence[Cell], ratios: Sequence[float]
) -> list[Cell]:
    """Return cells of one model in an order in which neighbours share layers.

    Those that need a gradient come last: a job takes it once for all of its cells, so few jobs should.

    Parameters
    ----------
    config : mapping
        As `prunegrid.study.config.validate` returns it.
    n_layers : int
        Decoder layers of the model.
    cells : sequence of Cell
        The cells.
    ratios : sequence of float
        Per cell what its schedule is solved for: its ratio, or the matched one.
    """
    # Cells of several benchmarks do the same.
    keys: dict[Cell, tuple[Any, ...]] = {}
    for cell, ratio in zip(cells, ratios, strict=True):
        anywhere = replace(cell, benchmark="")
        if anywhere not in keys:
            done = decisions(config, n_layers, cell, ratio)
            # As by letters: cells of one beginning stand together. What is done is compared by itself, not by
            # its place in the grid, so that a cell that is added leaves the order of the others.
            by_layer = tuple((one is None, one or ()) for one in done)
            keys[anywhere] = any(done), needs_answer(config, cell.criterion), by_layer
    return sorted(cells, key=lambda cell: keys[replace(cell, benchmark="")])


def decisions(config: Mapping[str, Any], n_layers: int, cell: Cell, ratio: float) -> list[Decision | None]:
    """Return what a cell does before each layer, None for nothing.

    Parameters
    ----------
    config, n_layers : mapping, int
        As of `in_sharing_order`.
    cell : Cell
        The cell.
    ratio : float
        What its schedule is solved for.
    """
    found: list[Decision | None] = [None] * n_layers
    schedule = schedule_of(config, n_layers, cell, ratio)
    if isinstance(schedule, str):
        return found
    named = criterion_of(config, cell.criterion) or (UNRANKED, {})
    plugin, strategy_options = plugin_of(config, "strategies", cell.strategy)
    positions = str(strategy_options.get("positions", plugins.describe("strategies", plugin)["positions"]))
    tokens = config["model_specs"][cell.model].get("image_tokens", _IMAGE_TOKENS)
    for layer, keep in schedule.counts(tokens):
        # Where none stay, nothing is scored.
        ranking = ("", "", False, 0)
        if keep:
            name, options, reverse = scored_by(*named, layer, schedule)
            ranking = name, repr(sorted(options.items())), reverse, cell.seed
        found[layer] = keep, positions, *ranking
    return found
