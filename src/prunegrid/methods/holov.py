"""HoloV (arXiv 2510.02912)."""

from typing import ClassVar

from prunegrid.study.method import Method


class HoloV(Method):
    """Before layer 0 each of 16 chunks of successive tokens has a quota, filled by [CLS] attention."""

    title = "HoloV"
    paper = "arXiv 2510.02912"
    repository = "github.com/obananas/HoloV"
    commit = "1d2e65e"
    strategy = "input"
    criterion = "chunks"
    exact = (
        "Of the code for LLaVA: chunks, scores, in which the variance of cosines cancels but for its 1e-6, "
        "quotas, and the highest attention in a chunk."
    )
    differs = (
        "Kept tokens stand in the order of positions; there those of a chunk stand by attention. Where a "
        "quota is more than a chunk holds, the next best tokens stay; there zeros fill up. The code for "
        "Qwen2.5-VL, with other chunks and another attention, is not reproduced."
    )
    budget = "All layers have the mean: one cut before layer 0, and positions without gaps."
    cannot: ClassVar[dict[str, str]] = {
        "gemma3": "SigLIP has no [CLS] token",
        "idefics3": "SigLIP has no [CLS] token",
        "llava_onevision": "SigLIP has no [CLS] token",
        "qwen2_5_vl": "its tower has no [CLS] token; the authors' other code, for it, is not reproduced",
        "qwen2_vl": "its tower has no [CLS] token",
        "qwen3_vl": "its tower has no [CLS] token",
        "smolvlm": "SigLIP has no [CLS] token",
    }
