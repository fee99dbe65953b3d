"""Cuts as they are listed: any schedule that a paper prints."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from prunegrid.errors import ConfigError, UnreachableRatioError
from prunegrid.pruning.schedule import Schedule, increasing_layers
from prunegrid.pruning.solve_ratio import TOLERANCE
from prunegrid.pruning.strategy import Strategy


@dataclass(frozen=True, kw_only=True)
class ListedCuts(Strategy):
    """Before each listed layer so much stays as is listed: nothing is free, and the ratio follows.

    A requested ratio must agree with it.

    Parameters
    ----------
    cuts : sequence of (layer, share or tokens)
        Layers ascend; a fraction is of L. A number with a decimal point is a share of the N image tokens, in
        (0, 1]; a whole number is that many tokens, or all that are present where these are fewer.
    image_tokens : int
        The N by which whole numbers are turned into a ratio; LLaVA-1.5's by default. A sample keeps the
        listed number of tokens, whatever its own N.
    """

    # It has a `solve` of its own, which asks for no `cuts(strength)`.
    cuts: Sequence[Sequence[float]] = ((2, 0.5),)  # type: ignore[assignment]
    image_tokens: int = 576

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.cuts, list | tuple) or not self.cuts or not all(map(_is_cut, self.cuts)):
            raise ConfigError(
                f"cuts must list (layer, kept) pairs, kept being a share in (0, 1] with a decimal point or a "
                f"whole number of tokens, at least 1; got {self.cuts!r}"
            )
        if self.image_tokens < 1:
            raise ConfigError(f"image_tokens must be at least 1, got {self.image_tokens}")
        for (_, kept), (layer, later) in pairwise(self.cuts):
            if isinstance(kept, int) == isinstance(later, int) and later > kept:
                raise ConfigError(f"cuts keep {later} from layer {layer} on, more than the {kept} before")

    def solve(
        self, ratio: float | None, n_layers: int, *, seed: int = 0, n_tokens: int | None = None
    ) -> Schedule:
        """Return the cuts as they are listed."""
        usual = self._schedule(n_layers, self.image_tokens)
        if ratio is not None and abs(usual.ratio() - ratio) > TOLERANCE:
            raise UnreachableRatioError(
                f"ratio {ratio:.3f} is out of reach: cuts={[list(cut) for cut in self.cuts]} fix it at "
                f"{usual.ratio():.3f}"
            )
        return usual if n_tokens is None else self._schedule(n_layers, n_tokens)

    def _schedule(self, n_layers: int, n_tokens: int) -> Schedule:
        layers = increasing_layers([layer for layer, _ in self.cuts], n_layers)
        present, cuts = 1.0, []
        for layer, (_, kept) in zip(layers, self.cuts, strict=True):
            present = min(present, kept / n_tokens if isinstance(kept, int) else kept)
            cuts.append((layer, present))
        return Schedule(n_layers, tuple(cuts), rounding=self.rounding)


def _is_cut(cut: Any) -> bool:
    if not isinstance(cut, list | tuple) or len(cut) != 2 or any(isinstance(value, bool) for value in cut):
        return False
    layer, kept = cut
    return isinstance(layer, int | float) and (
        (isinstance(kept, int) and kept >= 1) or (isinstance(kept, float) and 0 < kept <= 1)
    )
