"""Whether results can be written: asked before hours of work, of every folder that a run may write into."""

import os
import tempfile
from pathlib import Path

from prunegrid.errors import ConfigError

_RECORDS = ".snakemake"


def check_writable(folder: str | Path, beside: str | Path, *, make: bool = True) -> None:
    """Check that results can be written.

    Parameters
    ----------
    folder : str or Path
        `results_dir`.
    beside : str or Path
        A further folder of files that rules make, which need not be there.
    make : bool
        Make `results_dir` if it is not there.

    Raises
    ------
    ConfigError
        If the folder cannot be made, or nothing be written into it or one below it.
    """
    folder = Path(folder)
    try:
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        if folder.exists():
            _write(folder)
    except OSError as error:
        raise ConfigError(f"results_dir: {folder} cannot be written: {error}") from error
    for below in (below for top in (folder, beside) for below, _, _ in os.walk(top)):
        if not os.access(below, os.W_OK | os.X_OK):
            raise ConfigError(
                f"results_dir: {below} cannot be written{_reason(Path(below))}: make it writable, or set "
                "another `results_dir`"
            )


def check_records(project: str | Path) -> None:
    """Check that Snakemake can keep its records of a project, which it does in dry runs, too.

    Raises
    ------
    ConfigError
        If it cannot: a project of another user, say.
    """
    records = Path(project) / _RECORDS
    kept = [records, *(folder for folder in records.glob("*") if folder.is_dir())]
    for folder in kept if records.is_dir() else [Path(project)]:
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise ConfigError(
                f"{folder} cannot be written{_reason(folder)}, and Snakemake keeps its records there: run in "
                "a copy of the project that is your own"
            )


def _write(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"something")


def _reason(folder: Path) -> str:
    """Return what the system says, and whose the folder is if it is another user's."""
    try:
        _write(folder)
        return ""
    except OSError as error:
        told = f" ({error.strerror})"
    owner = folder.stat().st_uid
    return told if owner == os.geteuid() else f"{told}: it is of user {_name(folder, owner)}"


def _name(folder: Path, number: int) -> str:
    try:
        return folder.owner()
    except KeyError:
        return str(number)
