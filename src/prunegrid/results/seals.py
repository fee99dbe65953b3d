"""Seals of tables, figures, samples and the page: checksums of what a job made, compared by whoever reads it.

Snakemake sees by its time stamp that a table was edited, and would put it into the page. What changed and
kept its time stamp it does not see. Imports no torch.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from prunegrid.errors import DataError
from prunegrid.files import file_state, is_unchanged, read_object, remove_leftovers, write_text


def write_seal(seal: str | Path, files: Iterable[str | Path]) -> None:
    """Write the checksums of what a job has made, last of all.

    What a killed job left of the same files is removed.

    Parameters
    ----------
    seal : path
        Where they are written; an output of the same job, so that no other job writes these files.
    files : iterable of path
        The files, which lie in the seal's folder; the seal itself is left out.
    """
    seal = Path(seal)
    made = [Path(file) for file in files if Path(file) != seal]
    remove_leftovers([*made, seal])
    write_text(seal, json.dumps({file.name: file_state(file) for file in made}, indent=1))


def are_sealed(seals: Iterable[str | Path]) -> bool:
    """Return whether files are what the jobs made that wrote these seals."""
    try:
        check_seals(seals)
    except DataError:
        return False
    return True


def check_seals(seals: Iterable[str | Path]) -> None:
    """Check that files are what the jobs made that wrote these seals.

    Raises
    ------
    DataError
        Naming the first file that is another one by now, and what to delete: its job makes it again.
    """
    for seal in map(Path, seals):
        states = read_object(seal)
        if not states:
            raise DataError(f"{seal} is damaged: it tells no checksums; delete {seal} and run again")
        for name, state in states.items():
            file = seal.with_name(name)
            if not file.exists():
                # The file was deleted, or a name in the seal is another one: either way the job makes both.
                raise DataError(f"{file} is missing, and {seal} tells of it; delete {seal} and run again")
            if not isinstance(state, dict) or not is_unchanged(file, state):
                raise DataError(
                    f"{file} was changed after it was made: its checksum is not the one that was written "
                    f"then; delete {file} and run again"
                )
