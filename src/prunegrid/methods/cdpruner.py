"""CDPruner (arXiv 2506.10967)."""

from prunegrid.study.method import Method


class CdPruner(Method):
    """Greedy MAP of a determinantal point process whose quality is the relevance to the prompt."""

    title = "CDPruner"
    paper = "arXiv 2506.10967"
    repository = "github.com/Theia-4869/CDPruner"
    commit = "9541616"
    strategy = "input"
    criterion = "conditional_dpp"
    exact = "The kernel and the greedy MAP."
    differs = (
        "Relevance is from the model's own embeddings of the text: the published code takes it from "
        "CLIP's text tower, which no decoder has, and with its sign turned: patches least like the text are "
        "the most relevant there. Tiles of a picture are one pool, there each tile keeps the whole number."
    )
    budget = "All layers have the mean: one cut before layer 0, and positions without gaps."
