"""Caches whose layers hold different tokens: only the hooks of a prune context know which."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from prunegrid.errors import PruningError


class ContextState:
    """Whether a prune context has ended; a copy of a cache asks the same one.

    Attributes
    ----------
    ended : bool
        Nothing masks what its caches do not hold any more.
    """

    def __init__(self) -> None:
        self.ended = False

    def __deepcopy__(self, memo: dict[int, Any]) -> ContextState:
        return self


class CutLayer(DynamicLayer):
    """A layer of a cache whose prompt was cut: it takes no further token after its context.

    Without the hooks a model gives it masks and positions of the whole prompt: it fails, or attends to
    zeros where layer 0 dropped the image.

    Parameters
    ----------
    context : ContextState
        Of the context in which it is filled.
    """

    def __init__(self, context: ContextState) -> None:
        super().__init__()
        self._context = context

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Append keys and values, each (batch, heads, new tokens, head size), and return all.

        Raises
        ------
        PruningError
            If the context has ended.
        """
        if self._context.ended:
            raise PruningError(
                "this cache was filled in a prune context that has ended, and its layers hold different "
                "tokens: generate within the `with` block, or run the prompt again"
            )
        found: tuple[Tensor, Tensor] = super().update(key_states, value_states, *args, **kwargs)
        return found


def hold_cuts(cache: DynamicCache, n_layers: int, context: ContextState) -> None:
    """Let the layers of an empty cache hold what cuts leave, for as long as a context lasts.

    Those of sliding attention hold all that is left: they would keep the last tokens by their number, but
    windows count original positions, and the model's masks enforce them.

    Parameters
    ----------
    cache : DynamicCache
        Its layers are replaced, or made where it has none yet.
    n_layers : int
        Decoder layers.
    context : ContextState
        The context.
    """
    for index, layer in enumerate(cache.layers):
        # Layers of other kinds of attention are left as they are.
        if type(layer) in (DynamicLayer, DynamicSlidingWindowLayer):
            cache.layers[index] = CutLayer(context)
    cache.layers += [CutLayer(context) for _ in range(len(cache.layers), n_layers)]
