"""Which device these tests run on, and how large their model is there.

PRUNEGRID_GPU_TESTS=cpu runs them on a CPU with a tiny model, to try the tests themselves;
PRUNEGRID_GPU_SIZE=7b on a GPU with a model as large as LLaVA-1.5-7B.
"""

import os
from dataclasses import dataclass

import torch

NOT_RUN = "not run: no GPU"
DEVICE = os.environ.get("PRUNEGRID_GPU_TESTS", "cuda")
HAS_DEVICE = DEVICE == "cpu" or torch.cuda.is_available()


@dataclass(frozen=True)
class Size:
    """Shape of a LLaVA-1.5: Llama decoder and CLIP tower.

    Attributes
    ----------
    layers, hidden, inner, heads, vocabulary : int
        Of the decoder.
    tower_layers, tower_hidden, tower_inner, tower_heads, picture, patch : int
        Of the tower; sides of picture and patch in pixels.
    samples, large_batch : int
        What is run.
    """

    layers: int
    hidden: int
    inner: int
    heads: int
    vocabulary: int
    tower_layers: int
    tower_hidden: int
    tower_inner: int
    tower_heads: int
    picture: int
    patch: int
    samples: int
    large_batch: int


# 0.8 billion parameters, 1.7 GB in 16 bit: a fourth of the 7B's layers at half its width, its whole tower.
LARGE = Size(8, 2048, 5504, 16, 32064, 24, 1024, 4096, 16, 336, 14, 64, 64)
TINY = Size(8, 64, 96, 4, 600, 2, 32, 48, 2, 64, 8, 8, 8)
# LLaVA-1.5-7B, 14 GB.
SEVEN = Size(32, 4096, 11008, 32, 32064, 24, 1024, 4096, 16, 336, 14, 64, 64)
SIZE = TINY if DEVICE == "cpu" else SEVEN if os.environ.get("PRUNEGRID_GPU_SIZE") == "7b" else LARGE
HALF = ("float16", "bfloat16")
# Dense 16-bit TFLOP/s and GB/s of memory, as their makers state them.
PEAKS = {"H100": (989, 3350), "H200": (989, 4800), "A100": (312, 2039), "L40S": (362, 864), "A10": (125, 600)}
