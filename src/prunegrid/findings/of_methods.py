"""What the methods table says in words: whose average differs from the reference method, and reversed."""

from collections.abc import Iterator, Mapping, Sequence

from prunegrid.tables.blocks import Block, Table, TableRow
from prunegrid.tables.cells import RowKey
from prunegrid.tables.difference import LEVEL
from prunegrid.tables.method_effects import REFERENCE, UPSIDE_DOWN, MethodEffect
from prunegrid.tables.signs import signed


def sentences(table: Table, effects: Mapping[RowKey, MethodEffect]) -> list[str]:
    """Return one or two sentences for each budget, none beyond its test.

    Parameters
    ----------
    table : Table
        The methods table.
    effects : mapping
        Row -> its average; see `tables.method_effects`.
    """
    return [text for block in table.blocks if block.fixed for text in _of_block(table, block, effects)]


def _of_block(table: Table, block: Block, effects: Mapping[RowKey, MethodEffect]) -> Iterator[str]:
    others = {REFERENCE: table.options.reference_method, UPSIDE_DOWN: "itself reversed"}
    for kind, other in others.items():
        found = [(row, effects[row.key]) for row in block.rows if kind in _differences(effects, row)]
        if found:
            yield f"{block.heading}, average kept, to {other}: {_told(kind, found)}."


def _differences(effects: Mapping[RowKey, MethodEffect], row: TableRow) -> Mapping[str, object]:
    return effects[row.key].differences if row.key in effects else {}


def _told(kind: str, found: Sequence[tuple[TableRow, MethodEffect]]) -> str:
    """Return who keeps more, who less, and who cannot be told, with differences in points."""
    parts: dict[str, list[str]] = {"more": [], "less": [], "not told": []}
    for row, effect in found:
        difference = effect.differences[kind]
        told = effect.p_holm[kind] < LEVEL
        which = ("more" if difference.value > 0 else "less") if told else "not told"
        parts[which].append(f"{row.label} ({signed(difference.value)})")
    return "; ".join(f"{which}: {', '.join(names)}" for which, names in parts.items() if names)
