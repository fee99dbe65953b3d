"""Which flows are hidden where: windows of layers, and all layers from a window's beginning on."""

from __future__ import annotations

from prunegrid.results.flow_rows import HIDDEN_FLOWS, Masking


def maskings(n_layers: int, window: float, stride: float) -> list[Masking]:
    """Return what is hidden, of each flow: windows of layers, then all layers from each beginning on.

    Parameters
    ----------
    n_layers : int
        L.
    window, stride : float
        Layers of a window, and from one window's beginning to the next: a whole number, or a share of L
        below 1, which is rounded down to a layer, at least 1.
    """
    width, step = (in_layers(value, n_layers) for value in (window, stride))
    begins = range(0, n_layers, step)
    spans = [(first, min(first + width, n_layers)) for first in begins]
    spans += [(first, n_layers) for first in begins]
    return [Masking(flow, *span) for flow in HIDDEN_FLOWS for span in dict.fromkeys(spans)]


def in_layers(value: float, n_layers: int) -> int:
    """Return a number of layers that is given as such, or as a share of L."""
    return int(value) if value >= 1 else max(1, int(value * n_layers))
