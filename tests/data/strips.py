"""Pictures of any size in a few bytes."""

import io
import zlib

from PIL import Image


def strip(width, height):
    """Return a PNG of a few bytes that says it has so many pixels."""
    buffer = io.BytesIO()
    Image.new("1", (1, 1)).save(buffer, "PNG")
    data = bytearray(buffer.getvalue())
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    return bytes(data)
