"""Split a printed table that is too wide into panels of the same rows, one below the other."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from prunegrid.tables.display import Line, Printed

# A group's heading, and the places of some of its columns among all columns.
_Group = tuple[str, list[int]]


def panels(table: Printed, size: Callable[[str, list[int]], float], room: float) -> list[Printed]:
    """Split a table by its groups of columns, and a group that is too wide by its columns.

    Each panel repeats the first column, the first one has the other columns that belong to no group, and all
    have all rows. A single column that is wider than the room has a panel of its own.

    Parameters
    ----------
    table : Printed
    size : callable
        Takes a group's heading, empty for the first columns, and places of some columns; returns how wide
        they are together.
    room : float
        How wide a panel may be, in the same unit.

    Returns
    -------
    list of Printed
        The table itself where it fits; notes stand with the last.
    """
    own: list[_Group] = [("", list(range(1, len(table.columns))))] if len(table.columns) > 1 else []
    place = len(table.columns)
    for heading, columns in table.groups:
        own.append((heading, list(range(place, place + len(columns)))))
        place += len(columns)
    room -= size("", [0])
    filled = _filled(own, size, room)
    # As even as may be: as narrow as leaves their number.
    for percent in range(95, 0, -5):
        narrower = _filled(own, size, room * percent / 100)
        if len(narrower) > len(filled):
            break
        filled = narrower
    return [_panel(table, groups, is_last=groups is filled[-1]) for groups in filled]


def _filled(own: list[_Group], size: Callable[[str, list[int]], float], room: float) -> list[list[_Group]]:
    """Return the groups, or parts of them, of each panel."""
    filled: list[list[_Group]] = [[]]
    left = room
    for heading, places in (part for group in own for part in _parts(group, size, room)):
        needed = size(heading, places)
        if filled[-1] and needed > left:
            filled.append([])
            left = room
        filled[-1].append((heading, places))
        left -= needed
    return filled


def _parts(group: _Group, size: Callable[[str, list[int]], float], room: float) -> Iterator[_Group]:
    heading, places = group
    part: list[int] = []
    for place in places:
        if part and size(heading, [*part, place]) > room:
            yield heading, part
            part = []
        part.append(place)
    yield heading, part


def _panel(table: Printed, groups: list[_Group], is_last: bool) -> Printed:
    places = [0, *(place for _, own in groups for place in own)]
    names = all_names(table)
    first = [place for heading, own in groups if not heading for place in own]
    return replace(
        table,
        columns=[names[place] for place in (0, *first)],
        groups=[(heading, [names[place] for place in own]) for heading, own in groups if heading],
        blocks=[(heading, [_some(line, places) for line in lines]) for heading, lines in table.blocks],
        notes=table.notes if is_last else [],
        column_notes=table.column_notes if is_last else [],
    )


def all_names(table: Printed) -> list[str]:
    """Return the names of all columns, in order."""
    return [*table.columns, *(name for _, columns in table.groups for name in columns)]


def _some(line: Line, places: list[int]) -> Line:
    return replace(line, fields=[line.fields[place] for place in places])
