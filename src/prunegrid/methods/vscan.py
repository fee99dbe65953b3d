"""VScan (arXiv 2505.22654)."""

from typing import Any, ClassVar

from prunegrid.study.method import Method


class VScan(Method):
    """Before layer 0 by windows and globally, merged; then before layer 16 of 32 by the last row."""

    title = "VScan"
    paper = "arXiv 2505.22654"
    repository = "github.com/Tencent/SelfEvolvingAgent"
    commit = "a82450e"
    strategy = "pyramid"
    strategy_options: ClassVar[dict[str, Any]] = {"layers": [0, 0.5], "positions": "contiguous"}
    criterion = "staged"
    criterion_options: ClassVar[dict[str, Any]] = {"parts": ["windows", "attention_last"], "merge": "average"}
    exact = "Both selections of the tower, and the later cut's score."
    differs = (
        "Each cut keeps the same share of what is present, in place of published ones, and the later cut "
        "averages, too."
    )
    budget = "Cuts before layers 0 and L/2; the share is solved for the mean."
    cannot: ClassVar[dict[str, str]] = {
        "gemma3": "SigLIP has no [CLS] token",
        "idefics3": "SigLIP has no [CLS] token",
        "llava_onevision": "SigLIP has no [CLS] token",
        "qwen2_5_vl": "its tower has no [CLS] token",
        "qwen2_vl": "its tower has no [CLS] token",
        "qwen3_vl": "its tower has no [CLS] token",
        "smolvlm": "SigLIP has no [CLS] token",
    }
