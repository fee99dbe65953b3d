"""scores.json of a cell, as whoever shows it reads it. Imports no torch."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from prunegrid.errors import DataError
from prunegrid.results.remedy import remedy
from prunegrid.results.store import SCORES


def read_score_file(folder: str | Path, names: Collection[str] = ()) -> dict[str, Any]:
    """Return what a cell's scores.json holds.

    Parameters
    ----------
    folder : path
        The cell's, published or in the store.
    names : collection of str
        What it must hold.

    Raises
    ------
    DataError
        If it is missing or damaged, with what to delete.
    """
    file = Path(folder, SCORES)
    try:
        scores = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{file} cannot be read ({error}); {remedy(file)}") from error
    if not isinstance(scores, dict):
        raise DataError(f"{file} cannot be read (it is no JSON object); {remedy(file)}")
    if missing := [name for name in names if name not in scores]:
        raise DataError(f"{file} cannot be read (it lacks {', '.join(missing)}); {remedy(file)}")
    return scores
