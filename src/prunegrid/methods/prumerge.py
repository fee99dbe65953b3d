"""PruMerge+ (arXiv 2403.15388)."""

from typing import Any, ClassVar

from prunegrid.study.class_token_method import ClassTokenMethod


class PruMerge(ClassTokenMethod):
    """Before layer 0 outliers of the [CLS] similarity stay, and evenly spaced tokens, with their nearest."""

    title = "PruMerge+"
    paper = "arXiv 2403.15388"
    repository = "github.com/42Shawn/LLaVA-PruMerge"
    commit = "097c041"
    strategy = "input"
    criterion = "prumerge"
    criterion_options: ClassVar[dict[str, Any]] = {"merge": "weighted"}
    exact = (
        "The score, softmax(q_cls k / sqrt C) of the last tower layer with heads joined; outliers above "
        "Q3 + 1.5 IQR; and the sum over the 32 nearest keys, each times its score, before the projector."
    )
    differs = (
        "The published count follows from the outliers of each picture: here it is the budget's, outliers "
        "first, and the rest evenly spaced among the other tokens, there over all by a step that the "
        "outliers tell. Its one more token, the sum of the dropped, is left out. Tokens stand in the "
        "picture's order, there outliers come first."
    )
    budget = "All layers have the mean: one cut before layer 0, and positions without gaps."
