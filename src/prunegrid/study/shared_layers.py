"""Which layers cells have in common, as far as a configuration tells. Imports no torch.

The engine decides by the criteria themselves. Here they are told apart by name and options, and one that
hands layers on counts as its first part before the schedule's deep cuts, and as its last part from there on.
Where that is not so, jobs share fewer layers and take more time; no number changes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from prunegrid import plugins
from prunegrid.pruning.schedule import Schedule, resolve_layer
from prunegrid.pruning.strategy import UNRANKED
from prunegrid.study.grid import Cell, criterion_of, needs_answer, schedule_of

# Image tokens that stay; plug-in, options and reversal of what scores them; seed.
Decision = tuple[int, str, str, bool, int]
# Image tokens of a prompt where a configuration tells none: shares become counts of them.
_IMAGE_TOKENS = 576
# Where a criterion hands deep layers on, if neither it nor the schedule says from which layer on.
_DEEP_FROM = 0.25
# How often a criterion may hand a layer on.
_MOST_STEPS = 10


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
    tokens = config["model_specs"][cell.model].get("image_tokens", _IMAGE_TOKENS)
    for layer, keep in schedule.counts(tokens):
        # Where none stay, nothing is scored.
        scored_by = (*_scored_by(*named, layer, schedule), cell.seed) if keep else ("", "", False, 0)
        found[layer] = keep, *scored_by
    return found


def _scored_by(
    name: str, options: Mapping[str, Any], layer: int, schedule: Schedule
) -> tuple[str, str, bool]:
    """Return plug-in, options and order of the criterion that is taken to score before a layer."""
    reverse = False
    for _ in range(_MOST_STEPS):
        reverse = reverse != bool(options.get("reverse", False))
        described = plugins.describe("criteria", name)
        parts = [options.get(part, described.get(part)) for part in described.get("delegates", ())]
        if not parts:
            break
        said = options.get("deep_from", schedule.deep_from)
        deep_from = resolve_layer(_DEEP_FROM if said is None else said, schedule.n_layers)
        name = str(parts[-1] if layer >= deep_from else parts[0])
        taken = plugins.describe("criteria", name)["options"] - {"reverse"}
        options = {key: value for key, value in options.items() if key in taken}
    return name, repr(sorted((key, value) for key, value in options.items() if key != "reverse")), reverse
