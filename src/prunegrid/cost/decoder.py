"""Shapes of a decoder, and the FLOPs of its layers: 2 per multiply-accumulate. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

# One number, or an array of one per layer or token.
Number = TypeVar("Number", int, np.ndarray)


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
        """Read a whole configuration, as `config.to_dict()` gives it; `model_config` completes others."""
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

    def layer(self, tokens: Number, keys: Number) -> Number:
        """Return the FLOPs of one layer: `tokens` computed, attending to `keys` columns."""
        projections = self.hidden * self.head_size * (2 * self.heads + 2 * self.key_heads)
        attention = 2 * self.heads * self.head_size * keys
        flops: Number = 2 * tokens * (projections + attention + 3 * self.hidden * self.ffn)
        return flops

    def scores(self, rows: int, keys: int) -> int:
        """Return the FLOPs of the attention products of `rows` queries with `keys` columns."""
        return 2 * self.heads * self.head_size * rows * keys

    def own_scores(self, rows: int, tokens: int) -> int:
        """Return the FLOPs of a layer's queries, keys and values, and of the products of `rows` queries."""
        projections = 2 * tokens * self.hidden * self.head_size * (self.heads + 2 * self.key_heads)
        return projections + self.scores(rows, tokens)

    @property
    def parameters(self) -> int:
        """Weights of the decoder: embedding, layers and `lm_head`, norms and biases apart."""
        projections = self.hidden * self.head_size * (2 * self.heads + 2 * self.key_heads)
        layer = projections + 3 * self.hidden * self.ffn
        return self.layers * layer + 2 * self.vocabulary * self.hidden

    def cache_bytes(self, tokens: int, number_bytes: int) -> int:
        """Return the bytes of the keys and values of all layers, of an unpruned prompt."""
        return 2 * self.layers * tokens * self.key_heads * self.head_size * number_bytes

    @property
    def head(self) -> int:
        """FLOPs of `lm_head` for one token."""
        return 2 * self.hidden * self.vocabulary
