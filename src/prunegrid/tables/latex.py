"""Write a table as LaTeX: floats that `input` puts into a document of one column or of two."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from prunegrid.tables.changes import CALIBRATION, NET
from prunegrid.tables.column_panels import all_names, panels
from prunegrid.tables.contrasts import INTERACTION
from prunegrid.tables.display import Field, Line, Printed
from prunegrid.tables.latex_text import escape, escape_breakable, width, wrapped
from prunegrid.tables.notes import GAIN
from prunegrid.tables.signs import MINUS

# Points. The narrowest page that a table over its whole width fits into is that of `article`; the narrowest
# column is that of ACL's style. The shortest page is that of `article`.
_ROOM = {"two": 345.0, "one": 219.0}
_ENVIRONMENT = {"two": "table*", "one": "table"}
_TALLEST = 548.0
# Sizes of fonts, in points whatever the class takes. Small sizes of Computer Modern are drawn wider: texts in
# 6 and 7 points are as wide as these.
_SIZE, _WIDE_6, _WIDE_7 = 8.0, 6.9, 7.5
# Heights of rows and of what stands between them.
_ROW, _ROW_BELOW, _NOTE_ROW, _RULES, _SPACE = 9.6, 6.9, 8.2, 12.0, 6.0
_SEPARATION = 3.0
_SHORT_NAME, _LONGEST_NAME, _LONGEST_HEADING, _LONGEST_BELOW = 28.0, 95.0, 60.0, 70.0
# The other formats have them: appendices are long enough.
_LEFT_OUT = (INTERACTION, GAIN, NET, CALIBRATION)
_NUMBER = re.compile(rf"([+{MINUS}]?)(\d+)(?:\.(\d+))?")

_HEAD = r"""% Needs \usepackage{booktabs,siunitx}.
\begingroup
\def\pgsmall#1{{\fontsize{6}{6.6}\selectfont #1}}%
"""


def render(table: Printed) -> str:
    """Return a full table as LaTeX fragment, without interaction, gain kept, net change and ECE."""
    return floats(_narrow(table))


def floats(table: Printed, columns: str = "two") -> str:
    """Return a table as LaTeX fragment: one float, or several where it is too wide or too long for one.

    Parameters
    ----------
    table : Printed
    columns : str
        one: it fits into a column of a page of two; two: it takes the width of the page, 345 points.
    """
    room = _ROOM[columns]
    tallest = _TALLEST - _caption_height(table.title, room)
    pages = _packed(_tabulars(table, room, tallest), tallest)
    # A page that holds one row is hard to read: where it needs no more of them, pages are about alike.
    even = _packed(_tabulars(table, room, tallest, even=True), tallest)
    pages = even if len(even) == len(pages) else pages
    notes = _notes(table, room, as_list=False)
    beside = len(pages) == 1 and pages[0].height + notes.height <= tallest
    if not beside:
        notes = _notes(table, room, as_list=True)
    made = [
        _float(table.title, table.label, page, number, len(pages), columns, notes.text if beside else "")
        for number, page in enumerate(pages)
    ]
    many = f"\\ifdefined\\extrafloats\\extrafloats{{{len(pages)}}}\\fi\n" if len(pages) > 1 else ""
    after = "" if beside or not notes.text else f"{_whose(table.label, len(pages))}{notes.text}\n\\par\n"
    return f"{_HEAD}{many}{''.join(made)}{after}\\endgroup\n"


def _whose(label: str, count: int) -> str:
    """Return the heading of notes that stand apart from their floats."""
    last = f" to~\\ref{{{_key(label, count - 1)}}}" if count > 1 else ""
    return f"\\par\\noindent Notes to Table~\\ref{{{_key(label, 0)}}}{last}:\n"


@dataclass(frozen=True)
class _Piece:
    """LaTeX, and about how high it gets, in points."""

    text: str
    height: float


def _float(title: str, label: str, page: _Piece, number: int, count: int, columns: str, notes: str) -> str:
    environment = _ENVIRONMENT[columns]
    part = f", part {number + 1} of {count}" if count > 1 else ""
    place = "p" if count > 1 else "tbp"
    below = f"\\par\\smallskip\n{notes}\n" if notes else ""
    return (
        f"\\begin{{{environment}}}[{place}]\n\\centering\n"
        f"\\caption{{{escape_breakable(title + part)}.}}\n\\label{{{_key(label, number)}}}\n\\vspace{{4pt}}\n"
        f"\\fontsize{{8}}{{9.6}}\\selectfont\n\\setlength{{\\tabcolsep}}{{{_SEPARATION:g}pt}}%\n"
        "\\sisetup{detect-weight=true,retain-explicit-plus=true,table-align-text-post=false}%\n"
        f"{page.text}{below}\\end{{{environment}}}\n"
    )


def _caption_height(title: str, room: float) -> float:
    """Return about how high a caption is, and what stands around it, in 10 points."""
    return 20.0 + 12.0 * (1 + int(width(f"Table 10: {title}.", 10) / (0.8 * room)))


def _key(label: str, number: int) -> str:
    """Return the label of a float; the first one's has no number."""
    return re.sub(r"[^A-Za-z0-9:.-]+", "-", f"tab:{label}{f'-{number + 1}' if number else ''}")


def _notes(table: Printed, room: float, *, as_list: bool) -> _Piece:
    """Return foot-notes, a paragraph each or all in one; ragged, so that no long name sticks out."""
    notes = table.all_notes
    paragraphs = notes if as_list else [" ".join(notes)]
    if not notes:
        return _Piece("", 0.0)
    lines = sum(1 + int(width(text, _WIDE_7) / (0.98 * room)) for text in paragraphs)
    texts = "\n".join(rf"\par {escape_breakable(text)}" for text in paragraphs)
    text = f"{{\\fontsize{{7}}{{8.2}}\\selectfont\\raggedright\n{texts}\n\\par}}"
    return _Piece(text, _SPACE + _NOTE_ROW * lines)


def _narrow(table: Printed) -> Printed:
    """Drop the columns that are left out, and their notes."""
    kept = [place for place, name in enumerate(all_names(table)) if name not in _LEFT_OUT]
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


def _packed(tabulars: Iterable[_Piece], tallest: float) -> list[_Piece]:
    """Put as many tabulars into one float as a page holds."""
    pages: list[_Piece] = []
    for piece in tabulars:
        if pages and pages[-1].height + piece.height <= tallest:
            both = f"{pages[-1].text}\\par\\medskip\n{piece.text}"
            pages[-1] = _Piece(both, pages[-1].height + piece.height)
        else:
            pages.append(piece)
    return pages


def _panels(table: Printed, room: float) -> list[Printed]:
    columns = _columns(table)

    def size(heading: str, places: Sequence[int]) -> float:
        inside = sum(columns[place].width + 2 * _SEPARATION for place in places)
        return max(inside, _heading_width(heading, inside) + 2 * _SEPARATION if heading else 0.0)

    # The outer edges have no separation.
    return panels(table, size, room + 2 * _SEPARATION)


def _tabulars(table: Printed, room: float, tallest: float, *, even: bool = False) -> Iterable[_Piece]:
    """Yield the panels of a table, each in as many tabulars as pages need; `even`: of about one height."""
    own_panels = _panels(table, room)
    if len(own_panels) > 1:
        own_panels = _panels(_with_short_lines(table), room)
    for panel in own_panels:
        own = _columns(panel)
        head, head_height = _table_head(panel, own)
        rows = list(_rows(panel, own))
        most = tallest - head_height - _RULES
        parts = _parts(rows, most)
        if even:
            count, least = len(parts), 0.0
            while most - least > _ROW:
                middle = (least + most) / 2
                least, most = (least, middle) if len(_parts(rows, middle)) <= count else (middle, most)
            parts = _parts(rows, most)
        for part in parts:
            height = sum(piece.height for piece in part)
            yield _tabular(own, head, [piece.text for piece in part], height + head_height)


def _rows(panel: Printed, own: "Sequence[_Column]") -> Iterable[tuple[_Piece, _Piece]]:
    """Yield each row as it stands below another one, and as it stands where a part begins."""
    wide = sum(column.width + 2 * _SEPARATION for column in own)
    for heading, lines in panel.blocks:
        for number, line in enumerate(lines):
            piece = first = _line(line, own)
            if heading:
                shown = f"{heading}, continued" if number else heading
                first = _with_heading(shown, piece, len(own), wide)
            yield piece if number else first, first


def _parts(rows: Sequence[tuple[_Piece, _Piece]], most: float) -> list[list[_Piece]]:
    """Split rows so that no part is higher than this, unless it is a single row."""
    parts: list[list[_Piece]] = [[]]
    height = 0.0
    for below, first in rows:
        if not parts[-1]:
            parts[-1].append(first)
            height = first.height
        elif height + below.height > most:
            parts.append([first])
            height = first.height
        else:
            parts[-1].append(below)
            height += below.height
    return parts


def _tabular(columns: "Sequence[_Column]", head: str, rows: Sequence[str], height: float) -> _Piece:
    kinds = "".join(column.kind for column in columns)
    text = (
        f"\\begin{{tabular}}{{@{{}}{kinds}@{{}}}}\n\\toprule\n{head}\\midrule\n"
        f"{''.join(rows)}\\bottomrule\n\\end{{tabular}}\n"
    )
    return _Piece(text, height + _RULES)


@dataclass(frozen=True)
class _Column:
    """A column: its type in the preamble, how wide it is in points, and whether siunitx aligns it."""

    kind: str
    width: float
    numeric: bool


def _columns(table: Printed) -> list[_Column]:
    lines = [line for _, lines in table.blocks for line in lines]
    return [
        _column(name, place, [line.fields[place] for line in lines])
        for place, name in enumerate(all_names(table))
    ]


def _column(name: str, place: int, fields: Sequence[Field]) -> _Column:
    below = max((width(text, _WIDE_6) for field in fields for text in field.below), default=0.0)
    if place == 0:
        names = [
            width(line + field.mark, _SIZE)
            for field in fields
            for line in wrapped(field.main, _SIZE, _LONGEST_NAME)
        ]
        return _Column("l", max([below, *names, _name_width(name, max([below, *names]))]), numeric=False)
    parts = [found.groups() for field in fields if (found := _NUMBER.fullmatch(field.main))]
    texts = [width(f.main + f.mark, _SIZE) for f in fields if not _NUMBER.fullmatch(f.main)]
    if not parts:
        inside = max([below, *texts], default=0.0)
        return _Column("r", max(inside, _name_width(name, inside)), numeric=False)
    whole = max(len(own) for _, own, _ in parts)
    decimals = max(len(own or "") for *_, own in parts)
    sign = "+" if any(own for own, *_ in parts) else ""
    mark = max((field.mark for field in fields), key=lambda text: width(text, _SIZE))
    shape = f"{sign}{'0' * whole}{'.' if decimals else ''}{'0' * decimals}{mark}"
    # Bold digits are wider by a tenth.
    number = width(shape, _SIZE) * (1.1 if any(field.bold for field in fields) else 1.0)
    post = f",table-space-text-post={{{escape(mark)}}}" if mark else ""
    kind = f"S[table-format={sign}{whole}.{decimals}{post}]"
    inside = max([below, number, *texts])
    return _Column(kind, max(inside, _name_width(name, inside)), numeric=True)


def _name_lines(name: str, inside: float) -> list[str]:
    """Return the lines of a column's name: two where it is long, and its figures are narrower."""
    return [name] if width(name, _SIZE) <= max(inside, _SHORT_NAME) else name.split(" ", 1)


def _name_width(name: str, inside: float) -> float:
    return max(width(line, _SIZE) for line in _name_lines(name, inside))


def _heading_lines(heading: str, inside: float) -> list[str]:
    """Return the lines of a group's heading: the benchmark, then what its metric is called."""
    room = max(inside - 2 * _SEPARATION, _LONGEST_HEADING)
    return [line for part in heading.split(": ", 1) for line in wrapped(part, _SIZE, room)]


def _heading_width(heading: str, inside: float) -> float:
    return max(width(line, _SIZE) for line in _heading_lines(heading, inside))


def _table_head(panel: Printed, columns: Sequence[_Column]) -> tuple[str, float]:
    """Return the headings of groups and columns, and how high they are."""
    n_first = len(panel.columns)
    place, tops, rules, most = n_first, [""] * n_first, [], 0
    for heading, names in panel.groups:
        inside = sum(column.width + 2 * _SEPARATION for column in columns[place : place + len(names)])
        lines = _heading_lines(heading, inside)
        most = max(most, len(lines))
        tops.append(rf"\multicolumn{{{len(names)}}}{{c}}{{{_stack(lines)}}}")
        rules.append(rf"\cmidrule(lr){{{place + 1}-{place + len(names)}}}")
        place += len(names)
    names = all_names(panel)
    stacked = [_name_lines(name, column.width) for name, column in zip(names, columns, strict=True)]
    # Over a column of figures, too, it stands as over one of text.
    texts = [_stack(stacked[0]), *(rf"\multicolumn{{1}}{{c}}{{{_stack(own)}}}" for own in stacked[1:])]
    high = max(map(len, stacked))
    above = rf"{' & '.join(tops)} \\" + f"\n{' '.join(rules)}\n" if panel.groups else ""
    return above + " & ".join(texts) + " \\\\\n", _ROW * (most + high)


def _with_heading(heading: str, line: _Piece, n_columns: int, wide: float) -> _Piece:
    room = 0.95 * wide
    shown = rf"\parbox[t]{{{room:.0f}pt}}{{\raggedright\itshape {escape_breakable(heading)}}}"
    title = rf"\addlinespace \multicolumn{{{n_columns}}}{{@{{}}l}}{{{shown}}} \\"
    lines = 1 + int(width(heading, _SIZE) / room)
    return _Piece(f"{title}\n{line.text}", line.height + _ROW * lines + _SPACE)


def _line(line: Line, columns: Sequence[_Column]) -> _Piece:
    """Return a row, and rows in a smaller font for what stands below its figures."""
    names = wrapped(line.fields[0].main, _SIZE, _LONGEST_NAME)
    first = _stack(names, "[l]", escape(line.fields[0].mark))
    others = zip(line.fields[1:], columns[1:], strict=True)
    main = " & ".join([first, *(_main(field, column.numeric) for field, column in others)])
    below = [field.below for field in line.fields]
    most = max(map(len, below))
    rows = [main]
    for number in range(most):
        rows.append(" & ".join(_below(texts[number] if number < len(texts) else "") for texts in below))
    text = " \\\\[-2.7pt]\n".join(rows) + (" \\\\[1pt]\n" if most else " \\\\\n")
    return _Piece(text, _ROW * len(names) + _ROW_BELOW * most + bool(most))


def _main(field: Field, numeric: bool) -> str:
    mark = escape(field.mark)
    if numeric and _NUMBER.fullmatch(field.main):
        number = field.main.replace(MINUS, "-") + mark
        return rf"\bfseries {number}" if field.bold else number
    text = escape(field.main)
    text = (rf"\textbf{{{text}}}" if field.bold else text) + mark
    return f"{{{text}}}" if numeric else text


def _with_short_lines(table: Printed) -> Printed:
    """Put the parts of long texts below figures on a line each, so that columns get narrower."""

    def short(field: Field) -> Field:
        parts = (part for text in field.below for part in text.split("; "))
        return replace(field, below=tuple(own for part in parts for own in _short_parts(part)))

    blocks = [
        (heading, [replace(line, fields=[*map(short, line.fields)]) for line in lines])
        for heading, lines in table.blocks
    ]
    return replace(table, blocks=blocks)


def _short_parts(text: str) -> list[str]:
    return [text] if width(text, _WIDE_6) <= _LONGEST_BELOW else text.replace(", ", ",\n").split("\n")


def _below(text: str) -> str:
    return rf"{{\pgsmall{{{escape(text)}}}}}" if text else ""


def _stack(lines: Sequence[str], where: str = "", mark: str = "") -> str:
    """Return text of several lines; a mark, which is LaTeX, stands behind the last."""
    text = r" \\ ".join(map(escape, lines)) + mark
    return text if len(lines) == 1 else rf"\shortstack{where}{{{text}}}"
