"""Time stamps of results: what is made again is told by them, so that none may be newer than now."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from prunegrid.errors import ConfigError

# Between the new stamps of two files, in nanoseconds.
_STEP = 1000
# Kept files of cells and logs are no input of a rule.
_NOT_READ = {".store", "logs"}


def time_of(folder: str | Path) -> int:
    """Return the time in nanoseconds by the clock of a folder's file system; if it tells none, by ours."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            # Written to, for file systems that set the time then.
            file.write(b"something")
            file.flush()
            return os.fstat(file.fileno()).st_mtime_ns
    except OSError:
        with tempfile.TemporaryFile() as file:
            return os.fstat(file.fileno()).st_mtime_ns


def set_back(folders: Iterable[str | Path]) -> list[tuple[Path, int]]:
    """Set files that are newer than now to now, in the order that they had.

    Snakemake would take what is made of them for older, delete it, and fail in every run; and no file that
    tells it to make something again would be newer than they are.

    Parameters
    ----------
    folders : iterable of str or Path
        Folders of files that rules make, all on one file system; those that are not there have none.

    Returns
    -------
    list of (Path, int)
        The files with the stamps that they had, in nanoseconds, oldest first.

    Raises
    ------
    ConfigError
        If a stamp cannot be set.
    """
    there = [Path(folder) for folder in folders if Path(folder).is_dir()]
    if not there:
        return []
    now = time_of(there[0])
    stamps: dict[tuple[int, int], tuple[int, Path]] = {}
    for file in (file for folder in there for file in _files(folder)):
        stat = file.stat()
        if stat.st_mtime_ns > now:
            # Links to one file have one stamp.
            stamps.setdefault((stat.st_dev, stat.st_ino), (stat.st_mtime_ns, file))
    late = sorted(stamps.values())
    had = sorted({stamp for stamp, _ in late}, reverse=True)
    given = {stamp: now - _STEP * place for place, stamp in enumerate(had)}
    for stamp, file in late:
        try:
            os.utime(file, ns=(given[stamp], given[stamp]))
        except OSError as error:
            raise ConfigError(
                f"{file} is newer than now, and its time stamp cannot be set ({error.strerror}): set the "
                f"clock, or have its owner type `find {there[0]} -newermt now -exec touch {{}} +`"
            ) from error
    return [(file, stamp) for stamp, file in late]


def _files(folder: Path) -> Iterable[Path]:
    for below, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _NOT_READ]
        yield from (path for name in files if (path := Path(below, name)).is_file())
