"""VisionZip (arXiv 2412.04467)."""

from typing import ClassVar

from prunegrid.study.method import Method


class VisionZip(Method):
    """Before layer 0: dominant tokens by [CLS] attention, and averages of the others."""

    title = "VisionZip"
    paper = "arXiv 2412.04467"
    repository = "github.com/dvlab-research/VisionZip"
    commit = "3151f6d"
    strategy = "input"
    criterion = "visionzip"
    exact = "Dominant tokens, targets at equal steps, and averages by the tower's keys."
    differs = "The [CLS] token itself is not handed to the decoder."
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
