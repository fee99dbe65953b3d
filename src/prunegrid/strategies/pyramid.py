"""Several cuts that each keep the same share: PyramidDrop's shape (arXiv 2410.17247)."""

from collections.abc import Sequence
from dataclasses import dataclass

from prunegrid.pruning.schedule import Cuts, increasing_layers
from prunegrid.pruning.strategy import Strategy


@dataclass(frozen=True, kw_only=True)
class Pyramid(Strategy):
    """Each cut keeps the share s of the tokens still present, so a = s^i after the i-th.

    Parameters
    ----------
    layers : sequence of int or float
        Where the cuts are; fractions are of L.
    """

    layers: Sequence[float] = (0.25, 0.5, 0.75)

    def cuts(self, strength: float, n_layers: int) -> Cuts:
        """Return the cuts for s = 1 - strength."""
        layers = increasing_layers(self.layers, n_layers)
        return [(layer, (1 - strength) ** i) for i, layer in enumerate(layers, start=1)]
