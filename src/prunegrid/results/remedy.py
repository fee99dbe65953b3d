"""What to delete where a file of results is damaged: the file, and what it would be made from again.

A published file is a link to the store's, or a copy: where the store's is damaged too, deleting the published
one alone brings the same bytes back. Imports next to nothing.
"""

import filecmp
from pathlib import Path

from prunegrid.results.store import PREDICTIONS


def remedy(file: str | Path) -> str:
    """Return what to do about a damaged file of a cell: what to delete before the next run.

    Parameters
    ----------
    file : path
        A published file of a cell, or one of the store.
    """
    file = Path(file)
    made_from = _same_in_store(file)
    kept = [file] if made_from is None else [file, made_from]
    return f"delete {' and '.join(map(str, kept))} and run again"


def _same_in_store(file: Path) -> Path | None:
    """Return the store's file, or folder of scores, that a published file is a link to or a copy of."""
    if ".store" in file.parts:
        return None
    store = next((one for one in (folder / ".store" for folder in file.parents) if one.is_dir()), None)
    if store is None:
        return None
    for candidate in store.glob("*.parquet" if file.name == PREDICTIONS else f"scores/*/{file.name}"):
        try:
            # Of equal size first: thousands of cells may lie there.
            if candidate.samefile(file) or filecmp.cmp(candidate, file, shallow=False):
                return candidate if file.name == PREDICTIONS else candidate.parent
        except OSError:
            continue
    return None
