"""The compute ledger: what one sample costs, analytically. Imports no torch.

Papers count multiply-accumulates, image tokens only and two feed-forward matrices, and call them FLOPs;
no two agree. So every figure is given, each under its name (docs/definitions.md, Compute ledger). All but
`published` count 2 per multiply-accumulate, as `torch.utils.flop_counter` does: attention as full
products, without its causal half.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from prunegrid import plugins
from prunegrid.cost.image_tokens import assumed_grids, default_image_tokens
from prunegrid.cost.vision import PatchGrid, vision_flops
from prunegrid.errors import PruningError
from prunegrid.scoring.answered import answered

if TYPE_CHECKING:
    import pandas as pd

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
    windows: tuple[int | None, ...] = ()

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Decoder:
        """Read a whole configuration, as `config.to_dict()` gives it; see `hubconfig` for `config.json`."""
        text = config.get("text_config", config)
        heads = text["num_attention_heads"]
        # Where no layer types are given, a window is every layer's.
        kinds = text.get("layer_types") or ["sliding_attention"] * text["num_hidden_layers"]
        window = text.get("sliding_window")
        return cls(
            windows=tuple(window if kind == "sliding_attention" else None for kind in kinds),
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


@dataclass(frozen=True)
class TokenCounts:
    """What the ledger needs to know of one sample.

    Attributes
    ----------
    image_tokens : ndarray
        (L,), image tokens that each layer computed on.
    n_image : int
        N, image tokens of the prompt.
    n_text, n_after : int
        Text tokens of the prompt; those after the last image token.
    n_generated : int
        Tokens of the answer. The prefill gives the first.
    n_explained : int
        Tokens of the unpruned answer that a gradient was taken of.
    grids : sequence of (int, int, int)
        What the vision tower ran on; see `prunegrid.cost.vision`.
    """

    image_tokens: np.ndarray
    n_image: int
    n_text: int
    n_after: int
    n_generated: int = 1
    n_explained: int = 1
    grids: Sequence[PatchGrid] = ()


def sample_ledger(
    decoder: Decoder,
    sample: TokenCounts,
    costs: Sequence[str | None],
    *,
    pruned: bool = True,
    eager: bool = False,
) -> dict[str, float]:
    """Return the FLOPs of one sample in the decoder.

    Parameters
    ----------
    decoder : Decoder
        Shapes.
    sample : TokenCounts
        Tokens.
    costs : sequence of str or None
        (L,), what is computed just before each layer to rank tokens: `cost` of the criterion in charge,
        None where nothing is ranked.
    pruned : bool
        The schedule has cuts.
    eager : bool
        Attention is not fused.

    Returns
    -------
    dict
        prefill, scoring, decode, in FLOPs.
    """
    image, n_text = sample.image_tokens, sample.n_text
    tokens = image + n_text
    prefill = decoder.layer(tokens, tokens).sum() + decoder.head
    scoring, gradient = 0.0, False
    for layer, cost in enumerate(costs):
        # Nothing is ranked where a cut keeps all or none of what is present.
        if cost is None or not 0 < image[layer] < image[layer - 1]:
            continue
        present = image[layer - 1]
        rows = {"text_rows": sample.n_after, "image_rows": present, "last_row": 1}.get(cost, 0)
        scoring += decoder.scores(rows, present + n_text)
        scoring += 2 * present * decoder.hidden if cost == "hidden" else 0
        gradient |= cost == "gradient"
    if gradient:
        scoring += _gradient(decoder, int(image[0]) + n_text, sample.n_explained, eager)
    # The i-th further token attends to what its layer holds of the prompt and to i generated ones.
    later = np.arange(1, max(1, sample.n_generated))[:, None]
    keys = _held(sample)[None, :] + later
    if not pruned:
        # A sliding layer's cache holds its window; where tokens are dropped, it holds all that are kept.
        keys = np.minimum(keys, [window or np.inf for window in decoder.windows])
    decode = decoder.layer(np.ones_like(later), keys).sum() + len(later) * decoder.head
    return {"prefill": float(prefill), "scoring": float(scoring), "decode": float(decode)}


def _held(sample: TokenCounts) -> np.ndarray:
    """Return how many columns of the prompt each layer's cache holds, (L,)."""
    held = sample.image_tokens + sample.n_text
    # The engine fills the first cache up with zeros: its length tells the position of later tokens.
    held[0] = sample.n_image + sample.n_text
    return held


def _gradient(decoder: Decoder, tokens: int, answer_tokens: int, eager: bool) -> float:
    """Return the FLOPs of explaining an answer: a forward and a backward pass, and reading it off before.

    A single token is read off the forward pass itself.
    """
    reading = 0.0
    if answer_tokens > 1:
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
        image tokens in any layer). Only ratio_requested where every row is an error.
    """
    # Plans use this module, too, and do without.
    import pandas as pd

    config = metadata["model"]["config"]
    n_layers = Decoder.from_config(config).layers
    eager = metadata["attn_implementation"] == "eager"

    # Samples differ in few of these.
    @cache
    def ledger(image_tokens: tuple[int, ...], *sizes: Any) -> dict[str, float]:
        return _row(config, TokenCounts(np.array(image_tokens), *sizes), metadata, eager)

    rows = [
        ledger(
            tuple(tokens_per_layer(row.token_depth, n_layers).tolist()),
            row.n_image_tokens,
            row.n_text_tokens,
            row.n_text_after,
            row.n_generated,
            row.n_explained,
            grids,
        )
        for row, grids in answered(predictions)
    ]
    means = pd.DataFrame(rows).mean().to_dict() if rows else {}
    return {"ratio_requested": metadata["cell"]["ratio"], **means}


def _row(
    config: Mapping[str, Any], sample: TokenCounts, metadata: Mapping[str, Any], eager: bool
) -> dict[str, float]:
    """Return one sample's ledger; see `cell_compute`."""
    decoder = Decoder.from_config(config)
    pruned = bool(metadata["schedule"])
    ledger = sample_ledger(decoder, sample, _stage_costs(metadata), pruned=pruned, eager=eager)
    vision = vision_flops(config, sample.grids)
    image, n = sample.image_tokens, sample.n_image
    return {
        "tflops_published": published_tflops(image, decoder.hidden, decoder.ffn),
        "tflops_prefill": ledger["prefill"] / TERA,
        "tflops_vision": vision / TERA,
        "tflops_scoring": ledger["scoring"] / TERA,
        "tflops_decode": ledger["decode"] / TERA,
        "tflops_total": (sum(ledger.values()) + vision) / TERA,
        "ratio_achieved": float(1 - image.sum() / (decoder.layers * n)) if n else 0.0,
        "min_image_tokens": float(image.min()),
    }


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
    """Return the schedule and ledger of a cell before it is run: a `config.json` is enough, no weights.

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
        As `cell_compute`, for one sample and fused attention, besides `schedule`, a list of (layer,
        image tokens kept), and `image_tokens`.

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
    n_layers = Decoder.from_config(config).layers
    n = default_image_tokens(config) if image_tokens is None else image_tokens
    if min(n, text_after, generated) < 1 or text_before < 0:
        raise PruningError("image_tokens, text_after and generated must be at least 1, text_before 0")
    plugin = plugins.build("strategies", strategy, dict(strategy_options or {}))
    schedule = plugin.solve(ratio or None, n_layers, seed=seed, n_tokens=n)
    ranking, deep_from, explained = None, None, 1
    if criterion is not None and plugin.ranks:
        options = dict(criterion_options or {})
        built = plugins.build("criteria", criterion, options)
        ranking = (criterion, options)
        deep_from = built.first_deep(n_layers, schedule.second_cut) if built.delegates else None
        explained = min(generated, getattr(built, "answer_tokens", 1))
    sample = TokenCounts(
        np.array(schedule.tokens_per_layer(n)),
        n,
        text_before + text_after,
        text_after,
        generated,
        explained,
        assumed_grids(config, n),
    )
    rule = {
        "n_layers": n_layers,
        "criterion": ranking,
        "schedule": schedule.cuts,
        "deep_from": deep_from,
        "second_cut": schedule.second_cut,
    }
    return {
        "ratio_requested": ratio or 0.0,
        **_row(config, sample, rule, eager=False),
        "schedule": schedule.counts(n),
        "image_tokens": n,
    }


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
