"""FasterVLM (arXiv 2412.01818)."""

from typing import ClassVar

from prunegrid.study.method import Method


class FasterVlm(Method):
    """Before layer 0 the tokens with the highest [CLS] attention stay."""

    title = "FasterVLM"
    paper = "arXiv 2412.01818"
    repository = "github.com/Theia-4869/FasterVLM"
    commit = "f5d5f12"
    strategy = "input"
    criterion = "cls_attention"
    exact = "The score, head mean of the penultimate tower layer."
    differs = "Tiles of a picture are one pool, there each tile keeps the whole number."
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
