"""FastV: one cut early in the decoder, by what the last prompt token looks at (arXiv 2403.06764)."""

from typing import Any, ClassVar

from prunegrid.study.method import Method


class FastV(Method):
    """Before layer K = 2, the highest attention of layer K - 1 from the last prompt token stays."""

    title = "FastV"
    paper = "arXiv 2403.06764"
    repository = "github.com/pkunlp-icler/FastV"
    commit = "d165972"
    strategy = "single"
    strategy_options: ClassVar[dict[str, Any]] = {"layer": 2}
    criterion = "attention_last"
    exact = "Kept tokens, logits of the prefill, and generation with a key-value cache, in float32."
    differs = (
        "Without a cache the published code prunes anew at every generated token; here tokens are dropped "
        "once. Its fork rounds half to even, and in 16 bit it ranks in the model's dtype: some kept tokens "
        "then differ."
    )
    budget = "All N tokens in layers 0 and 1, and as many in each later layer as give the mean."
