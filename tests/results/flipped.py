"""Files with one bit that is another one."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def flipped(content: bytes, chosen: random.Random) -> bytes:
    """Return bytes with one bit that is another."""
    changed = bytearray(content)
    changed[chosen.randrange(len(changed))] ^= 1 << chosen.randrange(8)
    return bytes(changed)


@contextmanager
def damaged(file: Path, chosen: random.Random) -> Iterator[None]:
    """Flip one bit of a file, while the context lasts."""
    content = file.read_bytes()
    file.write_bytes(flipped(content, chosen))
    yield
    file.write_bytes(content)
