"""Texts of data sets and models as HTML: nothing in them is markup, and none is too long for a page."""

import json
import re
from html import escape
from typing import Any

# Characters of a text that are shown.
MOST = 600
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
    return escape(_FORBIDDEN.sub("\ufffd", cut))


def isolated(text: str, most: int = MOST) -> str:
    """Return the same in an element of its own direction, which does not turn what stands around it."""
    return f"<bdi>{shown(text, most)}</bdi>"


def embedded_json(value: Any) -> str:
    """Return a value as JSON that can stand in a script element: no character of it ends that."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
