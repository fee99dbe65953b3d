"""Write a table as Markdown: one pipe table per block."""

import re

from prunegrid.tables.display import Field, Line, Printed


def render(table: Printed) -> str:
    """Return the table as Markdown."""
    names = list(table.columns)
    for heading, columns in table.groups:
        benchmark, told, _ = heading.partition(":")
        first = heading if told else f"{benchmark}: {columns[0]}"
        names += [first, *(f"{benchmark}: {column}" for column in columns[1:])]
    parts = [f"## {escaped(table.title)}"]
    for heading, lines in table.blocks:
        if heading:
            parts.append(f"### {escaped(heading)}")
        parts.append(
            "\n".join(
                [
                    _row([escaped(name) for name in names]),
                    _row(["---", *["---:"] * (len(names) - 1)]),
                    *map(_line, lines),
                ]
            )
        )
    if table.all_notes:
        parts.append("\n".join(f"- {escaped(note)}" for note in table.all_notes))
    return "\n\n".join(parts) + "\n"


def _line(line: Line) -> str:
    # Bold is the best of a block: the reference's name is in italics.
    return _row([_field(field, line.reference and number == 0) for number, field in enumerate(line.fields)])


def _row(texts: list[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _field(field: Field, reference: bool) -> str:
    main = escaped(field.main + field.mark)
    if field.bold or reference:
        main = f"**{main}**" if field.bold else f"*{main}*"
    return f"{main} ({escaped('; '.join(field.below))})" if field.below else main


def escaped(text: str) -> str:
    """Escape text for Markdown, on one line."""
    return re.sub(r"([\\|*_`<>\[\]#])", r"\\\1", " ".join(text.split()))
