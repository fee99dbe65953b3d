"""Random numbers come from what they are for, never from an order of calls."""

import hashlib
import json


def named_seed(*parts: str | int) -> int:
    """Return a 63-bit seed that depends on the given parts alone.

    Parameters
    ----------
    *parts : str or int
        What the numbers are for, the user's seed, a sample's id, a layer.
    """
    text = json.dumps(parts, ensure_ascii=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
