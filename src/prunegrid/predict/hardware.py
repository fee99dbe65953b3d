"""The device that a model runs on: its name, its memory and what is free of it, the threads of a CPU."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel


def describe_device(device: torch.device) -> dict[str, Any]:
    """Return what numbers and times on a device depend on.

    Parameters
    ----------
    device : torch.device
        Of any index.

    Returns
    -------
    dict
        `type` (cuda, cpu), `name` of the card or processor, `memory_gb` (2**30 bytes) in all, `cuda`: the
        version that torch was built for, `threads` of a CPU; None where it does not apply.
    """
    if device.type == "cuda":
        card = torch.cuda.get_device_properties(device)
        name, memory = card.name, card.total_memory
    else:
        name, memory = _processor(), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "type": device.type,
        "name": name,
        "memory_gb": round(memory / 2**30, 1),
        "cuda": torch.version.cuda if device.type == "cuda" else None,
        "threads": None if device.type == "cuda" else torch.get_num_threads(),
    }


def free_bytes(model: PreTrainedModel) -> int:
    """Return the memory that is free on the devices that hold a model, in bytes; on a CPU, main memory.

    What PyTorch keeps for later tensors counts as free.
    """
    devices = {parameter.device for parameter in model.parameters()}
    if any(device.type == "cuda" for device in devices):
        cards = [device for device in devices if device.type == "cuda"]
        kept = sum(torch.cuda.memory_reserved(card) - torch.cuda.memory_allocated(card) for card in cards)
        return kept + sum(torch.cuda.mem_get_info(card)[0] for card in cards)
    told = Path("/proc/meminfo")
    if told.exists():
        for line in told.read_text(encoding="utf-8").splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _processor() -> str:
    """Return the CPU's name; `platform` does not know it on Linux."""
    listed = Path("/proc/cpuinfo")
    if listed.exists():
        for line in listed.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
