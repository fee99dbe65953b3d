"""FitPrune (arXiv 2409.10197)."""

from prunegrid.study.method import Method


class FitPrune(Method):
    """In every layer the tokens of the lowest product of text and image attention are deleted."""

    title = "FitPrune"
    paper = "arXiv 2409.10197"
    repository = "github.com/ywh187/FitPrune"
    commit = "d28e418"
    strategy = "uniform"
    criterion = "fitprune"
    exact = (
        "The score: maximum over heads, text to image times image to image; and positions that stay as they "
        "were."
    )
    differs = (
        "The published code drops between a layer's attention and its feed-forward part, here behind the "
        "layer. Its counts per layer are fitted on samples; here every layer drops the same share of what is "
        "present."
    )
    budget = "a_l = (1 - p)^l, p solved for the mean."
