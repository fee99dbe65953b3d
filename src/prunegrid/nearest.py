"""Hints for names that are not known: the closest valid name, and all of them."""

import difflib
from collections.abc import Iterable


def nearest(name: object, valid: Iterable[str]) -> str:
    """Return a hint "valid: a, b, c" that leads with the closest match to `name`, if there is one."""
    names = sorted(set(valid))
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}valid: {', '.join(names) or 'none'}"
