"""Text for LaTeX: escaped so that any text compiles under any encoding of fonts, and how wide it gets."""

import unicodedata

from prunegrid.tables.changed_answers import ELLIPSIS
from prunegrid.tables.signs import (
    ARROW,
    BEST_GROUP,
    CHANGE,
    DASH,
    DEGENERATE,
    MINUS,
    MISSED_BUDGET,
    NEEDS_ANSWER,
    NO_LOSS,
    OFF_TARGET,
    SIGNIFICANT,
)
from prunegrid.tables.speed_fields import UNSTEADY

_SPECIAL = {
    "\\": r"\textbackslash{}",
    **{c: rf"\{c}" for c in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    # \textquotedbl is of T1 alone.
    '"': r"\textquotedblright{}",
    DASH: "--",
    MINUS: "$-$",
    SIGNIFICANT: r"$^{*}$",
    NO_LOSS: r"$^{\circ}$",
    NEEDS_ANSWER: r"$^{\dagger}$",
    DEGENERATE: r"$^{\ddagger}$",
    OFF_TARGET: r"$^{\S}$",
    UNSTEADY: r"$^{\P}$",
    MISSED_BUDGET: r"$^{\neq}$",
    BEST_GROUP: r"$^{\approx}$",
    ARROW: r"$\rightarrow$",
    ELLIPSIS: r"\ldots{}",
    CHANGE: r"$\Delta$",
    "×": r"$\times$",  # noqa: RUF001
    "±": r"$\pm$",
    "·": r"$\cdot$",
    "—": "---",
    "‘": "`",  # noqa: RUF001
    "’": "'",  # noqa: RUF001
    "“": "``",
    "”": "''",
    "ß": r"\ss{}",
    "Æ": r"\AE{}",
    "æ": r"\ae{}",
    "Ø": r"\O{}",
    "ø": r"\o{}",
}
_ACCENTS = {
    "\N{COMBINING GRAVE ACCENT}": "`",
    "\N{COMBINING ACUTE ACCENT}": "'",
    "\N{COMBINING CIRCUMFLEX ACCENT}": "^",
    "\N{COMBINING TILDE}": "~",
    "\N{COMBINING DIAERESIS}": '"',
    "\N{COMBINING RING ABOVE}": "r ",
    "\N{COMBINING CEDILLA}": "c ",
    "\N{COMBINING CARON}": "v ",
    "\N{COMBINING MACRON}": "=",
}
# Shares of the font's size, a little more than those of Computer Modern, the widest of the usual fonts.
_NARROW = {
    **dict.fromkeys("ijl.,:;!|'", 0.30),
    **dict.fromkeys("ftrsI()[]/- ", 0.42),
    **dict.fromkeys(f"mwMW%+=<>{MINUS}{ARROW}{CHANGE}{ELLIPSIS}", 0.86),
    **dict.fromkeys(
        f"{SIGNIFICANT}{NO_LOSS}{NEEDS_ANSWER}{DEGENERATE}{OFF_TARGET}{UNSTEADY}{MISSED_BUDGET}{BEST_GROUP}",
        0.60,
    ),
}
_USUAL, _CAPITAL = 0.55, 0.77
# Characters of a word that may be broken.
_LONG_WORD = 12


def escape(text: str) -> str:
    """Escape text for LaTeX, on one line.

    A character that pdfLaTeX's usual fonts lack becomes its code point, such as [U+4E2D]: it would end the
    run of LaTeX.
    """
    return "".join(map(_character, " ".join(text.split())))


def escape_breakable(text: str) -> str:
    """Escape running text, whose lines may end within a long word, too."""
    return " ".join(map(_breakable, text.split()))


def _breakable(word: str) -> str:
    # Behind a joint, and wherever none comes for long; code points are long.
    parts = _pieces(word) if len(word) > _LONG_WORD else [word]
    pieces = [part[n : n + _LONG_WORD] for part in parts for n in range(0, len(part), _LONG_WORD)]
    return r"\allowbreak{}".join(map(escape, pieces)).replace("][", r"]\allowbreak{}[")


def _character(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if " " <= character <= "\x7e":
        return character
    decomposed = unicodedata.normalize("NFD", character)
    base, accent = decomposed[0], decomposed[1:]
    if accent in _ACCENTS and base.isascii():
        # A dotless i carries the accent.
        return rf"\{_ACCENTS[accent]}{{{base.replace('i', chr(92) + 'i')}}}"
    return f"[U+{ord(character):04X}]"


def width(text: str, size: float) -> float:
    """Return about how wide a text is, a little too much, in points, at a size of the font in points."""
    return size * sum(map(_width, text))


def _width(character: str) -> float:
    if character in _NARROW:
        return _NARROW[character]
    if not character.isascii() and _character(character).startswith("["):
        return sum(map(_width, _character(character)))
    return _CAPITAL if character.isupper() else _USUAL


def wrapped(text: str, size: float, room: float) -> list[str]:
    """Break a text into lines of at most `room` points: at spaces, and a longer word behind -, _ and /.

    Where there is none of these, anywhere.
    """
    lines = [""]
    for word in text.split():
        whole = f"{lines[-1]} {word}".strip()
        if width(whole, size) <= room:
            lines[-1] = whole
            continue
        lines += [""] if lines[-1] else []
        for piece in _pieces(word):
            if lines[-1] and width(lines[-1] + piece, size) > room:
                lines.append("")
            for character in piece:
                if lines[-1] and width(lines[-1] + character, size) > room:
                    lines.append("")
                lines[-1] += character
    return lines


def _pieces(text: str) -> list[str]:
    pieces = [""]
    for character in text:
        pieces[-1] += character
        if character in "-_/":
            pieces.append("")
    return [piece for piece in pieces if piece]
