"""Which benchmarks, blocks and rows of a full table a table for a paper shows."""

from collections.abc import Sequence
from dataclasses import replace

from prunegrid.tables.blocks import Block, Table
from prunegrid.tables.paper_options import PaperOptions


def of_benchmarks(table: Table, names: Sequence[str]) -> Table:
    """Return a table of some benchmarks; its corrections stay those of the full table.

    Parameters
    ----------
    table : Table
    names : sequence of str
        Empty: all. Those that the model has no cell of are left out.
    """
    chosen = [name for name in names or table.benchmarks if name in table.benchmarks]
    blocks = [
        replace(
            block,
            rows=[
                replace(row, results={name: row.results[name] for name in chosen if name in row.results})
                for row in block.rows
            ],
        )
        for block in table.blocks
    ]
    return replace(table, benchmarks=chosen, blocks=blocks)


def chosen_blocks(table: Table, options: PaperOptions) -> list[Block]:
    """Return the blocks that are shown, with the rows that are; blocks without one are left out.

    What is not pruned stands before all others, once.
    """
    own = [block for block in table.blocks if block.budget is not None]
    reference = (
        table.options.reference_criterion if table.kind == "strategy" else table.options.reference_strategy
    )
    there = [block.fixed for block in own]
    fixed = options.fixed or [reference if reference in there else there[0] for _ in there[:1]]
    ratios = options.ratios or [max((block.budget[0] for block in own if block.budget), default=0.0)]
    chosen = [
        replace(block, rows=[row for row in block.rows if not options.rows or row.label in options.rows])
        for block in table.blocks
        if block.budget is None
        or (
            block.fixed in fixed
            and block.budget[0] in ratios
            and (not options.match or block.budget[1] in ("", *options.match))
        )
    ]
    return [block for block in chosen if block.rows]
