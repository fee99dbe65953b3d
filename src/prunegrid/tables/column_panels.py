"""Split a printed table that is too wide into panels of the same rows, one below the other."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from prunegrid.tables.display import Line, Printed
from prunegrid.tables.signs import DASH

# A group's heading, and the places of some of its columns among all columns.
_Group = tuple[str, list[int]]
_Size = Callable[[str, list[int]], float]
_T = TypeVar("_T")


def panels(table: Printed, size: _Size, room: float) -> list[Printed]:
    """Split a table by its groups of columns, and a group that is too wide by its columns.

    Each panel repeats the first column, the first one has the other columns that belong to no group. All have
    all rows, but for blocks of which a further panel has no figure. A single column that is wider than the
    room has a panel of its own.

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
    parts = [part for group in own for part in _even(partial(_parts, group, size), room)]
    filled = _even(partial(_filled, parts, size), room)
    made = [_panel(table, groups) for groups in filled]
    made[1:] = [_without_empty_blocks(panel) for panel in made[1:]]
    made[:-1] = [replace(panel, notes=[], column_notes=[]) for panel in made[:-1]]
    return made


def _even(split: Callable[[float], list[_T]], room: float) -> list[_T]:
    """Split into as few parts as the room allows, as even as may be: as narrow as leaves their number."""
    found = split(room)
    for percent in range(95, 0, -5):
        narrower = split(room * percent / 100)
        if len(narrower) > len(found):
            break
        found = narrower
    return found


def _parts(group: _Group, size: _Size, room: float) -> list[_Group]:
    """Return a group in parts that fit."""
    heading, places = group
    parts: list[list[int]] = [[]]
    for place in places:
        if parts[-1] and size(heading, [*parts[-1], place]) > room:
            parts.append([])
        parts[-1].append(place)
    return [(heading, part) for part in parts]


def _filled(parts: Sequence[_Group], size: _Size, room: float) -> list[list[_Group]]:
    """Return the groups, or parts of them, of each panel."""
    filled: list[list[_Group]] = [[]]
    left = room
    for heading, places in parts:
        needed = size(heading, places)
        if filled[-1] and needed > left:
            filled.append([])
            left = room
        filled[-1].append((heading, places))
        left -= needed
    return filled


def _panel(table: Printed, groups: list[_Group]) -> Printed:
    places = [0, *(place for _, own in groups for place in own)]
    names = all_names(table)
    first = [place for heading, own in groups if not heading for place in own]
    return replace(
        table,
        columns=[names[place] for place in (0, *first)],
        groups=[(heading, [names[place] for place in own]) for heading, own in groups if heading],
        blocks=[(heading, [_some(line, places) for line in lines]) for heading, lines in table.blocks],
    )


def _without_empty_blocks(panel: Printed) -> Printed:
    """Leave out blocks without a figure, such as those of which no time was measured."""
    blocks = [
        (heading, lines)
        for heading, lines in panel.blocks
        if any(field.main != DASH for line in lines for field in line.fields[1:])
    ]
    return replace(panel, blocks=blocks)


def all_names(table: Printed) -> list[str]:
    """Return the names of all columns, in order."""
    return [*table.columns, *(name for _, columns in table.groups for name in columns)]


def _some(line: Line, places: list[int]) -> Line:
    return replace(line, fields=[line.fields[place] for place in places])
