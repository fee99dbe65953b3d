"""Time and peak memory of one call on a device."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from prunegrid.predict.hardware import synchronise

_MB = 10**6


@dataclass(frozen=True)
class Timing:
    """What one call took.

    Attributes
    ----------
    wall_ms : float
        Milliseconds from an idle device to an idle device.
    device_ms : float or None
        Milliseconds between two events on the device, around the call; None on a CPU.
    peak_memory_mb : float or None
        Most memory that was allocated at a time, over the model's weights, 10**6 bytes; None on a CPU, where
        it is not measured.
    """

    wall_ms: float
    device_ms: float | None
    peak_memory_mb: float | None


class Stopwatch:
    """Times calls that run a model.

    Parameters
    ----------
    model : PreTrainedModel
        Where its weights lie is what waits, and whose memory is read.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        weights = [*model.parameters(), *model.buffers()]
        self._cuda = {tensor.device for tensor in weights if tensor.device.type == "cuda"}
        self._weights = sum(tensor.nbytes for tensor in weights if tensor.device.type == "cuda")

    def time(self, call: Callable[[], object]) -> Timing:
        """Call once, from an idle device to an idle device; what it returns is dropped."""
        if not self._cuda:
            began = time.perf_counter()
            call()
            return Timing(1e3 * (time.perf_counter() - began), None, None)
        for device in self._cuda:
            torch.cuda.reset_peak_memory_stats(device)
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        synchronise(self._cuda)
        began = time.perf_counter()
        first.record()
        call()
        last.record()
        synchronise(self._cuda)
        wall = time.perf_counter() - began
        peak = sum(torch.cuda.max_memory_allocated(device) for device in self._cuda)
        return Timing(1e3 * wall, first.elapsed_time(last), (peak - self._weights) / _MB)
