"""One cut in the middle of the decoder."""

from dataclasses import dataclass

from prunegrid import Cuts, Strategy


@dataclass(frozen=True, kw_only=True)
class Late(Strategy):
    """All image tokens up to a layer, the same share of them from there on.

    Parameters
    ----------
    depth : float
        Where the cut is, as a share of the layers.
    """

    depth: float = 0.5

    def cuts(self, strength: float, n_layers: int) -> Cuts:
        """Return [(layer, share of the image tokens that stay)]: at strength 0 all of them, at 1 none."""
        return [(max(1, int(self.depth * n_layers)), 1 - strength)]
