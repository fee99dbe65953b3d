"""Average pooling of the grid of image tokens: a baseline."""

from typing import Any, ClassVar

from prunegrid.study.method import Method


class Pool(Method):
    """Before layer 0 the projector's grid of outputs is averaged to a coarser one."""

    title = "average pooling"
    paper = "no paper: a baseline of pruning benchmarks"
    strategy = "input"
    criterion = "pool"
    criterion_options: ClassVar[dict[str, Any]] = {"merge": "weighted"}
    exact = (
        "Adaptive average pooling in two dimensions, as torch.nn.functional.adaptive_avg_pool2d, where the "
        "rows of the coarser grid divide its tokens."
    )
    differs = (
        "Elsewhere some rows have one token more than others, so that exactly the budget's tokens are left. "
        "Tiles, pictures and LLaVA-NeXT's whole picture share the budget by their tokens. An end of a row "
        "stays where the coarser row has more than one token."
    )
    budget = "All layers have the mean: one cut before layer 0, and positions without gaps."
    cannot: ClassVar[dict[str, str]] = {
        "qwen3_vl": "what its decoder adds to image tokens after the first layers would not be averaged"
    }
