"""Which models have windows that moved-up tokens would change. Imports no torch."""

from collections.abc import Callable, Mapping
from typing import Any

from prunegrid.errors import ConfigError
from prunegrid.pruning.families import family_of, supported_models
from prunegrid.pruning.strategy import CONTIGUOUS, Strategy


def cannot_move_up(
    strategy: Strategy, config: Mapping[str, Any], image_tokens: Callable[[], int]
) -> str | None:
    """Return why no sample of a model can have contiguous positions, or None where that is not known.

    The engine refuses them where a prompt is longer than a window, which counts original positions. A prompt
    is longer than its image tokens.

    Parameters
    ----------
    strategy : Strategy
        Tells the positions.
    config : mapping
        Of config.json; empty where the model is not on this machine.
    image_tokens : callable
        Returns the image tokens of a picture; may raise ConfigError.
    """
    model_type = config.get("model_type")
    if model_type not in supported_models() or not strategy.prunes or strategy.positions != CONTIGUOUS:
        return None
    window = _window(config.get("text_config") or {})
    if window is None or family_of(model_type).multimodal_positions:
        return None
    try:
        found = image_tokens()
    except ConfigError:
        return None
    if found < window:
        return None
    return (
        f"positions: contiguous would move tokens within the sliding window of {window} of {model_type}, "
        f"which counts original positions, and a picture has {found} image tokens: positions: original keeps "
        "them"
    )


def _window(text: Mapping[str, Any]) -> int | None:
    """Return the tokens of a decoder's sliding window, None where no layer is said to have one."""
    kinds = text.get("layer_types") or ["sliding_attention"]
    if "sliding_attention" not in kinds or not text.get("use_sliding_window", True):
        return None
    window = text.get("sliding_window")
    return None if window is None else int(window)
