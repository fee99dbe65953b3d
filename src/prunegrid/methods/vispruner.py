"""VisPruner (arXiv 2412.01818)."""

from prunegrid.study.class_token_method import ClassTokenMethod


class VisPruner(ClassTokenMethod):
    """Before layer 0 half of the tokens by [CLS] attention stay, and what repeats least of the others."""

    title = "VisPruner"
    paper = "arXiv 2412.01818"
    repository = "github.com/Theia-4869/VisPruner"
    commit = "aefa01a"
    strategy = "input"
    criterion = "deduplication"
    exact = (
        "The score and the features, of the penultimate tower layer, which tokens each round drops, and "
        "half of the tokens by attention, where all numbers are even."
    )
    differs = (
        "The published code fails where a list of tokens has an odd length; here one half of it is longer. "
        "Tiles of a picture are one pool, there each tile keeps the whole number."
    )
    budget = "All layers have the mean: one cut before layer 0, and positions without gaps."
