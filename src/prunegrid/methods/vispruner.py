"""VisPruner (arXiv 2412.01818)."""

from typing import ClassVar

from prunegrid.study.method import Method


class VisPruner(Method):
    """Before layer 0 half of the tokens by [CLS] attention stay, and what repeats least of the others."""

    title = "VisPruner"
    paper = "arXiv 2412.01818"
    repository = "github.com/Theia-4869/VisPruner"
    commit = "aefa01a"
    strategy = "input"
    criterion = "deduplication"
    exact = (
        "The score and the features, of the penultimate tower layer, which tokens each round drops, and "
        "half of the tokens by attention, where all numbers are even."
    )
    differs = (
        "The published code fails where a list of tokens has an odd length; here one half of it is longer. "
        "Tiles of a picture are one pool, there each tile keeps the whole number."
    )
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
