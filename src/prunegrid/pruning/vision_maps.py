"""What a criterion may ask a vision tower for, by name. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prunegrid.errors import PruningError

KINDS = (
    "cls_attention",
    "cls_similarity",
    "attention_received",
    "attention_of_all",
    "features",
    "keys",
    "places",
    "grid",
    "projector_inputs",
)
# What is computed for a map that the tower does not compute itself: words of the ledger.
MAP_COSTS = {
    "cls_attention": "cls_row",
    "cls_similarity": "cls_joined_row",
    "attention_received": "tower_rows",
    "attention_of_all": "tower_all_rows",
}
# Those that ask for the row of a class token.
OF_CLASS_TOKEN = ("cls_attention", "cls_similarity")


@dataclass(frozen=True, order=True)
class VisionMap:
    """One map of a tower's layer over the image tokens.

    Where s x s patches make one token, a map of the token is the mean of theirs. Tokens that no patch stands
    behind, such as LLaVA-NeXT's ends of rows, have 0.

    Attributes
    ----------
    kind : str
        cls_attention: attention of the class token's row, mean of the heads, (tokens,).
        cls_similarity: softmax over class token and patches of q_cls . k / sqrt(C), heads joined, (tokens,).
        attention_received: attention that a patch receives, mean of the heads and of the rows of the patches
        that see it, (tokens,). attention_of_all: the same with the row of the class token, if there is one.
        features: output of the layer, (tokens, C). keys: (tokens, heads, head size).
        places: where the token's patches are, whatever the layer: the tile, counted from 1, and the centre as
        a share of its height and of its width, (tokens, 3). grid: where the token is, whatever the layer: its
        grid of tokens, counted from 1, that grid's rows and columns, its own row and column, and 1 where the
        last column are ends of rows, (tokens, 6). projector_inputs: what the projector makes the
        token of, whatever the layer, (tokens, C').
    layer : int or float
        Of the tower's layers; negative ones count from the end: -2 is the penultimate. A fraction names the
        layer behind which this share of the layers is through: 0.25 of 24 layers is 5, the sixth.
    """

    kind: str
    layer: float

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise PruningError(f"unknown vision map {self.kind!r}: {', '.join(KINDS)}")

    @property
    def name(self) -> str:
        """What tells it from others, such as `cls_attention@-2`."""
        return f"{self.kind}@{self.layer}"


def tower_layer(layer: float, n_layers: int) -> int:
    """Return the number of a tower's layer, negative ones as they are; see `VisionMap.layer`."""
    if 0 < layer < 1:
        return max(1, math.floor(layer * n_layers + 0.5)) - 1
    return int(layer)


def check_maps(
    maps: Sequence[VisionMap],
    model_type: str,
    n_layers: int,
    has_class_token: bool,
    one_size: bool = True,
) -> None:
    """Refuse maps that a tower cannot give.

    Parameters
    ----------
    maps : sequence of VisionMap
        What is asked for.
    model_type : str
        The model's, for the message.
    n_layers : int
        Layers of the tower.
    has_class_token : bool
        Whether it has a class token.
    one_size : bool
        Whether all tiles have one size.

    Raises
    ------
    PruningError
        With what it would take.
    """
    for one in maps:
        if one.kind in OF_CLASS_TOKEN and not has_class_token:
            raise PruningError(
                f"the vision tower of {model_type!r} has no class token, whose attention is asked for "
                f"({one.name}): use what reads the attention received instead (tower_attention_received)"
            )
        if one.kind == "places" and not one_size:
            raise PruningError(
                f"the vision tower of {model_type!r} takes pictures at their own size: where a patch is "
                f"within its tile is asked for ({one.name}), and there are no tiles"
            )
        if not (0 < one.layer < 1 or (one.layer == int(one.layer) and -n_layers <= one.layer < n_layers)):
            raise PruningError(
                f"the vision tower of {model_type!r} has {n_layers} layers, and layer {one.layer} is asked "
                f"for ({one.name}): give one from {-n_layers} to {n_layers - 1}, or a fraction"
            )


def tower_layers(vision: Mapping[str, Any]) -> int:
    """Return the layers of a tower, from the `vision_config` of a model's whole configuration."""
    return int(vision["num_hidden_layers"] if "num_hidden_layers" in vision else vision["depth"])
