"""Files with a checksum of their own beside them, written first, so that no finished file lacks one.

A file system may lose a bit and set no time stamp, and anybody may edit a file. Imports no torch.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prunegrid.files import atomic_path, file_state, is_unchanged, read_object, write_text
from prunegrid.results.store import checksum_of


@contextmanager
def sealed_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it replaces `path`, after its checksum is written."""
    with atomic_path(path) as temporary:
        yield temporary
        write_text(checksum_of(path), json.dumps(file_state(temporary)))


def is_sealed(path: str | Path) -> bool:
    """Return whether a file is, byte for byte, the one that was written."""
    return is_unchanged(path, read_object(checksum_of(path)))
