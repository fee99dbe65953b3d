"""The device that a model runs on: its name, its memory, and the threads of a CPU."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
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


def describe_model(model: PreTrainedModel) -> dict[str, str]:
    """Return `dtype` and `attn_implementation` of a model, on which its numbers depend like on the device."""
    return {
        "dtype": str(model.dtype).removeprefix("torch."),
        "attn_implementation": model.config.get_text_config()._attn_implementation,
    }


def synchronise(devices: Iterable[torch.device]) -> None:
    """Wait until devices have done what they were given; a CPU has."""
    for device in devices:
        if device.type == "cuda":
            torch.cuda.synchronize(device)


def _processor() -> str:
    """Return the CPU's name; `platform` does not know it on Linux."""
    listed = Path("/proc/cpuinfo")
    if listed.exists():
        for line in listed.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
