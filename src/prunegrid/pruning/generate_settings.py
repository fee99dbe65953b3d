"""Which settings of `generate` pruning can honour."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from prunegrid.errors import PruningError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_ASSISTED = "assisted decoding checks several tokens at once: leave it out"
_OWN_LOOP = "it brings a decoding loop of its own, from other code: leave it out"
_SECOND_PROMPT = "a second prompt, without the image, runs beside the first: leave it out"
# Setting -> (values that are honoured besides None, what to do instead)
_HONOURED: dict[str, tuple[tuple[Any, ...], str]] = {
    "use_cache": ((True,), "without a cache every token would prune anew: leave it on"),
    "prefill_chunk_size": ((), "a criterion needs the whole prompt: leave it out"),
    "assistant_model": ((), _ASSISTED),
    "assistant_early_exit": ((), _ASSISTED),
    "prompt_lookup_num_tokens": ((), _ASSISTED),
    "speculation_type": ((), _ASSISTED),
    "use_mtp": ((False,), _ASSISTED),
    "guidance_scale": ((1,), _SECOND_PROMPT),
    "negative_prompt_ids": ((), _SECOND_PROMPT),
    "token_healing": ((False,), "it writes the end of the prompt anew: leave it out"),
    "custom_generate": ((), _OWN_LOOP),
    "penalty_alpha": ((0,), _OWN_LOOP),
    "dola_layers": ((), _OWN_LOOP),
    "num_beam_groups": ((1,), _OWN_LOOP),
    "constraints": ((), _OWN_LOOP),
    "force_words_ids": ((), _OWN_LOOP),
    # Gemma 3's checkpoints say "hybrid", which `generate` reads as nothing said.
    "cache_implementation": (
        ("dynamic", "dynamic_full", "hybrid"),
        "only a dynamic cache holds layers of different lengths: leave it out",
    ),
}


def settings_of(model: PreTrainedModel, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Return the settings that a call of `generate` with these arguments goes by.

    A configuration that is handed over takes what it leaves open from the model's own.
    """
    # `generate` is a method of some models only.
    kind: Any = type(model)
    said = inspect.signature(kind.generate).bind(model, *args, **kwargs).arguments
    given = said.pop("generation_config", None)
    said |= said.pop("kwargs", {})
    configured = {} if given is None else given.to_dict()
    configured = {name: value for name, value in configured.items() if value is not None}
    return {**model.generation_config.to_dict(), **configured, **said}


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
            plain = isinstance(value, str | int | float | list)
            told = repr(value) if plain else f"<{type(value).__name__}>"
            raise PruningError(f"generate({name}={told}) cannot be pruned: {hint}")
    return max(settings.get("num_beams") or 1, settings.get("num_return_sequences") or 1)
