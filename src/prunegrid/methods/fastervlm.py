"""FasterVLM (arXiv 2412.01818)."""

from prunegrid.study.class_token_method import ClassTokenMethod


class FasterVlm(ClassTokenMethod):
    """Before layer 0 the tokens with the highest [CLS] attention stay."""

    title = "FasterVLM"
    paper = "arXiv 2412.01818"
    repository = "github.com/Theia-4869/FasterVLM"
    commit = "f5d5f12"
    strategy = "input"
    criterion = "cls_attention"
    exact = "The score, head mean of the penultimate tower layer."
    differs = "Tiles of a picture are one pool, there each tile keeps the whole number."
    budget = "All layers have the mean: one cut before layer 0, and positions without gaps."
