"""Write a table as LaTeX: a longtable with booktabs rules, to be put into a document with `input`."""

from dataclasses import replace

from prunegrid.tables.changed_answers import ELLIPSIS
from prunegrid.tables.changes import CALIBRATION, NET
from prunegrid.tables.contrasts import INTERACTION
from prunegrid.tables.display import Field, Line, Printed
from prunegrid.tables.notes import GAIN
from prunegrid.tables.signs import (
    ARROW,
    BEST_GROUP,
    DASH,
    DEGENERATE,
    MINUS,
    MISSED_BUDGET,
    NEEDS_ANSWER,
    NO_LOSS,
    OFF_TARGET,
)
from prunegrid.tables.speed_fields import UNSTEADY

# Four benchmarks fill a page: these are left to the other formats.
_LEFT_OUT = (INTERACTION, GAIN, NET, CALIBRATION)

_HEAD = r"""% \usepackage[T1]{fontenc} \usepackage{booktabs,longtable,pdflscape}
% It is wide: put it into \begin{landscape}.
\begingroup
\scriptsize
\setlength{\tabcolsep}{2.5pt}
"""
_SPECIAL = {
    "\\": r"\textbackslash{}",
    **{c: rf"\{c}" for c in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    DASH: "--",
    MINUS: "$-$",
    NO_LOSS: r"$^{\circ}$",
    NEEDS_ANSWER: r"$^{\dagger}$",
    DEGENERATE: r"$^{\ddagger}$",
    OFF_TARGET: r"$^{\S}$",
    UNSTEADY: r"$^{\P}$",
    MISSED_BUDGET: r"$^{\neq}$",
    BEST_GROUP: r"$^{\approx}$",
    ARROW: r"$\rightarrow$",
    ELLIPSIS: r"\ldots{}",
}


def render(table: Printed) -> str:
    """Return the table as a LaTeX fragment; the first columns take one line, figures stand over intervals.

    Interaction, gain kept, net change and ECE are left to the other formats: four benchmarks fill a page.
    """
    table = _narrow(table)
    n_first, n_groups = len(table.columns), [len(columns) for _, columns in table.groups]
    width = n_first + sum(n_groups)
    top = " & ".join(
        [""] * (n_first - 1)
        + ["", *(rf"\multicolumn{{{len(c)}}}{{c}}{{{escape(h)}}}" for h, c in table.groups)]
    )
    starts = [n_first + 1 + sum(n_groups[:i]) for i in range(len(n_groups))]
    rules = " ".join(
        rf"\cmidrule(lr){{{start}-{start + n - 1}}}" for start, n in zip(starts, n_groups, strict=True)
    )
    names = " & ".join(
        [*(_stack(name.split(" ", 1)) for name in table.columns)]
        + [_stack(name.split(" ", 1)) for _, columns in table.groups for name in columns]
    )
    head = rf"\toprule {top} \\ {rules} {names} \\ \midrule"
    body = "\n".join(_block(heading, lines, width) for heading, lines in table.blocks)
    notes = "\n".join(rf"\par {escape(note)}" for note in table.all_notes)
    return (
        f"{_HEAD}\\begin{{longtable}}{{l{'r' * (width - 1)}}}\n\\caption{{{escape(table.title)}.}}\\\\\n"
        f"{head}\n\\endfirsthead\n{head}\n\\endhead\n\\bottomrule\n\\endfoot\n{body}\n\\end{{longtable}}\n"
        f"{notes}\n\\endgroup\n"
    )


def _narrow(table: Printed) -> Printed:
    """Drop the columns that no page has room for, and their notes."""
    names = [*table.columns, *(name for _, columns in table.groups for name in columns)]
    kept = [place for place, name in enumerate(names) if name not in _LEFT_OUT]
    blocks = [
        (heading, [replace(line, fields=[line.fields[place] for place in kept]) for line in lines])
        for heading, lines in table.blocks
    ]
    return replace(
        table,
        groups=[(heading, [c for c in columns if c not in _LEFT_OUT]) for heading, columns in table.groups],
        blocks=blocks,
        column_notes=[(name, note) for name, note in table.column_notes if name not in _LEFT_OUT],
    )


def escape(text: str) -> str:
    """Escape text for LaTeX."""
    return "".join(_SPECIAL.get(character, character) for character in " ".join(text.split()))


def _block(heading: str, lines: list[Line], width: int) -> str:
    rows = "\n".join(" & ".join(_field(f) for f in line.fields) + r" \\" for line in lines)
    title = rf"\multicolumn{{{width}}}{{l}}{{\textbf{{{escape(heading)}}}}} \\*"
    return rf"\addlinespace {title}" + f"\n{rows}"


def _field(field: Field) -> str:
    main = escape(field.main)
    if field.bold:
        main = rf"\textbf{{{main}}}"
    # More lines would need too much height: the spread over seeds is in the other formats.
    below = field.below if len(field.below) < 3 else (field.below[0], field.below[-1])
    return _stack([main + escape(field.mark), *map(_small, below)], escaped=True)


def _small(text: str) -> str:
    return rf"{{\tiny {escape(text)}}}"


def _stack(lines: list[str], *, escaped: bool = False) -> str:
    texts = lines if escaped else [escape(line) for line in lines]
    stacked = r" \\ ".join(texts)
    return texts[0] if len(texts) == 1 else rf"\shortstack{{{stacked}}}"
