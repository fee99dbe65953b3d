"""VisPruner (arXiv 2412.01818)."""

from typing import ClassVar

from prunegrid.study.method import Method


class VisPruner(Method):
    """Before layer 0: some by [CLS] attention, the rest by removing near duplicates."""

    title = "VisPruner"
    paper = "arXiv 2412.01818"
    repository = "github.com/Theia-4869/VisPruner"
    commit = "aefa01a"
    strategy = "input"
    criterion = "vispruner"
    exact = "Both parts and their share."
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
