"""MMTok (arXiv 2508.18264)."""

from prunegrid.study.method import Method


class MmTok(Method):
    """Before layer 0 greedily the tokens that cover the prompt and the image together."""

    title = "MMTok"
    paper = "arXiv 2508.18264"
    repository = "github.com/Ironieser/MMTok"
    commit = "d1522cd"
    strategy = "input"
    criterion = "coverage"
    exact = "The greedy coverage, both temperatures (0.02 and 0.2), and the image's weight (0.5)."
    differs = (
        "Text is all tokens after the image, those of the chat template among them; there the question "
        "without stop words and two usual instructions (for Qwen2.5-VL with them). Image tokens are compared "
        "by projector outputs; there by features of the penultimate tower layer. Tiles of a picture are one "
        "pool, there each tile keeps the whole number."
    )
    budget = "All layers have the mean: one cut before layer 0, and positions without gaps."
