"""A fault that hits every sample: it stops the job instead of becoming a cell of error rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from prunegrid.errors import PrunegridError

# So many samples that fail alike, and none that does not, are no accident of a sample.
ENOUGH = 8
# What differs from sample to sample in one message: quoted names and numbers.
_OWN = re.compile(r"'[^']*'|\"[^\"]*\"|\d+")


def check_rows(what: str, rows: Sequence[Mapping[str, Any]], of: int) -> None:
    """Raise if the first samples all failed alike.

    Parameters
    ----------
    what : str
        The cell, for the message.
    rows : sequence of mapping
        The rows computed so far, of `prunegrid.results.predictions.SCHEMA`.
    of : int
        Samples that there are in all. One that fails alone may be broken itself.

    Raises
    ------
    PrunegridError
        If there are `ENOUGH` rows, or all of at least two samples, that are errors with one message, apart
        from names, numbers and what is quoted in it.
    """
    if len(rows) < min(ENOUGH, of) or len(rows) < 2:
        return
    if any(row["status"] != "error" for row in rows):
        return
    if len({_common(str(row["error"]), str(row["sample_id"])) for row in rows}) == 1:
        raise PrunegridError(f"{what}: the first {len(rows)} samples all failed alike: {rows[0]['error']}")


def _common(error: str, sample_id: str) -> str:
    """Return what a message says of all samples."""
    return _OWN.sub("", error.replace(sample_id, ""))
