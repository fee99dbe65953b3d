"""SCOPE (arXiv 2510.24214)."""

from prunegrid.study.class_token_method import ClassTokenMethod


class Scope(ClassTokenMethod):
    """Before layer 0 greedily the token that covers most of the image, weighted by [CLS] attention."""

    title = "SCOPE"
    paper = "arXiv 2510.24214"
    repository = "github.com/kinredon/SCOPE"
    commit = "6bf7306"
    strategy = "input"
    criterion = "salient_coverage"
    exact = (
        "The greedy rule with exponent 1, attention and features of the penultimate tower layer, and the "
        "order of positions in which kept tokens stand."
    )
    differs = "Tiles of a picture are one pool, there each tile has an equal share of the budget."
    budget = "All layers have the mean: one cut before layer 0, and positions without gaps."
