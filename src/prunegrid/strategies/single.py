"""One cut before one layer: FastV's shape (arXiv 2403.06764)."""

from dataclasses import dataclass

from prunegrid.pruning.schedule import Cuts, resolve_layer
from prunegrid.pruning.strategy import Strategy


@dataclass(frozen=True, kw_only=True)
class Single(Strategy):
    """a = 1 before layer K, k from K on.

    Parameters
    ----------
    layer : int or float
        K; a fraction is of L.
    """

    layer: float = 2

    def cuts(self, strength: float, n_layers: int) -> Cuts:
        """Return the one cut for k = 1 - strength."""
        return [(resolve_layer(self.layer, n_layers), 1 - strength)]
