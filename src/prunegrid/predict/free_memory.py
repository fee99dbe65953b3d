"""The memory that batches may fill: of the model's devices beside its weights, or of a job on a CPU."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import torch
from torch import nn

# Of a job's main memory: the rest is for the interpreter, pictures, and features that wait.
_MAIN_SHARE = 0.5


def free_memory(model: nn.Module, slots: int = 1, mem_mb: int | None = None) -> int:
    """Return how many bytes a job has for batches, beside the weights of a loaded model.

    Parameters
    ----------
    model : Module
        The model, on its devices.
    slots : int
        Jobs that share a GPU: its memory is divided among them, however much the others hold just now.
    mem_mb : int, optional
        Main memory of the job, MB, where the model runs on a CPU.
    """
    weights = Counter[torch.device]()
    for parameter in model.parameters():
        weights[parameter.device] += parameter.nbytes
    cards = [device for device in weights if device.type == "cuda"]
    if not cards:
        return of_main_memory(sum(weights.values()), _available(), mem_mb)
    # Layers are divided evenly, and so is what they compute.
    return len(cards) * min(
        of_card(*torch.cuda.mem_get_info(card), _unused(card), weights[card], slots) for card in cards
    )


def of_card(free: int, total: int, unused: int, weights: int, slots: int) -> int:
    """Return a job's bytes for batches on one GPU.

    Parameters
    ----------
    free, total : int
        Of the device.
    unused : int
        What PyTorch keeps of it for later tensors.
    weights : int
        Bytes of the model on it.
    slots : int
        Jobs that share it.
    """
    return free + unused if slots == 1 else max(0, total // slots - weights)


def of_main_memory(weights: int, available: int, mem_mb: int | None) -> int:
    """Return a job's bytes for batches on a CPU: of what is available, and of what it asked for.

    Parameters
    ----------
    weights : int
        Bytes of the model, which are in memory already.
    available : int
        Bytes that the machine can still give.
    mem_mb : int or None
        What the job asked for, MB, weights included.
    """
    asked = available if mem_mb is None else mem_mb * 10**6 - weights
    return max(0, int(_MAIN_SHARE * min(available, asked)))


def _unused(card: torch.device) -> int:
    return torch.cuda.memory_reserved(card) - torch.cuda.memory_allocated(card)


def _available() -> int:
    """Return the bytes of main memory that can be had, files that are only cached included."""
    told = Path("/proc/meminfo")
    if told.exists():
        for line in told.read_text(encoding="utf-8").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
