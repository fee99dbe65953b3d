"""One cut before the first layer: pruning between projector and decoder."""

from dataclasses import dataclass

from prunegrid.pruning.schedule import Cuts
from prunegrid.pruning.strategy import Strategy


@dataclass(frozen=True, kw_only=True)
class Input(Strategy):
    """a_l = k in all layers.

    The decoder is given a shorter prompt, as methods between projector and decoder give it: so the tokens
    after a dropped one move up.
    """

    positions: str = "contiguous"

    def cuts(self, strength: float, n_layers: int) -> Cuts:
        """Return the one cut for k = 1 - strength."""
        return [(0, 1 - strength)]
