"""Qwen2.5-VL (arXiv 2502.13923)."""

from dataclasses import dataclass

from prunegrid.models.qwen2_vl import Qwen2VL


@dataclass(frozen=True)
class Qwen25VL(Qwen2VL):
    """Nothing differs from Qwen2-VL."""
