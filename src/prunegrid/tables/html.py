"""Write a table as an HTML fragment, for the style sheet style.css."""

from html import escape

from prunegrid.tables.display import Field, Line, Printed


def render(table: Printed) -> str:
    """Return the table as an HTML fragment; all text is escaped."""
    width = len(table.columns) + sum(len(columns) for _, columns in table.groups)
    first = "".join(f'<th rowspan="2" scope="col">{escape(name)}</th>' for name in table.columns)
    groups = "".join(
        f'<th colspan="{len(columns)}" scope="colgroup" class="group">{escape(heading)}</th>'
        for heading, columns in table.groups
    )
    names = "".join(
        f'<th scope="col"{_class(edge=number == 0)}>{escape(name)}</th>'
        for _, columns in table.groups
        for number, name in enumerate(columns)
    )
    edges = {len(table.columns) + sum(len(c) for _, c in table.groups[:i]) for i in range(len(table.groups))}
    bodies = "".join(_block(heading, lines, width, edges) for heading, lines in table.blocks)
    notes = "".join(f"<li>{escape(note)}</li>" for note in table.all_notes)
    return (
        f'<div class="box" tabindex="0" role="region" aria-label="{escape(table.title)}"><table>'
        f"<thead><tr>{first}{groups}</tr><tr>{names}</tr></thead>{bodies}</table></div>"
        f'<ul class="notes">{notes}</ul>\n'
    )


def _block(heading: str, lines: list[Line], width: int, edges: set[int]) -> str:
    title = (
        f'<tr class="block"><th colspan="{width}" scope="rowgroup"><span>{escape(heading)}</span></th></tr>'
    )
    return f"<tbody>{title}{''.join(_line(line, edges) for line in lines)}</tbody>\n"


def _line(line: Line, edges: set[int]) -> str:
    cells = "".join(_field(field, number, number in edges) for number, field in enumerate(line.fields))
    return f"<tr{_class(quiet=line.quiet, reference=line.reference)}>{cells}</tr>"


def _field(field: Field, number: int, edge: bool) -> str:
    tag, scope = ("th", ' scope="row"') if number == 0 else ("td", "")
    mark = f"<sup>{escape(field.mark)}</sup>" if field.mark else ""
    main = f"{escape(field.main)}{mark}"
    main = f"<b>{main}</b>" if field.bold else main
    below = "".join(f"<small>{escape(text)}</small>" for text in field.below)
    tip = f' title="{escape(field.tip)}"' if field.tip else ""
    return f"<{tag}{scope}{_class(edge=edge)}{tip}>{main}{below}</{tag}>"


def _class(**flags: bool) -> str:
    names = " ".join(name for name, flag in flags.items() if flag)
    return f' class="{names}"' if names else ""
