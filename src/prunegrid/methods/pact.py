"""PACT (arXiv 2504.08966)."""

from typing import Any, ClassVar

from prunegrid.study.method import Method


class Pact(Method):
    """Before layer 4, by the mean image query's attention times the norm of the hidden state, then merged."""

    title = "PACT"
    paper = "arXiv 2504.08966"
    repository = "github.com/orailix/PACT"
    commit = "cf9a0c9"
    strategy = "single"
    strategy_options: ClassVar[dict[str, Any]] = {"layer": 4}
    criterion = "pact"
    criterion_options: ClassVar[dict[str, Any]] = {"merge": "average"}
    exact = (
        "The formula of the score: softmax of the mean image query, mean of the heads, times the L2 norm of "
        "what enters layer 4."
    )
    differs = (
        "The published code takes layer 4's own queries and keys, before rotary positions; here they are "
        "layer 3's, with these. Its clusters have a distance as their budget, not a count: here dropped "
        "tokens are averaged into the most similar kept one."
    )
    budget = "All N tokens before the cut, and as many in each later layer as give the mean."
