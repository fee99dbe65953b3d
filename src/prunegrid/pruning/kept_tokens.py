"""Which image tokens a prefill has kept at each cut: on the device until it ends, then copied at once.

A copy makes Python wait for all that the device has still to do. One a cut would take away the lead with
which the layers' kernels are queued: so there is one a prefill, and with it scores are checked for NaN, and
the selections of set rules for their counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from prunegrid.errors import PruningError

# Of one batch row: (layer, original image-token numbers, ascending) per cut.
RowCuts = list[tuple[int, list[int]]]


@dataclass(frozen=True, eq=False)
class Cut:
    """What one cut has left.

    Attributes
    ----------
    layer : int
        The layer before which it was made.
    rows : tuple of int
        The batch rows that it is a cut of; the others have all that they had.
    numbers : Tensor
        (batch, present tokens), int64: original numbers of the image tokens that are left, -1 elsewhere.
    scored_by : str
        The class of the criterion that chose; empty where none was asked.
    fault : Tensor or None
        (), bool: whether its choice is of no use; None where no criterion was asked.
    fault_text : str
        What the criterion did then: "returned NaN".
    sizes : Tensor or None
        (batch, present tokens), int64: of how many tokens of the prompt each is the mean; None where nothing
        was merged.
    tied : Tensor or None
        (batch,), bool: whether the last kept token and the first dropped one had the same score; None where
        no scores told them apart.
    ranked : tuple of int
        The rows in which scores kept some tokens and dropped others.
    """

    layer: int
    rows: tuple[int, ...]
    numbers: Tensor
    scored_by: str = ""
    fault: Tensor | None = None
    fault_text: str = ""
    sizes: Tensor | None = None
    tied: Tensor | None = None
    ranked: tuple[int, ...] = ()


class KeptTokens:
    """The cuts of one prefill.

    Parameters
    ----------
    batch : int
        Rows.
    """

    def __init__(self, batch: int) -> None:
        self._rows: list[RowCuts] = [[] for _ in range(batch)]
        self._ties: list[list[bool]] = [[] for _ in range(batch)]
        self._on_device: list[Cut] = []
        self._fault: str | None = None

    def add(self, cut: Cut) -> None:
        """Note a cut; cuts come in the order of their layers."""
        self._on_device.append(cut)

    @property
    def rows(self) -> list[RowCuts]:
        """Per batch row its cuts so far; what is still on the device is copied."""
        self.settle()
        return self._rows

    @property
    def ties(self) -> list[list[bool]]:
        """Per batch row, for each cut of it by scores: whether it fell on a tie."""
        self.settle()
        return self._ties

    def settle(self) -> None:
        """Copy what is still on the device, and let go of it."""
        cuts, self._on_device = self._on_device, []
        if not cuts:
            return
        device = cuts[0].numbers.device
        flags = [torch.zeros_like(cut.numbers[0, :1]) if cut.fault is None else cut.fault for cut in cuts]
        ties = [cut.tied for cut in cuts if cut.tied is not None]
        parts = [*(cut.numbers for cut in cuts), *ties, *flags]
        copied = torch.cat([part.to(device, torch.int64).flatten() for part in parts]).cpu().numpy()
        start = 0
        for cut, is_wrong in zip(cuts, copied[-len(cuts) :], strict=True):
            numbers = copied[start : (start := start + cut.numbers.numel())].reshape(cut.numbers.shape)
            for row in cut.rows:
                self._rows[row].append((cut.layer, numbers[row][numbers[row] >= 0].tolist()))
            if is_wrong and self._fault is None:
                self._fault = f"criterion {cut.scored_by} {cut.fault_text} before layer {cut.layer}"
        for cut in cuts:
            if cut.tied is not None:
                tied = copied[start : (start := start + cut.tied.numel())]
                for row in cut.ranked:
                    self._ties[row].append(bool(tied[row]))

    def check(self) -> None:
        """Raise if scores were NaN, or a set rule selected other tokens than it was asked for.

        Raises
        ------
        PruningError
            It names the criterion, and the first layer before which it was asked and failed.
        """
        self.settle()
        if self._fault is not None:
            raise PruningError(self._fault)
