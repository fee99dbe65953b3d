"""Schedule and FLOPs of a setting, from a model's `config.json` alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from prunegrid import plugins
from prunegrid.cost.decoder import Decoder
from prunegrid.cost.ledger import TokenCounts, held_tokens, sample_compute
from prunegrid.errors import PruningError
from prunegrid.pruning.families import family_of


def expected_compute(
    config: Mapping[str, Any] | str | Path,
    strategy: str,
    criterion: str | None,
    ratio: float | None,
    *,
    image_tokens: int | None = None,
    text_before: int = 5,
    text_after: int = 60,
    generated: int = 1,
    seed: int = 0,
    strategy_options: Mapping[str, Any] | None = None,
    criterion_options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the schedule and FLOPs of a setting from a `config.json`, without weights.

    Parameters
    ----------
    config : mapping or path
        A hub configuration of a supported family, as a dict, a file or its folder.
    strategy, criterion : str
        Names of plug-ins; without a criterion no scoring is counted.
    ratio : float or None
        Share of the image-token work in the decoder that is removed; None where the strategy takes none.
    image_tokens : int, optional
        N; by default those of one picture, where their number does not depend on the picture.
    text_before, text_after : int
        Text tokens of the prompt before and after the image.
    generated : int
        Tokens of the answer; the prefill gives the first.
    seed : int
        Seed of drawn schedules.
    strategy_options, criterion_options : mapping, optional
        Options of the plug-ins.

    Returns
    -------
    dict
        The ledger of `prunegrid.cost.ledger.sample_compute`, for fused attention; `ratio_requested`;
        `schedule`, a list of (layer, image tokens kept); `image_tokens`, N; `last_image_tokens`, those of the
        last layer; `cache_numbers`, how many numbers the key-value cache holds after the prefill.

    Raises
    ------
    PruningError
        If the family is not supported, the ratio is out of reach, or N must be given.
    ConfigError
        If the configuration cannot be read, or a plug-in's name or option is unknown.
    """
    # Completing a configuration takes transformers, and that takes torch.
    from prunegrid.cost.model_config import complete_config

    config = complete_config(config)
    decoder = Decoder.from_config(config)
    n_layers = decoder.layers
    family = family_of(config["model_type"])
    n = family.image_tokens(config) if image_tokens is None else image_tokens
    if min(n, text_after, generated) < 1 or text_before < 0:
        raise PruningError("image_tokens, text_after and generated must be at least 1, text_before 0")
    plugin = plugins.build("strategies", strategy, dict(strategy_options or {}))
    n_full = n
    if plugin.resizes_images:
        n = max(1, int((1 - (ratio or 0.0)) * n + 1e-9))
    schedule = plugin.schedule_for(ratio or None, n_layers, seed=seed, n_tokens=n)
    parts = {}
    if criterion is not None and plugin.ranks:
        built = plugins.build("criteria", criterion, dict(criterion_options or {}))
        parts = built.rankings(schedule)
    scoring = [(layer, part.cost) for layer, part in parts.items()]
    explained = max((getattr(part.criterion, "answer_tokens", 1) for part in parts.values()), default=1)
    sample = TokenCounts(
        np.array(schedule.tokens_per_layer(n)),
        n,
        text_before + text_after,
        text_after,
        generated,
        min(generated, explained),
        family.assumed_grids(config, n),
        n_full,
    )
    return {
        "ratio_requested": ratio or 0.0,
        **sample_compute(config, sample, scoring, pruned=bool(schedule.cuts), eager=False),
        "schedule": schedule.counts(n),
        "image_tokens": n,
        "last_image_tokens": int(sample.image_tokens[-1]),
        "cache_numbers": 2 * decoder.key_heads * decoder.head_size * int(held_tokens(sample).sum()),
    }
