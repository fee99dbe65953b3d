"""What a criterion may ask a vision tower for, by name. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prunegrid.errors import PruningError

KINDS = ("cls_attention", "cls_similarity", "attention_received", "features", "keys")
# Those that ask for the row of a class token.
OF_CLASS_TOKEN = ("cls_attention", "cls_similarity")
# Words of a criterion's `cost`: products of the class token's row, or of all patches' rows, with the keys
# that each sees, in the layer of the tower that its option `tower_layer` names.
CLASS_ROW, ALL_ROWS = "cls_row", "tower_rows"


@dataclass(frozen=True, order=True)
class VisionMap:
    """One map of a tower's layer over the image tokens.

    Where s x s patches make one token, a map of the token is the mean of theirs. Tokens that no patch stands
    behind, such as LLaVA-NeXT's ends of rows, have 0.

    Attributes
    ----------
    kind : str
        cls_attention: attention of the class token's row, mean of the heads, (tokens,).
        cls_similarity: softmax over patches of q_cls . k / sqrt(C), heads not divided, (tokens,).
        attention_received: attention that a patch receives, mean of the heads and of the rows of the patches
        that see it, (tokens,).
        features: output of the layer, (tokens, C). keys: (tokens, heads, head size).
    layer : int
        Of the tower's layers; negative ones count from the end: -2 is the penultimate.
    """

    kind: str
    layer: int

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise PruningError(f"unknown vision map {self.kind!r}: {', '.join(KINDS)}")

    @property
    def name(self) -> str:
        """What tells it from others, such as `cls_attention@-2`."""
        return f"{self.kind}@{self.layer}"


def check_maps(maps: Sequence[VisionMap], model_type: str, n_layers: int, has_class_token: bool) -> None:
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
        if not -n_layers <= one.layer < n_layers:
            raise PruningError(
                f"the vision tower of {model_type!r} has {n_layers} layers, and layer {one.layer} is asked "
                f"for ({one.name}): give one from {-n_layers} to {n_layers - 1}"
            )
