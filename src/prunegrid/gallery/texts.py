"""Texts of data sets and models as HTML: nothing in them is markup, and none is too long for a page."""

import json
import re
from html import escape
from typing import Any

# Characters of a text that are shown.
MOST = 600
# Characters that open and close a part of a text with a direction of its own.
_OPENING, _CLOSING = "\u2066\u2067\u2068", "\u2069"
# No HTML document may hold these, but for line ends and tabs; nor halves of surrogate pairs.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def shown(text: str, most: int = MOST) -> str:
    """Return a text as HTML that stands for exactly its characters, cut where it is too long.

    Parameters
    ----------
    text : str
        Any: markup, control characters, of any direction.
    most : int
        Characters that are shown. Behind a long text that is cut stands how many there are.
    """
    cut = text
    if len(text) > most:
        cut = f"{text[:most]}…" + (f" ({len(text):,} characters)" if most >= MOST else "")
    return escape(_balanced(_FORBIDDEN.sub("\ufffd", cut)))


def isolated(text: str, most: int = MOST) -> str:
    """Return the same in an element of its own direction, which does not turn what stands around it."""
    return f"<bdi>{shown(text, most)}</bdi>"


def _balanced(text: str) -> str:
    """Return a text that closes all that it opens, and no more: else it would turn what stands behind it."""
    n_open, kept = 0, []
    for letter in text:
        n_open += letter in _OPENING
        if letter == _CLOSING:
            if not n_open:
                continue
            n_open -= 1
        kept.append(letter)
    return "".join(kept) + _CLOSING * n_open


def embedded_json(value: Any) -> str:
    """Return a value as JSON that can stand in a script element: no character of it ends that."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
