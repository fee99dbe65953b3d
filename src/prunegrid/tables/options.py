"""Options of the tables: the `tables` section of the configuration, and what they say of the model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prunegrid.axis_names import SHARE


@dataclass(frozen=True)
class TableOptions:
    """Options of both tables.

    Attributes
    ----------
    reference_strategy, reference_criterion : str
        The cell that others are compared with, at the same model, benchmark and ratio.
    fixed_criteria : sequence of str
        Types of criteria, one block of the strategy table each.
    best_of : sequence of str
        Names of random criteria whose best seed per sample, by the gold answers, gets a row.
    replicates, seed : int
        Of the bootstrap and, at least, of the permutations.
    match : str or sequence of str
        What is equal at one ratio: share or tflops_total; several have blocks of their own.
    toy : bool
        Whether the model is a toy, which the tables then say.
    accuracy_margin, cider_margin : float
        Loss that still counts as none, in points of the printed scale (per cent; CIDEr x 100).
    methods : mapping
        Name -> what `prunegrid.study.method.Method` declares, for each method of the study, in their order.
        Rows whose strategy is one of these names stand in the methods table alone.
    reference_method : str
        What other methods are compared with.
    budgets : sequence of (float, str)
        Ratio, and how its budget was written, where that was not as a ratio.
    strategies, criteria : sequence of str
        All names of the study, those of methods behind the others: each has one colour and one marker in all
        figures.
    paper : mapping
        Kind of table, strategy or criterion -> fields of `paper_options.PaperOptions`.
    """

    reference_strategy: str = "hierarchical"
    reference_criterion: str = "attention"
    fixed_criteria: Sequence[str] = ("attention", "attention_shallow", "attention_deep", "random")
    best_of: Sequence[str] = ()
    replicates: int = 10_000
    seed: int = 0
    match: str | Sequence[str] = SHARE
    toy: bool = False
    accuracy_margin: float = 1.0
    cider_margin: float = 2.0
    methods: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    reference_method: str = "random_tokens"
    budgets: Sequence[tuple[float, str]] = ()
    strategies: Sequence[str] = ()
    criteria: Sequence[str] = ()
    paper: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def matchings(self) -> Sequence[str]:
        """All that is equal at one ratio, in blocks of its own if there are several."""
        return (self.match,) if isinstance(self.match, str) else self.match

    @property
    def several_matchings(self) -> bool:
        """Whether rows, blocks and columns have to tell what is equal."""
        return len(self.matchings) > 1

    def matching(self, match: str) -> str:
        """Return what is equal at the ratio of a row, whose own `match` is empty where there is but one."""
        return match or (SHARE if self.several_matchings else self.matchings[0])

    def budget_words(self, ratio: float) -> str:
        """Return how a budget is called: as it was written, and its ratio."""
        words = dict(self.budgets).get(ratio)
        return f"{words} (ratio {ratio:g})" if words else f"ratio {ratio:g}"

    def margin(self, metric: str) -> float:
        """Return the non-inferiority margin of a headline metric in its natural units."""
        return (self.cider_margin if metric == "cider" else self.accuracy_margin) / SCALE


# Accuracies and CIDEr are stored as pycocoevalcap and everyone's code return them, and printed x 100.
SCALE = 100.0
