"""Whether a model's files are whole, as far as their first bytes and sizes tell. Imports no torch."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prunegrid.errors import ConfigError

# Git writes this, and where to find the content, in place of a large file.
_POINTER = b"version https://git-lfs.github.com/spec/"
_POINTER_BYTES = 1024
# Of a safetensors file: the length of its header, then the header in JSON, then the tensors.
_LENGTH_BYTES = 8


def read_json(file: Path) -> dict[str, Any]:
    """Return the JSON object that a file of a model holds.

    Raises
    ------
    ConfigError
        If it is damaged, empty, or a pointer of git-lfs.
    """
    if is_pointer(file):
        raise ConfigError(_pointer(file))
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{file} cannot be read as JSON ({error}): get the file again") from error
    if not isinstance(content, dict) or not content:
        raise ConfigError(f"{file} holds no JSON object, or an empty one: get the file again")
    return content


def faults(folder: Path) -> Iterator[str]:
    """Yield a sentence for each file of a model's folder that cannot be whole; no tensor is read."""
    for file in sorted(file for file in folder.iterdir() if file.is_file()):
        if is_pointer(file):
            yield _pointer(file)
        elif file.suffix == ".safetensors" and (fault := _of_weights(file)):
            yield f"{file} {fault}: get the file again"


def is_pointer(file: Path) -> bool:
    """Return whether a file is what git puts in the place of one that git-lfs has not fetched."""
    with file.open("rb") as handle:
        return handle.read(len(_POINTER)) == _POINTER and file.stat().st_size <= _POINTER_BYTES


def _pointer(file: Path) -> str:
    return f"{file} is a pointer of git-lfs in place of the file: type `git lfs pull` in {file.parent}"


def _of_weights(file: Path) -> str:
    """Return what is wrong with a safetensors file: its size follows from its header."""
    size = file.stat().st_size
    with file.open("rb") as handle:
        length = int.from_bytes(handle.read(_LENGTH_BYTES), "little")
        if size < _LENGTH_BYTES or length > size - _LENGTH_BYTES:
            return f"has {size} bytes, less than its header: it is cut short, or no safetensors file"
        try:
            header = json.loads(handle.read(length))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
            whole = _LENGTH_BYTES + length + max(ends, default=0)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
            return "has a damaged header"
    return "" if size == whole else f"has {size} bytes, not the {whole} of its header: it is cut short"
