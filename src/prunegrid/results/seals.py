"""Seals of tables, figures, samples and the page: what a job made, and from what, told by the job itself.

Whoever reads the files compares their checksums. Snakemake sees by its time stamp that a table was edited,
and would put it into the page; what kept its time stamp it does not see. Who plans compares what they were
made from: where Snakemake's own record of that is lost or damaged, it makes nothing again. Imports no torch.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from prunegrid.errors import DataError
from prunegrid.files import file_state, is_unchanged, read_object, remove_leftovers, write_text

_FILES, _MADE_FROM = "files", "made_from"


def write_seal(seal: str | Path, files: Iterable[str | Path], made_from: Mapping[str, Any]) -> None:
    """Write the checksums of what a job has made, last of all.

    What a killed job left of the same files is removed.

    Parameters
    ----------
    seal : path
        Where they are written; an output of the same job, so that no other job writes these files.
    files : iterable of path
        The files, which lie in the seal's folder; the seal itself is left out.
    made_from : mapping
        The job's parameters, JSON values.
    """
    seal = Path(seal)
    made = [Path(file) for file in files if Path(file) != seal]
    remove_leftovers([*made, seal])
    states = {file.name: file_state(file) for file in made}
    write_text(seal, json.dumps({_MADE_FROM: _hash(made_from), _FILES: states}, indent=1))


def is_made_from(seal: str | Path, parameters: Mapping[str, Any]) -> bool:
    """Return whether the job that wrote a seal had these parameters; of a damaged seal nothing is known."""
    return read_object(seal).get(_MADE_FROM) == _hash(parameters)


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
        states = read_object(seal).get(_FILES)
        if not states or not isinstance(states, dict):
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


def _hash(parameters: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps({**parameters}, sort_keys=True).encode()).hexdigest()
