"""The same pruning ratio at every layer, ranked anew each time."""

from dataclasses import dataclass

from prunegrid.pruning.schedule import Cuts
from prunegrid.pruning.strategy import Strategy


@dataclass(frozen=True, kw_only=True)
class Uniform(Strategy):
    """Before every layer l >= 1 the fraction p of the tokens still present is dropped: a_l = (1-p)^l."""

    def cuts(self, strength: float, n_layers: int) -> Cuts:
        """Return L-1 cuts for p = strength."""
        return [(layer, (1 - strength) ** layer) for layer in range(1, n_layers)]
