"""Images written as text: `data:` URLs and Base64, as JSON has no bytes."""

import base64
import binascii
import re
from urllib.parse import unquote, unquote_to_bytes

from prunegrid.errors import DataError

# First bytes of the formats that are read, hence first letters of their Base64.
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")
_BLANK = re.compile(r"\s+")
# Shorter than any image, longer than a name that might look like one.
_SHORTEST = 40
_SHOWN = 60


def decoded_text(text: str) -> bytes | None:
    """Return the bytes of a `data:` URL, or of the Base64 of an image; None for a path.

    Raises
    ------
    DataError
        If a `data:` URL says Base64 and is none.
    """
    if text[:5].lower() == "data:":
        kind, _, content = text.partition(",")
        if kind.lower().endswith(";base64"):
            return from_base64(unquote(content) if "%" in content else content)
        return unquote_to_bytes(content)
    if len(text) < _SHORTEST:
        return None
    # A path may be of the same letters: what tells it is how images begin.
    head = _BLANK.sub("", text[:64])[:32]
    try:
        begins = base64.b64decode(head[: len(head) // 4 * 4], validate=True)
        return from_base64(text) if begins.startswith(_BEGINNINGS) else None
    except (binascii.Error, ValueError, DataError):
        return None


def from_base64(text: str) -> bytes:
    """Decode Base64, in lines or not, with or without the `=` at its end; raise DataError if it is none."""
    plain = _BLANK.sub("", text).rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise DataError(f"image is not Base64: {error}") from error


def shown(text: str) -> str:
    """Return a text in quotes, a long one cut short, for a message."""
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}... ({len(text)} letters)"
