"""Several cuts that each keep the same share: PyramidDrop's shape (arXiv 2410.17247)."""

from collections.abc import Sequence
from dataclasses import dataclass

from prunegrid.errors import ConfigError
from prunegrid.pruning.schedule import Cuts, increasing_layers
from prunegrid.pruning.strategy import Strategy


@dataclass(frozen=True, kw_only=True)
class Pyramid(Strategy):
    """Each cut keeps the share s of the tokens still present, so a = s^i after the i-th, or s t^(i-1).

    Parameters
    ----------
    layers : sequence of int or float
        Where the cuts are; fractions are of L.
    later : float, optional
        t, the share of what is present that every cut but the first keeps, in place of s. VScan's is 1/3
        (arXiv 2505.22654): on average 64 tokens are 96 before layer L/2 and 32 from there on.
    """

    layers: Sequence[float] = (0.25, 0.5, 0.75)
    later: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.later is not None and not 0 < self.later <= 1:
            raise ConfigError(f"later must be a share in (0, 1], got {self.later!r}")

    def cuts(self, strength: float, n_layers: int) -> Cuts:
        """Return the cuts for s = 1 - strength."""
        layers = increasing_layers(self.layers, n_layers)
        share = 1 - strength
        later = share if self.later is None else self.later
        return [(layer, share * later**i) for i, layer in enumerate(layers)]
