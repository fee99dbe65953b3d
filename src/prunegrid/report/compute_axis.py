"""The axis of total compute: it shows where most points lie, and the few far beyond in a strip at its end."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

# A gradient costs several forward passes: a linear axis to there would squeeze all else.
_LOG_FROM = 1.5
# Points that differ by less are shown beside the unpruned model, on an axis of twice that at least: small
# differences are to look small.
_SPREAD, _LEAST_SPAN = 0.1, 0.2
# A strip is for no more than this share of the points, beyond a gap of more than that share of their
# logarithmic range.
_FEW, _GAP = 1 / 3, 1 / 2
# Widths in parts of the axis: from its end to the break, and on to the strip's middle and to its end.
_TO_BREAK, _TO_STRIP, _TO_END = 0.06, 0.24, 0.42
# Steps between ticks of a logarithmic axis: many on a short one.
_FEW_TICKS, _MANY_TICKS, _LONG = (1, 2, 5), (1, 1.5, 2, 3, 5, 7), 20
_LABEL = "total compute,\n% of unpruned"


@dataclass(frozen=True)
class ComputeAxis:
    """An axis of total compute over that of the unpruned model.

    Attributes
    ----------
    low, high : float
        Ends of what is drawn in its place.
    beyond : float
        What costs more stands in the strip; infinite where there is none.
    log : bool
        Whether steps are factors.
    """

    low: float
    high: float
    beyond: float
    log: bool

    @property
    def end(self) -> float:
        """Where what is drawn in its place ends, with the margin."""
        if self.log:
            return float(self.high * (self.high / self.low) ** 0.05)
        return self.high + _TO_BREAK * (self.high - self.low)

    def is_beyond(self, share: float) -> bool:
        """Return whether a point stands in the strip."""
        return share > self.beyond

    def place(self, share: float) -> float:
        """Return where a point is drawn."""
        return self.high + _TO_STRIP * (self.high - self.low) if self.is_beyond(share) else share

    def show(self, panel: Axes, far: Sequence[float]) -> None:
        """Set limits, ticks and label of a panel.

        Parameters
        ----------
        panel : Axes
        far : sequence of float
            Compute of its points in the strip: the tick below them tells it.
        """
        from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

        label, width = _LABEL, self.high - self.low
        shown = FuncFormatter(lambda value, _: f"{100 * value:g}")
        if self.log:
            panel.set_xscale("log")
            ratio = self.high / self.low
            panel.set_xlim(self.low / ratio**0.05, self.end)
            steps = _FEW_TICKS if ratio > _LONG else _MANY_TICKS
            panel.xaxis.set_major_locator(FixedLocator([s * 10.0**k for k in range(-4, 4) for s in steps]))
            panel.xaxis.set_minor_locator(NullLocator())
            label += " (log scale)"
        elif np.isfinite(self.beyond):
            panel.set_xlim(self.low - _TO_BREAK * width, self.high + _TO_END * width)
            panel.axvline(self.end, color="#6b7480", linestyle=(0, (4, 3)), linewidth=0.9)
            ticks = [t for t in MaxNLocator(3).tick_values(self.low, self.high) if self.low <= t <= self.high]
            strip = self.high + _TO_STRIP * width
            panel.xaxis.set_major_locator(FixedLocator([*ticks, *([strip] if far else [])]))
            shown = FuncFormatter(lambda value, _: _span(far) if value == strip else f"{100 * value:g}")
        else:
            panel.set_xlim(self.low - _TO_BREAK * width, self.end)
            panel.xaxis.set_major_locator(MaxNLocator(5))
        panel.xaxis.set_major_formatter(shown)
        panel.set_xlabel(label)


def compute_axis(shares: Sequence[float]) -> ComputeAxis:
    """Return the axis of a figure's points.

    Parameters
    ----------
    shares : sequence of float
        Total compute of every point over that of the unpruned model, which is 1 and needs no place where the
        points are far enough from each other.
    """
    near, beyond = _without_far(sorted(shares))
    low, high = (near[0], near[-1]) if near else (1.0, 1.0)
    if high - low < _SPREAD:
        high = max(high, 1.0)
        low = min(low, high - _LEAST_SPAN)
    return ComputeAxis(low, high, beyond, log=high > _LOG_FROM and not np.isfinite(beyond))


def _without_far(shares: Sequence[float]) -> tuple[Sequence[float], float]:
    """Return the points before the widest gap, and where it begins, if few lie far beyond it; else all."""
    if len(shares) < 2 or shares[-1] <= _LOG_FROM:
        return shares, np.inf
    steps = np.log(shares[1:]) - np.log(shares[:-1])
    place = int(np.argmax(steps)) + 1
    few = len(shares) - place <= _FEW * len(shares)
    wide = steps.max() > _GAP * (np.log(shares[-1]) - np.log(shares[0]))
    if not few or not wide or shares[place] <= _LOG_FROM:
        return shares, np.inf
    return shares[:place], float(shares[place - 1])


def _span(values: Sequence[float]) -> str:
    low, high = f"{100 * min(values):.0f}", f"{100 * max(values):.0f}"
    return low if low == high else f"{low}\nto {high}"
