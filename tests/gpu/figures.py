"""Figures of a run on a device: printed at its end, and written to a file."""

import json
import os
from pathlib import Path
from typing import Any

import torch

from prunegrid.predict.hardware import describe_device
from tests.gpu.sizes import DEVICE, PEAKS

FILE = Path(os.environ.get("PRUNEGRID_GPU_FIGURES", "build/gpu.json"))
FOUND: dict[str, Any] = {}


def note(name: str, value: Any) -> None:
    """Keep a figure of this run, and write it: a run may be killed."""
    FOUND[name] = round(value, 4) if isinstance(value, float) else value
    write()


def device_name() -> str:
    return str(describe_device(torch.device(DEVICE))["name"])


def peaks() -> tuple[int, int] | None:
    """Return TFLOP/s and GB/s of this card, None of one that is not listed."""
    return next((peak for card, peak in PEAKS.items() if DEVICE == "cuda" and card in device_name()), None)


def write() -> None:
    """Write the figures with the device's description."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    content = {"device": describe_device(torch.device(DEVICE)), "torch": torch.__version__, "figures": FOUND}
    FILE.write_text(json.dumps(content, indent=1))
