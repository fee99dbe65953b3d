"""Atomic writes: a killed run leaves the old file or the new one, never half of one."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PARQUET = b"PAR1"


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it replaces `path`, on an error it is removed.

    Parameters
    ----------
    path : str or Path
        The file to write; its folder is made.

    Yields
    ------
    Path
        A name in the same folder (hence the same file system) with the same ending.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def is_whole_parquet(path: str | Path) -> bool:
    """Return whether a Parquet file is there and not cut short: it ends with the mark that it begins with.

    A few bytes are read, so that thousands of files can be looked at.
    """
    try:
        with Path(path).open("rb") as file:
            begins = file.read(len(_PARQUET))
            file.seek(-len(_PARQUET), os.SEEK_END)
            return begins == file.read() == _PARQUET
    except OSError:
        return False
