"""Copies from main memory to a device that do not make Python wait for what the device has still to do."""

from __future__ import annotations

import torch
from torch import Tensor


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor on a device.

    Parameters
    ----------
    tensor : Tensor
        Of any shape and dtype, on the CPU or where it goes.
    device : torch.device
        Where it goes.
    """
    if device.type != "cuda" or tensor.device.type != "cpu":
        return tensor.to(device)
    # From memory that may be paged out, a copy would first wait for the device to have nothing left to do.
    return tensor.pin_memory().to(device, non_blocking=True)
