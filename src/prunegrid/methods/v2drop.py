"""V2Drop (arXiv 2509.01552)."""

from typing import Any, ClassVar

from prunegrid.study.method import Method


class V2Drop(Method):
    """Cuts before layers 3, 17 and 22 of 32: the tokens that the layer before changed least are dropped."""

    title = "V2Drop"
    paper = "arXiv 2509.01552"
    repository = "github.com/xuyang-liu16/V2Drop"
    commit = "219e03e"
    strategy = "pyramid"
    strategy_options: ClassVar[dict[str, Any]] = {"layers": [0.09375, 0.53125, 0.6875]}
    criterion = "displacement"
    exact = "The score, and positions that stay as they were."
    differs = (
        "The published code keeps 1/2, 1/2 and one token; here each cut keeps the same share. For Qwen2-VL "
        "it has other layers (3, 16 and 22 of 28) and shares (1/4, 1/20, one token)."
    )
    budget = "Each cut keeps the same share of what is present, solved for the mean."
