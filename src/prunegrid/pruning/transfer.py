"""Copies from main memory to a device that do not make Python wait for what the device has still to do."""

from __future__ import annotations

import torch
from torch import Tensor


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor of main memory on a device.

    Parameters
    ----------
    tensor : Tensor
        On the CPU, of any shape and dtype.
    device : torch.device
        Where it goes.
    """
    if device.type != "cuda":
        return tensor.to(device)
    # From memory that may be paged out, a copy would first wait for the device to have nothing left to do.
    return tensor.pin_memory().to(device, non_blocking=True)
