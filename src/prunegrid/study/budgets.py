"""Budgets as papers write them, turned into ratios: mean image tokens, FastV's K and R, tokens by layer.

The ratio is 1 - mean over the L layers of the share of the N image tokens that is present
(docs/definitions.md, Ratio). Imports no torch.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from prunegrid.errors import ConfigError
from prunegrid.pruning.schedule import removed

# FastV's: before layer K the share R is dropped.
_K_R = re.compile(r"\s*K\s*=\s*(\d+)\s*,\s*R\s*=\s*(\d+(?:\.\d+)?)\s*%\s*")
# Ratios of budgets are rounded to it: a hundredth of a token of the longest prompts.
_DIGITS = 6
_FORMS = "right are 192, 'K=2, R=50%' and [[2, 288], [8, 72]]"

# As the configuration's key `tokens` has it.
Written = float | str | Sequence[Sequence[float]]


@dataclass(frozen=True)
class Budget:
    """What share of the image-token work is to be removed.

    Attributes
    ----------
    ratio : float
    words : str
        How it was written where it was not written as a ratio; else empty.
    """

    ratio: float
    words: str = ""

    def __str__(self) -> str:
        return f"{self.words} (ratio {self.ratio:g})" if self.words else f"ratio {self.ratio:g}"


def budget_fault(written: Written) -> str | None:
    """Return what is wrong with a budget whatever model it is for, or None."""
    if isinstance(written, str):
        found = _K_R.fullmatch(written)
        if found is None:
            return f"{written!r} is no budget: {_FORMS}"
        return None if 0 < float(found[2]) <= 100 else f"{written!r}: R is not between 0 and 100 %"
    if isinstance(written, int | float):
        return None
    layers, kept = [layer for layer, _ in written], [count for _, count in written]
    if any(layer != int(layer) for layer in layers) or any(b <= a for a, b in pairwise(layers)):
        return f"{written}: layers must be whole numbers that ascend"
    if any(b > a for a, b in pairwise(kept)):
        return (
            f"{written}: tokens do not come back: right is [[layer, image tokens kept], ...], not increasing"
        )
    return None


def budget_words(written: Written) -> str:
    """Return how a budget is called in tables."""
    if isinstance(written, str):
        found = _K_R.fullmatch(written)
        return f"K = {found[1]}, R = {found[2]} %" if found else written
    if isinstance(written, int | float):
        return f"{written:g} tokens"
    return ", ".join(f"{count:g} from layer {layer:g}" for layer, count in written)


def budget_of(written: Written, n_layers: int, n_tokens: int) -> Budget:
    """Return what a written budget is for a model.

    Parameters
    ----------
    written : number, str or list
        See the key `tokens` of the configuration.
    n_layers, n_tokens : int
        L and N of the model.

    Raises
    ------
    ConfigError
        If it drops nothing of the model's tokens, or all in all layers, or names a layer that it has not.
    """
    if isinstance(written, str):
        found = _K_R.fullmatch(written)
        assert found is not None
        cuts = [(int(found[1]), 1 - float(found[2]) / 100)]
    elif isinstance(written, int | float):
        cuts = [(0, written / n_tokens)]
    else:
        cuts = [(int(layer), count / n_tokens) for layer, count in written]
    last = cuts[-1][0]
    if last >= n_layers:
        raise ConfigError(f"tokens: {written!r}: layer {last} is not among 0..{n_layers - 1} of this model")
    ratio = round(removed(cuts, n_layers, 1.0), _DIGITS)
    if not 0 < ratio < 1:
        raise ConfigError(
            f"tokens: {written!r} is no budget of a model of {n_tokens} image tokens and {n_layers} layers: "
            f"it would remove {ratio:g} of the image-token work, and right is between 0 and 1"
        )
    return Budget(ratio, budget_words(written))


def budgets_of(config: Mapping[str, Any], n_layers: int, n_tokens: int | None) -> list[Budget]:
    """Return the budgets of a study for a model, its ratios first; equal ones are one.

    Parameters
    ----------
    config : mapping
        Validated.
    n_layers : int
        Decoder layers of the model.
    n_tokens : int or None
        Image tokens of a picture; needed only where the study has `tokens`.
    """
    found = {float(ratio): Budget(float(ratio)) for ratio in config["ratios"]}
    for written in config["tokens"]:
        assert n_tokens is not None
        budget = budget_of(written, n_layers, n_tokens)
        if not found.get(budget.ratio, Budget(0)).words:
            found[budget.ratio] = budget
    return [*found.values()]
