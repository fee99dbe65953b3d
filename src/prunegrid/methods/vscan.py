"""VScan (arXiv 2505.22654)."""

from typing import Any, ClassVar

from prunegrid.study.method import Method


class VScan(Method):
    """Before layer 0 half of the tokens from windows, half from anywhere, then a third of them at L/2."""

    title = "VScan"
    paper = "arXiv 2505.22654"
    repository = "github.com/Tencent/SelfEvolvingAgent"
    commit = "a82450e"
    strategy = "pyramid"
    strategy_options: ClassVar[dict[str, Any]] = {
        "layers": [0, 0.5],
        "later": 0.3333333333333333,
        "positions": "contiguous",
    }
    criterion = "staged"
    criterion_options: ClassVar[dict[str, Any]] = {
        "parts": ["windows", "attention_own"],
        "merges": ["average", "drop"],
    }
    exact = (
        "Both scores, of the sixth and the penultimate of 24 tower layers; 4 x 4 windows, where half of the "
        "tokens divides by 16; dropped projector outputs averaged into the most similar; the cut at L/2 by "
        "layer L/2's own attention from the last prompt token; positions that move up."
    )
    differs = (
        "Where half of the tokens does not divide by the windows, the published code keeps fewer than it is "
        "asked for; here the next best of windows make it up. Tiles of a picture are one pool, there each "
        "tile has a budget of its own."
    )
    budget = "3/2 of the mean up to layer L/2, and 1/2 of it from there on, as the paper's 96 and 32 for 64."
    cannot: ClassVar[dict[str, str]] = {
        "gemma3": "SigLIP has no [CLS] token",
        "idefics3": "SigLIP has no [CLS] token",
        "llava_onevision": "SigLIP has no [CLS] token",
        "qwen2_5_vl": "its tower has no [CLS] token; the authors read the attention received there",
        "qwen2_vl": "its tower has no [CLS] token",
        "qwen3_vl": "its tower has no [CLS] token",
        "smolvlm": "SigLIP has no [CLS] token",
    }
