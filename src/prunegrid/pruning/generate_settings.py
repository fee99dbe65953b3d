"""Which settings of `generate` pruning can honour."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from prunegrid.errors import PruningError

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import GenerationConfig, PreTrainedModel

# Setting -> (values that are honoured besides None, what to do instead)
_HONOURED: dict[str, tuple[tuple[Any, ...], str]] = {
    "use_cache": ((True,), "without a cache every token would prune anew: leave it on"),
    "prefill_chunk_size": ((), "a criterion needs the whole prompt: leave it out"),
    "assistant_model": ((), "assisted decoding checks several tokens at once: leave it out"),
    "prompt_lookup_num_tokens": ((), "assisted decoding checks several tokens at once: leave it out"),
    # Gemma 3's checkpoints say "hybrid", which `generate` reads as nothing said.
    "cache_implementation": (
        ("dynamic", "dynamic_full", "hybrid"),
        "only a dynamic cache holds layers of different lengths: leave it out",
    ),
}


def settings_of(
    model: PreTrainedModel,
    inputs: Tensor | None = None,
    generation_config: GenerationConfig | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Return the settings that a call of `generate` with these arguments goes by.

    A configuration that is handed over takes what it leaves open from the model's own.
    """
    given = generation_config.to_dict() if generation_config is not None else {}
    said = {name: value for name, value in given.items() if value is not None}
    return {**model.generation_config.to_dict(), **said, **settings}


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
