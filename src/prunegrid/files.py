"""Atomic writes: a killed run leaves the old file or the new one, never half of one. And states of files."""

import glob
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prunegrid.errors import ConfigError

_PARQUET = b"PAR1"
_VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?")


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
        _to_disk(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _to_disk(file: Path) -> None:
    """Wait until a file is on the disk: after a power loss its name might lead to an empty one."""
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_leftovers(files: Iterable[str | Path]) -> None:
    """Remove what killed jobs left of half-written files; no other process may be writing them."""
    for file in map(Path, files):
        for left in file.parent.glob(f"{glob.escape(f'.{file.stem}-')}{'?' * 8}{glob.escape(file.suffix)}"):
            left.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def expanded(path: str | Path) -> Path:
    """Return a path as a shell means it: `~` is the home folder, `$NAME` and `${NAME}` the environment's.

    Raises
    ------
    ConfigError
        If there is no such user or variable: it would become a folder of that name.
    """
    found = os.path.expandvars(Path(path).as_posix())
    unknown = _VARIABLE.search(found)
    if unknown and not os.path.exists(found):  # noqa: PTH110
        raise ConfigError(f"{path}: there is no environment variable {unknown.group(1)}")
    # Programs expand it again, PyArrow for one: a folder of such a name cannot be used.
    whole = Path(found)
    if whole.parts[:1] and whole.parts[0].startswith("~"):
        try:
            return whole.expanduser()
        except RuntimeError as error:
            raise ConfigError(f"{path}: there is no home folder {whole.parts[0]}") from error
    return whole


def is_there(path: str | Path) -> bool:
    """Return whether there is something at a path; one that is too long, or is none, has nothing."""
    return os.path.exists(path)  # noqa: PTH110


def is_regular_file(path: str | Path) -> bool:
    """Return whether a path leads to a file, and not to a folder, device or pipe; no path raises."""
    return os.path.isfile(path)  # noqa: PTH113


def leads_nowhere(path: Path) -> bool:
    """Return whether a path is a link to what is not there, or to itself."""
    return path.is_symlink() and not is_there(path)


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


def file_state(path: Path) -> dict[str, Any]:
    """Return what tells whether a file is still the same: its content's hash and its size."""
    return {"sha256": _sha256(path), "bytes": path.stat().st_size}


def is_unchanged(path: str | Path, state: Mapping[str, Any]) -> bool:
    """Return whether a file has the content of a `file_state`.

    It is read, whatever its time stamp says: a disk that loses a bit sets none. A state that is none, such as
    an empty one or that of a damaged file of checksums, is no file's.
    """
    path = Path(path)
    try:
        return path.stat().st_size == state.get("bytes") and _sha256(path) == state.get("sha256")
    except OSError:
        return False


def read_object(path: str | Path) -> dict[str, Any]:
    """Return the JSON object that a file of our own holds, an empty one if it is missing or damaged."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def write_sealed(path: str | Path, value: Any) -> None:
    """Write a JSON value with its checksum, atomically."""
    text = json.dumps(value)
    write_text(path, f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}")


def read_sealed(path: str | Path) -> dict[str, Any]:
    """Return the object that `write_sealed` wrote, an empty one if it is missing or any bit is damaged."""
    try:
        seal, _, text = Path(path).read_bytes().partition(b"\n")
        whole = hashlib.sha256(text).hexdigest().encode() == seal
        content = json.loads(text) if whole else {}
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
