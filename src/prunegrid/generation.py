"""Which settings of `generate` pruning can honour."""

from collections.abc import Mapping
from typing import Any

from prunegrid.errors import PruningError

# Setting -> (values that are honoured besides None, what to do instead)
_HONOURED: dict[str, tuple[tuple[Any, ...], str]] = {
    "use_cache": ((True,), "without a cache every token would prune anew: leave it on"),
    "prefill_chunk_size": ((), "a criterion needs the whole prompt: leave it out"),
    "assistant_model": ((), "assisted decoding checks several tokens at once: leave it out"),
    "prompt_lookup_num_tokens": ((), "assisted decoding checks several tokens at once: leave it out"),
    "cache_implementation": (
        ("dynamic", "dynamic_full"),
        "only a dynamic cache holds layers of different lengths: leave it out",
    ),
}


def check_generation(settings: Mapping[str, Any]) -> int:
    """Check settings of `generate` and return how many rows it makes of one sample.

    Parameters
    ----------
    settings : mapping
        A generation configuration, overlaid with keyword arguments.

    Raises
    ------
    PruningError
        For a setting under which pruned and unpruned layers would not fit together.
    """
    for name, (values, hint) in _HONOURED.items():
        value = settings.get(name)
        if value is not None and value not in values:
            raise PruningError(f"generate({name}={value!r}) cannot be pruned: {hint}")
    return max(settings.get("num_beams") or 1, settings.get("num_return_sequences") or 1)
