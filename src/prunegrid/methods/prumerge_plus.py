"""PruMerge+ (arXiv 2403.15388)."""

from typing import ClassVar

from prunegrid.study.method import Method


class PruMergePlus(Method):
    """Before layer 0: outliers of the last [CLS] row and tokens at equal steps, merged by keys."""

    title = "PruMerge+"
    paper = "arXiv 2403.15388"
    repository = "github.com/42Shawn/LLaVA-PruMerge"
    commit = "097c041"
    strategy = "input"
    criterion = "prumerge"
    exact = "Scores with unsplit heads, outliers above Q3 + 1.5 IQR, and tokens at equal steps."
    differs = "The number of tokens is the budget's, where the published code takes as many as are outliers."
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
