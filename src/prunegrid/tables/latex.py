"""Write a table as LaTeX: a longtable with booktabs rules, to be put into a document with `input`."""

from dataclasses import replace

from prunegrid.tables.display import (
    DASH,
    DEGENERATE,
    MINUS,
    NEEDS_ANSWER,
    NO_LOSS,
    OFF_TARGET,
    Field,
    Line,
    Printed,
)
from prunegrid.tables.speed_fields import UNSTEADY

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
}


def render(table: Printed) -> str:
    """Return the table as a LaTeX fragment; the first columns take one line, figures stand over intervals.

    The last column of each benchmark, the gain kept, is left to the CSV: four benchmarks fill a page.
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
    notes = "\n".join(rf"\par {escape(note)}" for note in table.notes)
    return (
        f"{_HEAD}\\begin{{longtable}}{{l{'r' * (width - 1)}}}\n\\caption{{{escape(table.title)}.}}\\\\\n"
        f"{head}\n\\endfirsthead\n{head}\n\\endhead\n\\bottomrule\n\\endfoot\n{body}\n\\end{{longtable}}\n"
        f"{notes}\n\\endgroup\n"
    )


def _narrow(table: Printed) -> Printed:
    """Drop the last column of every benchmark."""
    ends, place = set(), len(table.columns)
    for _, columns in table.groups:
        place += len(columns)
        ends.add(place - 1)
    blocks = [
        (
            heading,
            [replace(line, fields=[f for i, f in enumerate(line.fields) if i not in ends]) for line in lines],
        )
        for heading, lines in table.blocks
    ]
    return replace(
        table, groups=[(heading, columns[:-1]) for heading, columns in table.groups], blocks=blocks
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
    # Three lines would need too much height: the spread over seeds is in the CSV.
    return _stack([main + escape(field.mark), *map(_small, field.below[:1])], escaped=True)


def _small(text: str) -> str:
    return rf"{{\tiny {escape(text)}}}"


def _stack(lines: list[str], *, escaped: bool = False) -> str:
    texts = lines if escaped else [escape(line) for line in lines]
    stacked = r" \\ ".join(texts)
    return texts[0] if len(texts) == 1 else rf"\shortstack{{{stacked}}}"
