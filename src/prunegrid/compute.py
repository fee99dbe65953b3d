"""The compute ledger: what one sample costs, analytically. Imports no torch.

Papers count multiply-accumulates, image tokens only and two feed-forward matrices, and call them FLOPs;
no two agree. So every figure is given, each under its name (semantics: Compute ledger). All but
`published` count 2 per multiply-accumulate, as `torch.utils.flop_counter` does: attention as full
products, without its causal half.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from prunegrid import plugins
from prunegrid.vision import vision_flops

TERA = 1e12
# What a cell's ledger is made of, in predictions.parquet.
COLUMNS = (
    "token_depth",
    "n_image_tokens",
    "n_text_tokens",
    "n_text_after",
    "image_grids",
    "n_generated",
    "n_explained",
    "status",
)


@dataclass(frozen=True)
class Decoder:
    """Shapes of a decoder, from a model's `config.json`."""

    layers: int
    hidden: int
    ffn: int
    heads: int
    key_heads: int
    head_size: int
    vocabulary: int

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Decoder":
        """Read a hub configuration, as a dict."""
        text = config.get("text_config", config)
        heads = text["num_attention_heads"]
        return cls(
            layers=text["num_hidden_layers"],
            hidden=text["hidden_size"],
            ffn=text["intermediate_size"],
            heads=heads,
            key_heads=text.get("num_key_value_heads") or heads,
            head_size=text.get("head_dim") or text["hidden_size"] // heads,
            vocabulary=text["vocab_size"],
        )

    def layer(self, tokens: np.ndarray, keys: np.ndarray) -> np.ndarray:
        """Return the FLOPs of one layer: `tokens` computed, attending to `keys` columns."""
        projections = self.hidden * self.head_size * (2 * self.heads + 2 * self.key_heads)
        attention = 2 * self.heads * self.head_size * keys
        return 2 * tokens * (projections + attention + 3 * self.hidden * self.ffn)

    def scores(self, rows: np.ndarray, keys: np.ndarray) -> np.ndarray:
        """Return the FLOPs of the attention products of `rows` queries with `keys` columns."""
        return 2 * self.heads * self.head_size * rows * keys

    @property
    def head(self) -> int:
        """FLOPs of `lm_head` for one token."""
        return 2 * self.hidden * self.vocabulary


def published_tflops(image_tokens: Sequence[float], hidden: int, ffn: int) -> float:
    """Return the papers' figure: sum over layers of (4 n d^2 + 2 n^2 d + 2 n d m) / 1e12.

    Parameters
    ----------
    image_tokens : sequence of float
        n, image tokens per layer.
    hidden, ffn : int
        d and m.
    """
    n = np.asarray(image_tokens, dtype=float)
    return float((4 * n * hidden**2 + 2 * n**2 * hidden + 2 * n * hidden * ffn).sum() / TERA)


def tokens_per_layer(token_depth: Sequence[int], n_layers: int) -> np.ndarray:
    """Return how many image tokens each layer computed on, from `token_depth` of predictions.parquet."""
    depth = np.asarray(token_depth, dtype=int)
    return (depth[None, :] > np.arange(n_layers)[:, None]).sum(1)


def sample_ledger(
    decoder: Decoder,
    image_tokens: np.ndarray,
    n_text: int,
    n_after: int,
    n_generated: int,
    criterion: Sequence[str | None],
    explained: int = 1,
    eager: bool = False,
) -> dict[str, float]:
    """Return the FLOPs of one sample.

    Parameters
    ----------
    decoder : Decoder
        Shapes.
    image_tokens : ndarray
        (L,), image tokens per layer.
    n_text, n_after : int
        Text tokens of the prompt; those after the image.
    n_generated : int
        Tokens of the answer. The prefill gives the first.
    criterion : sequence of str or None
        (L,), what is computed just before each layer to rank tokens: `cost` of the criterion in charge,
        None where nothing is ranked.
    explained : int
        Tokens of the unpruned answer that a gradient is taken of.
    eager : bool
        Attention is not fused.

    Returns
    -------
    dict
        prefill, scoring, decode, in FLOPs.
    """
    tokens = image_tokens + n_text
    prefill = decoder.layer(tokens, tokens).sum() + decoder.head
    scoring, gradient = 0.0, False
    for layer, cost in enumerate(criterion):
        # Nothing is ranked where a cut keeps all or none of what is present.
        if cost is None or not 0 < image_tokens[layer] < image_tokens[layer - 1]:
            continue
        present = image_tokens[layer - 1]
        rows = {"text_rows": n_after, "image_rows": present, "last_row": 1}.get(cost, 0)
        scoring += decoder.scores(rows, present + n_text)
        scoring += 2 * present * decoder.hidden if cost == "hidden" else 0
        gradient |= cost == "gradient"
    if gradient:
        scoring += _gradient(decoder, int(image_tokens[0]) + n_text, explained, eager)
    # The i-th further token attends to the prompt's columns of its layer and to i generated ones.
    later = np.arange(1, max(1, n_generated))[:, None]
    decode = decoder.layer(np.ones_like(later), tokens[None, :] + later).sum() + len(later) * decoder.head
    return {"prefill": float(prefill), "scoring": float(scoring), "decode": float(decode)}


def _gradient(decoder: Decoder, tokens: int, answer_tokens: int, eager: bool) -> float:
    """Return the FLOPs of explaining an answer: reading it off, then a forward and a backward pass."""
    later = np.arange(1, answer_tokens)
    reading = decoder.layers * decoder.layer(tokens, tokens) + answer_tokens * decoder.head
    reading += decoder.layers * decoder.layer(np.ones_like(later), tokens + later).sum()
    last = tokens + answer_tokens - 1
    forward = decoder.layers * decoder.layer(last, last) + answer_tokens * decoder.head
    attention = 4 * decoder.heads * decoder.head_size * last * last
    # Backward to activations only: each product with a weight once, attention's two products twice; fused
    # attention computes its scores anew.
    again = 1.0 if eager else 1.5
    layer = decoder.layer(last, last) + again * attention
    backward = (decoder.layers - 1) * layer + answer_tokens * decoder.head
    return float(reading + forward + backward)


def cell_compute(predictions: pd.DataFrame, metadata: Mapping[str, Any]) -> dict[str, float]:
    """Return a cell's mean ledger over its samples without error (contract: scores.json, compute).

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
        image tokens in any layer). Only ratio_requested where every row is an error.
    """
    config = metadata["model"]["config"]
    decoder = Decoder.from_config(config)
    costs = _stage_costs(metadata)
    ok = predictions[predictions["status"] == "ok"]
    rows = []
    for row in ok.itertuples():
        image = tokens_per_layer(row.token_depth, decoder.layers)
        vision = vision_flops(config, [tuple(grid) for grid in row.image_grids])
        ledger = sample_ledger(
            decoder,
            image,
            row.n_text_tokens,
            row.n_text_after,
            row.n_generated,
            costs,
            row.n_explained,
            eager=metadata["attn_implementation"] == "eager",
        )
        n = row.n_image_tokens
        rows.append(
            {
                "tflops_published": published_tflops(image, decoder.hidden, decoder.ffn),
                "tflops_prefill": ledger["prefill"] / TERA,
                "tflops_vision": vision / TERA,
                "tflops_scoring": ledger["scoring"] / TERA,
                "tflops_decode": ledger["decode"] / TERA,
                "tflops_total": (sum(ledger.values()) + vision) / TERA,
                "ratio_achieved": 1 - image.sum() / (decoder.layers * n) if n else 0.0,
                "min_image_tokens": float(image.min()),
            }
        )
    means = pd.DataFrame(rows).mean().to_dict() if rows else {}
    return {"ratio_requested": metadata["cell"]["ratio"], **means}


def _stage_costs(metadata: Mapping[str, Any]) -> list[str | None]:
    """Return per layer what is computed to rank tokens before it."""
    costs: list[str | None] = [None] * metadata["n_layers"]
    if metadata["criterion"] is not None:
        name, options = metadata["criterion"]
        for layer, _ in metadata["schedule"]:
            costs[layer] = _cost(name, options, layer, metadata["deep_from"], metadata)
    return costs


def _cost(
    name: str, options: Mapping[str, Any], layer: int, deep_from: int | None, metadata: Mapping[str, Any]
) -> str | None:
    """Return the `cost` of a criterion, or of the part that it hands a layer to."""
    described = plugins.describe("criteria", name)
    if not described["delegates"]:
        return described["cost"]
    part = {**described, **options}["deep" if layer >= deep_from else "shallow"]
    # A part has no options, hence the default depth.
    return _cost(part, {}, layer, metadata["second_cut"] or max(1, metadata["n_layers"] // 4), metadata)
