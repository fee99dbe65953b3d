"""HoloV (arXiv 2510.02912)."""

from typing import ClassVar

from prunegrid.study.method import Method


class HoloV(Method):
    """Before layer 0: quotas of 16 chunks by attention and variance, filled by attention."""

    title = "HoloV"
    paper = "arXiv 2510.02912"
    repository = "github.com/obananas/HoloV"
    commit = "1d2e65e"
    strategy = "input"
    criterion = "chunks"
    exact = "Chunks, quotas, and the choice inside."
    budget = "All layers have the mean: one cut before layer 0, and positions without gaps."
    cannot: ClassVar[dict[str, str]] = {
        "gemma3": "SigLIP has no [CLS] token",
        "idefics3": "SigLIP has no [CLS] token",
        "llava_onevision": "SigLIP has no [CLS] token",
        "qwen2_5_vl": "its tower has no [CLS] token",
        "qwen2_vl": "its tower has no [CLS] token",
        "qwen3_vl": "its tower has no [CLS] token",
        "smolvlm": "SigLIP has no [CLS] token",
    }
