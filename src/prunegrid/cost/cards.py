"""Figures of graphics cards, from their makers' data sheets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Card:
    """A graphics card.

    Attributes
    ----------
    name : str
        As its maker calls it.
    tflops : float
        Peak of dense matrix products in 16 bit, accumulated in float32, 1e12 per second.
    gb_per_second : float
        Peak bandwidth of its memory, 1e9 bytes per second.
    memory_gb : float
        Its memory, 1e9 bytes.
    """

    name: str
    tflops: float
    gb_per_second: float
    memory_gb: float


# Without sparsity, of which no model here makes use.
CARDS = {
    "h200": Card("NVIDIA H200 SXM", 989, 4800, 141),
    "h100": Card("NVIDIA H100 SXM", 989, 3350, 80),
    "h100-pcie": Card("NVIDIA H100 PCIe", 756, 2000, 80),
    "a100-80gb": Card("NVIDIA A100 SXM 80 GB", 312, 2039, 80),
    "a100-40gb": Card("NVIDIA A100 SXM 40 GB", 312, 1555, 40),
    "l40s": Card("NVIDIA L40S", 362, 864, 48),
    "v100": Card("NVIDIA V100 SXM2 32 GB", 125, 900, 32),
    "a10": Card("NVIDIA A10", 125, 600, 24),
    "rtx4090": Card("NVIDIA GeForce RTX 4090", 165, 1008, 24),
    "rtx3090": Card("NVIDIA GeForce RTX 3090", 71, 936, 24),
}
