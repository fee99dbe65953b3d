"""One cut before layer 1, the same share in all layers after it."""

from dataclasses import dataclass

from prunegrid.pruning.schedule import Cuts
from prunegrid.pruning.strategy import Strategy


@dataclass(frozen=True, kw_only=True)
class Constant(Strategy):
    """The other reading of "the same ratio across all layers": a_l = k for l >= 1."""

    def cuts(self, strength: float, n_layers: int) -> Cuts:
        """Return the one cut for k = 1 - strength."""
        return [(1, 1 - strength)]
