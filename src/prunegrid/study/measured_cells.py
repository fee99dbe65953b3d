"""Which cells of a study are measured for time and memory. Imports no torch."""

from prunegrid import plugins
from prunegrid.axis_names import BASELINE
from prunegrid.study.config import plugin_of
from prunegrid.study.grid import Cell, CellsNamed
from prunegrid.study.plan import Plan


def measured_cells(plan: Plan, model: str) -> list[Cell]:
    """Return a model's cells that `latency: {cells: ...}` names, in their order, and their unpruned ones.

    Cells that swap or resize images, such as those of `mismatched` and `downsample`, are left out: the
    former are the unpruned model's, the latter's pictures are not those that are measured. An entry that fits
    no cell is another study's.
    """
    entries = CellsNamed(plan.config, plan.config["latency"]["cells"])
    cells = [cell for cell in plan.grid.cells if cell.model == model]
    named = {cell for cell in cells if cell in entries and not _has_own_images(plan, cell)}
    benchmarks = {cell.benchmark for cell in named}
    return [
        cell
        for cell in cells
        if cell in named or (cell.strategy == BASELINE and cell.benchmark in benchmarks)
    ]


def _has_own_images(plan: Plan, cell: Cell) -> bool:
    plugin, _ = plugin_of(plan.config, "strategies", cell.strategy)
    described = plugins.describe("strategies", plugin)
    return bool(described.get("swaps_images", False) or described.get("resizes_images", False))
