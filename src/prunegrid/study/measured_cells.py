"""Which cells of a study are measured for time and memory. Imports no torch."""

from prunegrid import plugins
from prunegrid.axis_names import BASELINE
from prunegrid.study.config import plugin_of
from prunegrid.study.grid import Cell, CellsNamed
from prunegrid.study.plan import Plan


def measured_cells(plan: Plan, model: str) -> list[Cell]:
    """Return a model's cells that `latency: {cells: ...}` names, in their order, and their unpruned ones.

    Cells that swap images, such as those of `mismatched`, are left out: they are the unpruned model's. An
    entry that fits no cell is another study's.
    """
    entries = CellsNamed(plan.config, plan.config["latency"]["cells"])
    cells = [cell for cell in plan.grid.cells if cell.model == model]
    named = {cell for cell in cells if cell in entries and not _swaps_images(plan, cell)}
    benchmarks = {cell.benchmark for cell in named}
    return [
        cell
        for cell in cells
        if cell in named or (cell.strategy == BASELINE and cell.benchmark in benchmarks)
    ]


def _swaps_images(plan: Plan, cell: Cell) -> bool:
    plugin, _ = plugin_of(plan.config, "strategies", cell.strategy)
    return bool(plugins.describe("strategies", plugin).get("swaps_images", False))
