"""Clocks of an NVIDIA card, and what holds them back, as `nvidia-smi` tells."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

import torch

# Column of `nvidia-smi --query-gpu` -> what it is called here.
_QUERY = {
    "name": "card",
    "driver_version": "driver",
    "clocks.sm": "clock_mhz",
    "clocks.mem": "memory_clock_mhz",
    "clocks_throttle_reasons.active": "throttle",
    "temperature.gpu": "celsius",
    "power.draw": "watts",
}
_TIMEOUT = 20  # seconds


@dataclass(frozen=True)
class Clocks:
    """Reads the clocks of the device that a model runs on; of a CPU, or without `nvidia-smi`, there are none.

    Attributes
    ----------
    device : torch.device
        Of a model; of several, the first.
    """

    device: torch.device

    def read(self) -> dict[str, str] | None:
        """Return what `nvidia-smi` tells now: card, driver, clocks (MHz), throttle reasons (a bit mask)."""
        tool = shutil.which("nvidia-smi")
        if self.device.type != "cuda" or tool is None:
            return None
        card = f"GPU-{torch.cuda.get_device_properties(self.device).uuid}"
        return query(tool, card)


def query(tool: str, card: str) -> dict[str, str] | None:
    """Return what `nvidia-smi` tells of a card now, None where it fails or tells something else.

    Parameters
    ----------
    tool : str
        The program.
    card : str
        The card's UUID, or its number.
    """
    command = [tool, f"--id={card}", f"--query-gpu={','.join(_QUERY)}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    values = [value.strip() for value in done.stdout.strip().split(",")]
    if done.returncode or len(values) != len(_QUERY):
        return None
    return dict(zip(_QUERY.values(), values, strict=True))


def megahertz(read: dict[str, str] | None) -> int | None:
    """Return the clock of a reading, MHz; None where there is none."""
    text = (read or {}).get("clock_mhz", "")
    return int(text) if text.isdigit() else None
