"""The compute ledger of a cell: the mean of its samples', from its file of predictions. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from prunegrid.cost.decoder import Decoder
from prunegrid.cost.ledger import TokenCounts, sample_compute
from prunegrid.scoring.answered import answered

# Columns of predictions.parquet that it is made of.
COLUMNS = (
    "token_depth",
    "n_image_tokens",
    "n_full_image_tokens",
    "n_text_tokens",
    "n_text_after",
    "image_grids",
    "n_generated",
    "n_explained",
    "status",
)


def tokens_per_layer(token_depth: Sequence[int], n_layers: int) -> np.ndarray:
    """Return how many image tokens each layer computed on, from `token_depth` of predictions.parquet."""
    depth = np.asarray(token_depth, dtype=int)
    counts: np.ndarray = (depth[None, :] > np.arange(n_layers)[:, None]).sum(1)
    return counts


def cell_compute(predictions: pd.DataFrame, metadata: Mapping[str, Any]) -> dict[str, float]:
    """Return a cell's mean ledger over its samples without error (docs/interface.md, scores.json).

    Parameters
    ----------
    predictions : DataFrame
        Its `COLUMNS`.
    metadata : mapping
        The file's `prunegrid` metadata.

    Returns
    -------
    dict
        tflops_published, tflops_prefill, tflops_vision, tflops_scoring, tflops_decode, tflops_total
        (all 1e12), ratio_requested, ratio_achieved, min_image_tokens (mean over samples of the fewest
        image tokens in any layer), mean_image_tokens (of their mean over layers). Only ratio_requested
        where every row is an error.
    """
    config = metadata["model"]["config"]
    n_layers = Decoder.from_config(config).layers
    scoring = [(layer, cost) for layer, _, cost in metadata["scored_by"]]
    pruned, eager = bool(metadata["schedule"]), metadata["attn_implementation"] == "eager"

    # Samples differ in few of these.
    @cache
    def ledger(image_tokens: tuple[int, ...], *sizes: Any) -> dict[str, float]:
        sample = TokenCounts(np.array(image_tokens), *sizes)
        return sample_compute(config, sample, scoring, pruned=pruned, eager=eager)

    rows = [
        ledger(
            tuple(tokens_per_layer(row.token_depth, n_layers).tolist()),
            row.n_image_tokens,
            row.n_text_tokens,
            row.n_text_after,
            row.n_generated,
            row.n_explained,
            grids,
            row.n_full_image_tokens,
        )
        for row, grids in answered(predictions)
    ]
    means = pd.DataFrame(rows).mean().items() if rows else ()
    return {"ratio_requested": metadata["cell"]["ratio"], **{str(name): mean for name, mean in means}}
